package activities

import (
	"context"

	"stemflow"
	"stemflow/internal/archive"
)

// WriteManifest writes manifest.json, the commit marker of an archived track.
type WriteManifest struct {
	Store *archive.Store
}

// Execute overwrites an earlier manifest: it is partial, of objects that are gone, or of a separation before this one.
func (a *WriteManifest) Execute(ctx context.Context, in stemflow.WriteManifestInput) (*stemflow.ObjectRef, error) {
	subject{kind: in.Manifest.Type, separationTaskID: in.Manifest.SeparationTaskID}.annotate(ctx)
	ref := stemflow.ObjectRef{Bucket: in.Location.Bucket, Key: archive.ManifestKey(in.Location)}
	in.Manifest.Manifest = ref
	if err := a.Store.PutJSON(ctx, ref.Bucket, ref.Key, in.Manifest); err != nil {
		return nil, storeFailure(err)
	}
	return &ref, nil
}
