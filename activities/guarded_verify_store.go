package activities

import (
	"context"
	"iter"

	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/verify"
)

// GuardVerifyStore is [GuardStore] for the check of an archive: a manifest may name any object. The
// keys in the folder of the ledgers are listed too, for the check of all ledgers.
func GuardVerifyStore(store verify.Store, places allowed.Places, ledgers allowed.Place) verify.Store {
	return &guardedVerifyStore{guardedReader{objectGuard{places, allowed.Places{ledgers}}, store}, store}
}

type guardedVerifyStore struct {
	guardedReader
	store verify.Store
}

func (g *guardedVerifyStore) Walk(
	ctx context.Context, bucket, prefix, after string,
) iter.Seq2[archive.Info, error] {
	if !g.mayList(bucket, prefix) {
		return refused[archive.Info](g.refusal("list", bucket, prefix))
	}
	return g.store.Walk(ctx, bucket, prefix, after)
}

func (g *guardedVerifyStore) Uploads(ctx context.Context, bucket string) iter.Seq2[archive.Upload, error] {
	if !g.mayUse(bucket) {
		return refused[archive.Upload](g.refusal("list uploads in", bucket, ""))
	}
	return g.store.Uploads(ctx, bucket)
}

func refused[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}
