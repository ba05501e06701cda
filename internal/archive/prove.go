package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	createCondition  = "conditional writes with If-None-Match"
	replaceCondition = "conditional writes with If-Match"
	// otherETag has the form of an ETag and is that of no document.
	otherETag = "00000000000000000000000000000000"
	// abortLimit bounds the end of an upload that was begun only to see the store confirm.
	abortLimit = 10 * time.Second
)

// proofs is what this process has seen of the store's buckets. The zero value has seen nothing.
type proofs struct {
	mu      sync.Mutex
	buckets map[string]proof
}

type proof struct {
	proved bool
	// unconfirmed is the last write's error where the store did not confirm it.
	unconfirmed error
}

func (p *proofs) of(bucket string) proof {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buckets[bucket]
}

func (p *proofs) change(bucket string, change func(*proof)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.buckets[bucket]
	change(&known)
	if p.buckets == nil {
		p.buckets = map[string]proof{}
	}
	p.buckets[bucket] = known
}

// confirm forgets a write that was not confirmed: the store has been mended.
func (p *proofs) confirm(bucket string) {
	p.change(bucket, func(known *proof) { known.unconfirmed = nil })
}

// Proved reports whether this process has seen the bucket's store keep to conditional writes and
// confirm checksums. A write that the store does not confirm withdraws the proof.
func (s *Store) Proved(bucket string) bool { return s.proofs.of(bucket).proved }

// Prove tests the store with a document of ours, which was written to the bucket under key with
// content v and has this ETag. The store has to
//   - give back the document as it was written, with the same ETag,
//   - refuse to create it again (If-None-Match: *) and to replace it by another ETag (If-Match),
//   - confirm the SHA256, CRC32C and CRC64NVME checksums of parts of uploads, refuse parts with
//     wrong ones, and abort the uploads.
//
// Afterwards the bucket holds what it held before: no write of the test takes effect on a store
// that passes. One that ignores conditions overwrites the document with its own bytes, which may
// change its ETag. If the document is deleted during the test, the store creates it again and
// counts as one that ignores If-None-Match.
//
// On success the bucket counts as proved. A defect is a final *Error that names it and says what to
// do. It is not remembered, so the next Prove finds a mended store; only a write that was not
// confirmed (ErrUnconfirmed) is, until a later document is. ErrPrecondition means that the document
// is not ours any more and that nothing was tested. Any other error means that the test could not
// be finished. Two things cannot be tested without leaving objects behind: that conditional writes
// are atomic, and the checksum that the store gives a completed multipart upload.
func (s *Store) Prove(ctx context.Context, bucket, key, etag string, v any) error {
	data, err := encode(bucket, key, v)
	if err != nil {
		return err
	}
	if err := s.proofs.of(bucket).unconfirmed; err != nil {
		return err
	}
	// Reading comes first: over another's document ours must not be sent to a store that may ignore
	// conditions.
	for _, test := range []func(context.Context, string, string, string, []byte) error{
		s.testReading, s.testCreating, s.testReplacing, s.testChecksums,
	} {
		if err := test(ctx, bucket, key, etag, data); err != nil {
			return err
		}
	}
	s.proofs.change(bucket, func(known *proof) { known.proved = known.unconfirmed == nil })
	return s.proofs.of(bucket).unconfirmed
}

func (s *Store) testReading(ctx context.Context, bucket, key, etag string, data []byte) error {
	// Without the store's checksum, after which minio-go would report a changed document as one
	// that cannot be read.
	content, info, err := s.open(ctx, bucket, key, minio.GetObjectOptions{})
	if errors.Is(err, ErrNotFound) {
		return s.defect(bucket, key, "the store does not have the document that it said it has written", useFaithful)
	}
	if err != nil {
		return err
	}
	defer content.Close()
	found, err := io.ReadAll(io.LimitReader(content, int64(len(data))+1))
	if err != nil {
		return s.failure("read", bucket, key, err)
	}
	switch same := bytes.Equal(found, data); {
	case same && info.ETag == etag:
		return nil
	case same:
		return s.defect(bucket, key, fmt.Sprintf("the store gives a document the ETag %q when it is written "+
			"and %q when it is read", etag, info.ETag), useFaithful)
	case info.ETag == etag:
		return s.defect(bucket, key, "the store gives back another content than was written", useFaithful)
	default:
		return fmt.Errorf("test %s/%s: %w", bucket, key, ErrPrecondition)
	}
}

func (s *Store) testCreating(ctx context.Context, bucket, key, _ string, data []byte) error {
	_, err := s.create(ctx, bucket, key, data)
	return s.requireRefusal(bucket, key, err, "the store ignores If-None-Match: it wrote over an object that exists")
}

func (s *Store) testReplacing(ctx context.Context, bucket, key, _ string, data []byte) error {
	_, err := s.replace(ctx, bucket, key, otherETag, data)
	return s.requireRefusal(
		bucket,
		key,
		err,
		"the store ignores If-Match: it wrote over an object that has another ETag",
	)
}

