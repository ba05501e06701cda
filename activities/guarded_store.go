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
	return &guardedStore{store, places, allowed.Places{ledgers}}
}

type guardedStore struct {
	store           Store
	places, ledgers allowed.Places
}

func (g *guardedStore) check(op, bucket, key string) error {
	if g.places.Object(bucket, key) || archive.IsSubmissionKey(key) && g.ledgers.Object(bucket, key) {
		return nil
	}
	return g.refusal(op, bucket, key)
}

func (g *guardedStore) mayUse(bucket string) bool {
	return g.places.Bucket(bucket) || g.ledgers.Bucket(bucket)
}

// mayList reports whether the keys that begin with a prefix are in an allowed place or among the
// ledgers.
func (g *guardedStore) mayList(bucket, prefix string) bool {
	// What begins with a prefix may end anywhere in the last folder that it names.
	folder := prefix[:strings.LastIndex(prefix, "/")+1]
	return g.places.Folder(bucket, folder) || g.ledgers.Folder(bucket, folder)
}

func (g *guardedStore) refusal(op, bucket, key string) error {
	return &archive.Error{
		Op: op, Bucket: bucket, Key: key, Final: true, Err: errors.New("the worker may not go there"),
		Remedy: "if it should, add the folder to STEMFLOW_ALLOWED_BUCKETS",
	}
}

func (g *guardedStore) EnsureBucket(ctx context.Context, bucket string) error {
	if !g.mayUse(bucket) {
		return g.refusal("look for bucket", bucket, "")
	}
	return g.store.EnsureBucket(ctx, bucket)
}

func (g *guardedStore) Stat(ctx context.Context, bucket, key string) (archive.Info, error) {
	if err := g.check("look for", bucket, key); err != nil {
		return archive.Info{}, err
	}
	return g.store.Stat(ctx, bucket, key)
}

func (g *guardedStore) List(ctx context.Context, bucket, prefix string) ([]archive.Info, error) {
	if !g.mayList(bucket, prefix) {
		return nil, g.refusal("list", bucket, prefix)
	}
	return g.store.List(ctx, bucket, prefix)
}

func (g *guardedStore) Open(ctx context.Context, bucket, key string) (io.ReadCloser, archive.Info, error) {
	if err := g.check("get", bucket, key); err != nil {
		return nil, archive.Info{}, err
	}
	return g.store.Open(ctx, bucket, key)
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

func (g *guardedStore) ReadJSON(ctx context.Context, bucket, key string, v any) (etag string, err error) {
	if err := g.check("get", bucket, key); err != nil {
		return "", err
	}
	return g.store.ReadJSON(ctx, bucket, key, v)
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
