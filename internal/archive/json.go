package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"
)

// maxDocument is far above any document of ours, and keeps a foreign object from filling the memory.
const maxDocument = 4 << 20

// ReadJSON decodes a document into v and returns its ETag. It fails with ErrNotFound, with ErrNoBucket, or with ErrCorrupt where the
// object is no JSON of v's shape.
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

// CreateJSON writes a document that must not exist and returns its ETag, or ErrPrecondition. Of all that create one key at the same time
// one succeeds. The request is made once: after an error other than ErrPrecondition the document may or may not be there.
func (s *Store) CreateJSON(ctx context.Context, bucket, key string, v any) (etag string, err error) {
	var opts minio.PutObjectOptions
	opts.SetMatchETagExcept("*")
	return s.writeJSON(ctx, "create", bucket, key, v, opts)
}

// ReplaceJSON overwrites the document that has the given ETag and returns the new one, or ErrPrecondition if the document is another one
// or gone. Of all that replace one ETag at the same time one succeeds. The request is made once, as with CreateJSON.
func (s *Store) ReplaceJSON(ctx context.Context, bucket, key, etag string, v any) (newETag string, err error) {
	var opts minio.PutObjectOptions
	opts.SetMatchETag(etag)
	newETag, err = s.writeJSON(ctx, "replace", bucket, key, v, opts)
	if errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("%w: %w", ErrPrecondition, err)
	}
	return newETag, err
}

// PutJSON writes a document, whatever was there.
func (s *Store) PutJSON(ctx context.Context, bucket, key string, v any) error {
	_, err := s.writeJSON(ctx, "put", bucket, key, v, minio.PutObjectOptions{})
	return err
}

func (s *Store) writeJSON(ctx context.Context, op, bucket, key string, v any, opts minio.PutObjectOptions) (etag string, err error) {
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetIndent("", "  ") // people read these
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "", fmt.Errorf("encode %s/%s: %w", bucket, key, err)
	}
	size := int64(data.Len())
	opts.ContentType, opts.DisableMultipart, opts.Checksum = "application/json", true, minio.ChecksumSHA256
	// As a plain stream it cannot be sent again: a repeated conditional write would trip over its own first try.
	info, err := s.upload(ctx, op, bucket, key, newBody(&data, size), size, opts)
	return info.ETag, err
}