// requireRefusal judges the outcome of a conditional write whose condition does not hold.
func (s *Store) requireRefusal(bucket, key string, err error, ignored string) error {
	switch {
	case err == nil:
		return s.defect(bucket, key, ignored, useConditionalWrites)
	case errors.Is(err, ErrPrecondition):
		return nil
	default:
		return err
	}
}

// testChecksums sends parts as documents are sent, and stems of known and of unknown size.
// Documents and small stems announce their checksums, as the parts of stems of unknown size do.
func (s *Store) testChecksums(ctx context.Context, bucket, key, _ string, data []byte) error {
	for _, algorithm := range []minio.ChecksumType{
		minio.ChecksumSHA256, minio.ChecksumCRC32C, minio.ChecksumCRC64NVME,
	} {
		if err := s.testChecksum(ctx, bucket, key, data, algorithm); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) testChecksum(
	ctx context.Context, bucket, key string, data []byte, algorithm minio.ChecksumType,
) (err error) {
	// minio-go's own PutObject sends the same headers.
	headers := map[string]string{algorithmHeader: algorithm.String()}
	if algorithm.FullObjectRequested() {
		headers["X-Amz-Checksum-Type"] = minio.ChecksumFullObjectMode.String()
	}
	uploadID, err := s.api.NewMultipartUpload(ctx, bucket, key, minio.PutObjectOptions{
		ContentType: "application/json", UserMetadata: headers,
	})
	if err == nil && uploadID == "" {
		err = errNotS3
	}
	if err != nil {
		return s.partFailure(bucket, key, algorithm, err)
	}
	defer func() {
		if abortErr := s.abort(ctx, bucket, key, uploadID); err == nil {
			err = abortErr
		}
	}()

	sum := checksum(algorithm, data)
	confirmed, err := s.sendPart(ctx, bucket, key, uploadID, 1, data, algorithm, sum)
	if err != nil {
		s.onRefusal(err)
		return s.partFailure(bucket, key, algorithm, err)
	}
	if confirmed != sum {
		return s.notConfirmed("test", bucket, key, algorithm, confirmed)
	}
	_, err = s.sendPart(ctx, bucket, key, uploadID, 2, data, algorithm, checksum(algorithm, data[1:]))
	if err == nil {
		return s.defect(
			bucket,
			key,
			fmt.Sprintf("the store confirms %v checksums that are wrong", algorithm),
			useChecksums,
		)
	}
	response, ok := errors.AsType[minio.ErrorResponse](err)
	if !ok || !isS3(response) || response.StatusCode != http.StatusBadRequest {
		return s.failure("test", bucket, key, err)
	}
	return nil
}

// sendPart returns the checksum that the store confirmed, as it came.
func (s *Store) sendPart(
	ctx context.Context,
	bucket, key, uploadID string,
	number int,
	data []byte,
	algorithm minio.ChecksumType,
	sum string,
) (confirmed string, err error) {
	var opts minio.PutObjectPartOptions
	header := http.Header{}
	header.Set(algorithm.Key(), sum)
	if algorithm.FullObjectRequested() {
		header.Set(algorithmHeader, algorithm.String())
		opts.CustomHeader = header
	} else {
		// The store is known to keep to If-Match, so that the question is safe.
		opts.Trailer, opts.DisableContentSha256 = header, !s.signs(ctx, bucket, key, signedSize+1, algorithm)
	}
	part, err := s.api.PutObjectPart(ctx, bucket, key, uploadID, number, bytes.NewReader(data), int64(len(data)), opts)
	return part.ChecksumSHA256 + part.ChecksumCRC32C + part.ChecksumCRC64NVME, err
}

// abort ends an upload whatever becomes of the caller's context.
func (s *Store) abort(ctx context.Context, bucket, key, uploadID string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortLimit)
	defer cancel()
	err := s.api.AbortMultipartUpload(ctx, bucket, key, uploadID)
	if response, ok := errors.AsType[minio.ErrorResponse](err); ok && response.Code == minio.NoSuchUpload {
		return nil
	}
	if err != nil {
		return s.failure("abort an upload to", bucket, key, err)
	}
	return nil
}

func (s *Store) partFailure(bucket, key string, algorithm minio.ChecksumType, err error) error {
	if notKnown(err) {
		feature := fmt.Sprintf("multipart uploads with %v checksums", algorithm)
		return s.refusal("test", bucket, key, doesNotKnow(feature, err), useChecksums)
	}
	return s.failure("test", bucket, key, err)
}

func (s *Store) defect(bucket, key, what, remedy string) error {
	return s.refusal("test", bucket, key, errors.New(what), remedy)
}

// unconfirmed is the error for a write whose checksum the store did not confirm. It withdraws the
// bucket's proof.
func (s *Store) unconfirmed(op, bucket, key string, algorithm minio.ChecksumType, answer string) error {
	err := s.notConfirmed(op, bucket, key, algorithm, answer)
	s.proofs.change(bucket, func(known *proof) { *known = proof{unconfirmed: err} })
	return err
}

func (s *Store) notConfirmed(op, bucket, key string, algorithm minio.ChecksumType, answer string) error {
	what := fmt.Errorf("%w: %v, for which it answered %q", ErrUnconfirmed, algorithm, answer)
	return s.refusal(op, bucket, key, what, useChecksums)
}
