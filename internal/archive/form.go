package archive

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/minio/minio-go/v7"
)

// signedSize is up to which size an upload is always signed: to hash it once more costs nothing.
const signedSize = 1 << 20

// form is how the content of uploads is sent. Its signature hashes what the checksum behind it
// hashes, too, at the client and at the store: without it uploads are a fifth faster. But there are
// servers that take an upload without it from anyone who knows an access key (CVE-2026-40344,
// CVE-2026-41145), so proxies in front of them refuse this form of request. Then content is signed.
type form struct {
	known atomic.Int32
	// asking is held by the upload that asks the store.
	asking chan struct{}
}

// The values of form.known.
const (
	formUnknown = iota
	formSigned
	formUnsigned
)

// signs reports whether the content of an upload to key is to be signed. It asks the store once,
// with an upload that cannot come about: only an object with an ETag that none has would be
// replaced. Of several uploads one asks, and the others wait for that, if their contexts let them.
func (s *Store) signs(ctx context.Context, bucket, key string, size int64, checksum minio.ChecksumType) bool {
	if size <= signedSize {
		return true
	}
	if known := s.form.known.Load(); known != formUnknown {
		return known == formSigned
	}
	select {
	case s.form.asking <- struct{}{}:
		if s.form.known.Load() == formUnknown { // none has asked meanwhile
			s.form.known.Store(s.askForm(ctx, bucket, key, checksum))
		}
	default:
		select {
		case s.form.asking <- struct{}{}: // who asked has an answer, or there is none to be had now
		case <-ctx.Done():
			return true // and fails
		}
	}
	<-s.form.asking
	// A signed upload is taken almost everywhere; the next one asks again.
	return s.form.known.Load() != formUnsigned
}

func (s *Store) askForm(ctx context.Context, bucket, key string, checksum minio.ChecksumType) int32 {
	opts := minio.PutObjectOptions{
		DisableMultipart: true, DisableContentSha256: true, Checksum: checksum,
	}
	opts.SetMatchETag(strings.Repeat("0", 32))
	_, err := s.api.Client.PutObject(ctx, bucket, key, strings.NewReader("?"), 1, opts)
	var answer minio.ErrorResponse
	switch {
	case err == nil, // the upload that follows replaces it
		errors.As(err, &answer) && isS3(answer) &&
			(answer.Code == minio.PreconditionFailed || answer.Code == minio.NoSuchKey):
		return formUnsigned
	case refusesForm(err):
		return formSigned
	default:
		return formUnknown
	}
}

// onRefusal has the next large upload ask again, if err says that one was refused: a proxy that
// refuses the form may have been put in front of the store, or taken away, since it was asked.
func (s *Store) onRefusal(err error) {
	if refusesForm(err) {
		s.form.known.Store(formUnknown)
	}
}

// refusesForm reports whether an answer may mean that the form of a request is not taken.
func refusesForm(err error) bool {
	answer, ok := errors.AsType[minio.ErrorResponse](err)
	return ok && (answer.StatusCode >= 400 && answer.StatusCode < 500 ||
		answer.StatusCode == http.StatusNotImplemented)
}
