package activities

import (
	"context"
	"errors"
	"io"
	"strings"

	"stemflow/internal/allowed"
	"stemflow/internal/archive"
)

// GuardStore makes a store of which activities reach the given places only, whatever their messages
// say. Inputs are checked before, with errors that name their fields. But the messages of later
// activities are in histories, and anyone who may start a workflow or an activity can make them up.
//
// In the folder of the ledgers, which the operator alone chooses, they reach ledgers only.
func GuardStore(store Store, places allowed.Places, ledgers allowed.Place) Store {
	return &guardedStore{guardedReader{objectGuard{places, allowed.Places{ledgers}}, store}, store}
}

// objectGuard says which objects are in reach.
type objectGuard struct{ places, ledgers allowed.Places }

func (g objectGuard) check(op, bucket, key string) error {
	if g.places.Object(bucket, key) || archive.IsSubmissionKey(key) && g.ledgers.Object(bucket, key) {
		return nil
	}
	return g.refusal(op, bucket, key)
}

func (g objectGuard) mayUse(bucket string) bool {
	return g.places.Bucket(bucket) || g.ledgers.Bucket(bucket)
}

// mayList reports whether the keys that begin with a prefix are in an allowed place or among the
// ledgers.
func (g objectGuard) mayList(bucket, prefix string) bool {
	// What begins with a prefix may end anywhere in the last folder that it names.
	folder := prefix[:strings.LastIndex(prefix, "/")+1]
	return g.places.Folder(bucket, folder) || g.ledgers.Folder(bucket, folder)
}

func (g objectGuard) refusal(op, bucket, key string) error {
	return &archive.Error{
		Op: op, Bucket: bucket, Key: key, Final: true, Err: errors.New("the worker may not go there"),
		Remedy: "if it should, add the folder to STEMFLOW_ALLOWED_BUCKETS",
	}
}

// reader is what both the runs and the check of an archive read with.
type reader interface {
	Stat(ctx context.Context, bucket, key string) (archive.Info, error)
	Open(ctx context.Context, bucket, key string) (io.ReadCloser, archive.Info, error)
	ReadJSON(ctx context.Context, bucket, key string, v any) (etag string, err error)
}

type guardedReader struct {
	objectGuard
	reader reader
}

func (g guardedReader) Stat(ctx context.Context, bucket, key string) (archive.Info, error) {
	if err := g.check("look for", bucket, key); err != nil {
		return archive.Info{}, err
	}
	return g.reader.Stat(ctx, bucket, key)
}

func (g guardedReader) Open(ctx context.Context, bucket, key string) (io.ReadCloser, archive.Info, error) {
	if err := g.check("get", bucket, key); err != nil {
		return nil, archive.Info{}, err
	}
	return g.reader.Open(ctx, bucket, key)
}

func (g guardedReader) ReadJSON(ctx context.Context, bucket, key string, v any) (etag string, err error) {
	if err := g.check("get", bucket, key); err != nil {
		return "", err
	}
	return g.reader.ReadJSON(ctx, bucket, key, v)
}

type guardedStore struct {
	guardedReader
	store Store
}

func (g *guardedStore) EnsureBucket(ctx context.Context, bucket string) error {
	if !g.mayUse(bucket) {
		return g.refusal("look for bucket", bucket, "")
	}
	return g.store.EnsureBucket(ctx, bucket)
}

func (g *guardedStore) List(ctx context.Context, bucket, prefix string) ([]archive.Info, error) {
	if !g.mayList(bucket, prefix) {
		return nil, g.refusal("list", bucket, prefix)
	}
	return g.store.List(ctx, bucket, prefix)
}

func (g *guardedStore) OpenFrom(
	ctx context.Context, bucket, key, etag string, offset int64,
) (io.ReadCloser, archive.Info, error) {
	if err := g.check("get", bucket, key); err != nil {
		return nil, archive.Info{}, err
	}
	return g.store.OpenFrom(ctx, bucket, key, etag, offset)
}

func (g *guardedStore) Put(
	ctx context.Context, bucket, key, contentType string, body io.Reader, size int64,
) (archive.Written, error) {
	if err := g.check("put", bucket, key); err != nil {
		return archive.Written{}, err
	}
	return g.store.Put(ctx, bucket, key, contentType, body, size)
}

func (g *guardedStore) PutStem(
	ctx context.Context, bucket, key, contentType string, body io.Reader, size int64,
) (archive.Written, error) {
	if err := g.check("put", bucket, key); err != nil {
		return archive.Written{}, err
	}
	return g.store.PutStem(ctx, bucket, key, contentType, body, size)
}

func (g *guardedStore) CreateJSON(ctx context.Context, bucket, key string, v any) (etag string, err error) {
	if err := g.check("create", bucket, key); err != nil {
		return "", err
	}
	return g.store.CreateJSON(ctx, bucket, key, v)
}

func (g *guardedStore) ReplaceJSON(
	ctx context.Context, bucket, key, etag string, v any,
) (newETag string, err error) {
	if err := g.check("replace", bucket, key); err != nil {
		return "", err
	}
	return g.store.ReplaceJSON(ctx, bucket, key, etag, v)
}

func (g *guardedStore) PutJSON(ctx context.Context, bucket, key string, v any) error {
	if err := g.check("put", bucket, key); err != nil {
		return err
	}
	return g.store.PutJSON(ctx, bucket, key, v)
}

func (g *guardedStore) Proved(bucket string) bool { return g.store.Proved(bucket) }

func (g *guardedStore) Prove(ctx context.Context, bucket, key, etag string, v any) error {
	if err := g.check("test", bucket, key); err != nil {
		return err
	}
	return g.store.Prove(ctx, bucket, key, etag, v)
}
