package archived

import (
	"context"
	"fmt"
	"io"
	"time"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
	"stemflow/starter/internal/view"
)

// sessionTimeout bounds putting a session into the bucket.
const sessionTimeout = 30 * time.Minute

// PutSession puts a session beside the manifest, under one key for each separation and format: it
// is made of what is archived, so a later one of the same separation takes its place. One that is
// there already is kept.
func (t *Track) PutSession(
	ctx context.Context, ext string, session io.Reader, size int64, sha256 string,
) (stemflow.ObjectRef, error) {
	at := stemflow.ObjectRef{
		Bucket: t.location.Bucket, Key: archive.SessionKey(t.location, t.Manifest.SeparationTaskID, ext),
	}
	doing := fmt.Sprintf("putting %s into the object store %s", view.ObjectText(at), t.store.Endpoint())
	err := limit.Wait(ctx, sessionTimeout, doing, func(ctx context.Context) error {
		if there, err := t.store.Stat(ctx, at.Bucket, at.Key); err == nil && there.SHA256 == sha256 {
			return nil
		}
		_, err := t.store.Put(ctx, at.Bucket, at.Key, "application/zip", session, size)
		return err
	})
	if err != nil {
		return at, failure.Archive("", err)
	}
	return at, nil
}

// Object opens an object of the track's bucket.
func (t *Track) Object(ctx context.Context, key string) (io.ReadCloser, error) {
	return stream(ctx, t.store, t.location.Bucket, key)
}
