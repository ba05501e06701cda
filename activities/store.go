package activities

import (
	"context"
	"io"

	"stemflow/internal/archive"
)

// Store is the object store as activities use it: [archive.Store], which documents the methods.
type Store interface {
	EnsureBucket(ctx context.Context, bucket string) error
	Stat(ctx context.Context, bucket, key string) (archive.Info, error)
	List(ctx context.Context, bucket, prefix string) ([]archive.Info, error)
	Open(ctx context.Context, bucket, key string) (io.ReadCloser, archive.Info, error)
	OpenFrom(ctx context.Context, bucket, key, etag string, offset int64) (io.ReadCloser, archive.Info, error)
	Put(ctx context.Context, bucket, key, contentType string, body io.Reader, size int64) (archive.Written, error)
	PutStem(ctx context.Context, bucket, key, contentType string, body io.Reader, size int64) (archive.Written, error)
	ReadJSON(ctx context.Context, bucket, key string, v any) (etag string, err error)
	CreateJSON(ctx context.Context, bucket, key string, v any) (etag string, err error)
	ReplaceJSON(ctx context.Context, bucket, key, etag string, v any) (newETag string, err error)
	PutJSON(ctx context.Context, bucket, key string, v any) error
	Proved(bucket string) bool
	Prove(ctx context.Context, bucket, key, etag string, v any) error
}
