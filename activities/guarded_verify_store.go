package activities

import (
	"context"
	"io"
	"iter"

	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/verify"
)

// GuardVerifyStore is [GuardStore] for the check of an archive: a manifest may name any object. The
// keys in the folder of the ledgers are listed too, for the check of all ledgers.
func GuardVerifyStore(store verify.Store, places allowed.Places, ledgers allowed.Place) verify.Store {
	return &guardedVerifyStore{store, guardedStore{places: places, ledgers: allowed.Places{ledgers}}}
}

type guardedVerifyStore struct {
	store verify.Store
	guard guardedStore
}

func (g *guardedVerifyStore) Walk(
	ctx context.Context, bucket, prefix, after string,
) iter.Seq2[archive.Info, error] {
	if !g.guard.mayList(bucket, prefix) {
		return refused[archive.Info](g.guard.refusal("list", bucket, prefix))
	}
	return g.store.Walk(ctx, bucket, prefix, after)
}

func (g *guardedVerifyStore) Uploads(ctx context.Context, bucket string) iter.Seq2[archive.Upload, error] {
	if !g.guard.mayUse(bucket) {
		return refused[archive.Upload](g.guard.refusal("list uploads in", bucket, ""))
	}
	return g.store.Uploads(ctx, bucket)
}

func refused[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}

func (g *guardedVerifyStore) Stat(ctx context.Context, bucket, key string) (archive.Info, error) {
	if err := g.guard.check("look for", bucket, key); err != nil {
		return archive.Info{}, err
	}
	return g.store.Stat(ctx, bucket, key)
}

func (g *guardedVerifyStore) Open(
	ctx context.Context, bucket, key string,
) (io.ReadCloser, archive.Info, error) {
	if err := g.guard.check("get", bucket, key); err != nil {
		return nil, archive.Info{}, err
	}
	return g.store.Open(ctx, bucket, key)
}

func (g *guardedVerifyStore) ReadJSON(ctx context.Context, bucket, key string, v any) (etag string, err error) {
	if err := g.guard.check("get", bucket, key); err != nil {
		return "", err
	}
	return g.store.ReadJSON(ctx, bucket, key, v)
}
