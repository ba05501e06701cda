package archive

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"
)

// signedSize is up to which size an upload is always signed: to hash it once more costs nothing.
const signedSize = 1 << 20

// form is how the content of uploads is sent. Its signature hashes what the checksum behind it
// hashes, too, at the client and at the store: without it uploads are a fifth faster. But there are
// servers that take an upload without it from anyone who knows an access key (CVE-2026-40344,
// CVE-2026-41145), so proxies in front of them refuse this form of request. Then content is signed.
type form struct {
	mu     sync.Mutex
	known  bool
	signed bool
}

// signs reports whether the content of an upload to key is to be signed. It asks the store once,
// with an upload that cannot come about: only an object with an ETag that none has would be
// replaced.
func (s *Store) signs(ctx context.Context, bucket, key string, size int64, checksum minio.ChecksumType) bool {
	if size <= signedSize {
		return true
	}
	s.form.mu.Lock()
	defer s.form.mu.Unlock()
	if s.form.known {
		return s.form.signed
	}
	opts := minio.PutObjectOptions{
		DisableMultipart: true, DisableContentSha256: true, Checksum: checksum,
	}
	opts.SetMatchETag(strings.Repeat("0", 32))
	_, err := s.api.Client.PutObject(ctx, bucket, key, strings.NewReader("?"), 1, opts)
	var answer minio.ErrorResponse
	switch {
	case err == nil, // the upload that follows replaces it
		errors.As(err, &answer) && (answer.Code == minio.PreconditionFailed || answer.Code == minio.NoSuchKey):
		s.form.known = true
	case errors.As(err, &answer) && refusesForm(answer.StatusCode):
		s.form.known, s.form.signed = true, true
	default:
		return true // the next one asks again; a signed upload is taken everywhere
	}
	return s.form.signed
}

// refusesForm reports whether an answer may mean that the form of a request is not taken.
func refusesForm(status int) bool {
	return status >= 400 && status < 500 || status == http.StatusNotImplemented
}
