package archive

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"
)

// maxDocument is far above any document of ours, and keeps a foreign object from filling the
// memory.
const maxDocument = 4 << 20

// ReadJSON decodes a document into v and returns its ETag. It fails with ErrNotFound, with
// ErrNoBucket, or with ErrCorrupt where the object is no JSON of v's shape.
func (s *Store) ReadJSON(ctx context.Context, bucket, key string, v any) (etag string, err error) {
	content, info, err := s.Open(ctx, bucket, key)
	if err != nil {
		return "", err
	}
	defer content.Close()
	data, err := io.ReadAll(io.LimitReader(content, maxDocument+1))
	if err != nil {
		return "", s.failure("read", bucket, key, err)
	}
	if len(data) > maxDocument {
		return "", fmt.Errorf("%w: %s/%s has more than %d bytes", ErrCorrupt, bucket, key, maxDocument)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return "", fmt.Errorf("%w: %s/%s: %w", ErrCorrupt, bucket, key, err)
	}
	return info.ETag, nil
}

// CreateJSON writes a document that must not exist and returns its ETag, or ErrPrecondition. Of all
// that create one key at the same time one succeeds.
//
// The request is made once. After any error except ErrPrecondition the document may or may not be
// there: its answer may have been lost, and with ErrUnconfirmed, which is final, the store even
// said that it has written. Read the document before deciding that nothing was written.
// ErrUnconfirmed comes with the ETag.
func (s *Store) CreateJSON(ctx context.Context, bucket, key string, v any) (etag string, err error) {
	data, err := encode(bucket, key, v)
	if err != nil {
		return "", err
	}
	info, err := s.create(ctx, bucket, key, data)
	if err != nil {
		return "", err
	}
	return info.ETag, s.requireConfirmed("create", bucket, key, data, info)
}

// ReplaceJSON overwrites the document that has the given ETag and returns the new one, or
// ErrPrecondition if the document is another one or gone. Of all that replace one ETag at the same
// time one succeeds.
//
// The request is made once, and an error means what it means with CreateJSON. Trying again with the
// same ETag is safe: ErrPrecondition may then mean that the first try was written.
func (s *Store) ReplaceJSON(ctx context.Context, bucket, key, etag string, v any) (newETag string, err error) {
	data, err := encode(bucket, key, v)
	if err != nil {
		return "", err
	}
	info, err := s.replace(ctx, bucket, key, etag, data)
	if err != nil {
		return "", err
	}
	return info.ETag, s.requireConfirmed("replace", bucket, key, data, info)
}

// PutJSON writes a document, whatever was there. After an error it may or may not be written, as
// with CreateJSON.
func (s *Store) PutJSON(ctx context.Context, bucket, key string, v any) error {
	data, err := encode(bucket, key, v)
	if err != nil {
		return err
	}
	info, err := s.putDocument(ctx, "put", bucket, key, data, minio.PutObjectOptions{})
	if err != nil {
		return err
	}
	return s.requireConfirmed("put", bucket, key, data, info)
}

// encode is the one encoding of documents: of equal values it makes equal bytes.
func encode(bucket, key string, v any) ([]byte, error) {
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetIndent("", "  ") // people read these
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("encode %s/%s: %w", bucket, key, err)
	}
	return data.Bytes(), nil
}

func (s *Store) create(ctx context.Context, bucket, key string, data []byte) (minio.UploadInfo, error) {
	var opts minio.PutObjectOptions
	opts.SetMatchETagExcept("*")
	info, err := s.putDocument(ctx, "create", bucket, key, data, opts)
	if notKnown(err) {
		err = s.refusal("create", bucket, key, doesNotKnow(createCondition, err), useConditionalWrites)
	}
	return info, err
}

func (s *Store) replace(ctx context.Context, bucket, key, etag string, data []byte) (minio.UploadInfo, error) {
	var opts minio.PutObjectOptions
	opts.SetMatchETag(etag)
	info, err := s.putDocument(ctx, "replace", bucket, key, data, opts)
	switch {
	case notKnown(err):
		err = s.refusal("replace", bucket, key, doesNotKnow(replaceCondition, err), useConditionalWrites)
	case errors.Is(err, ErrNotFound):
		err = fmt.Errorf("%w: %w: unless somebody has removed it, heal the store, as MinIO needs after it was killed "+
			"(docs/operations.md)", ErrPrecondition, err)
	}
	return info, err
}

func (s *Store) putDocument(
	ctx context.Context, op, bucket, key string, data []byte, opts minio.PutObjectOptions,
) (minio.UploadInfo, error) {
	size := int64(len(data))
	opts.ContentType, opts.DisableMultipart, opts.Checksum = "application/json", true, minio.ChecksumSHA256
	// As a plain stream it cannot be sent again: a repeated conditional write would trip over its
	// own first try.
	return s.upload(ctx, op, bucket, key, newBody(bytes.NewReader(data), size), size, opts)
}

// requireConfirmed returns an error unless the store confirmed the SHA-256 of the document that it
// says it has written.
func (s *Store) requireConfirmed(op, bucket, key string, data []byte, info minio.UploadInfo) error {
	if info.ChecksumSHA256 != checksum(minio.ChecksumSHA256, data) {
		return s.unconfirmed(op, bucket, key, minio.ChecksumSHA256, info.ChecksumSHA256)
	}
	s.proofs.confirm(bucket)
	return nil
}

// checksum is in S3's own spelling.
func checksum(algorithm minio.ChecksumType, data []byte) string {
	hash := algorithm.Hasher()
	hash.Write(data)
	return base64.StdEncoding.EncodeToString(hash.Sum(nil))
}
