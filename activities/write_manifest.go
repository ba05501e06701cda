package activities

import (
	"context"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
)

// WriteManifest writes manifest.json, the commit marker of an archived track.
type WriteManifest struct {
	Store Store
}

// Execute leaves a copy of the ledger beside the manifest where the ledger is elsewhere, so that
// the folder says by itself what was paid for it. It overwrites an earlier manifest: it is partial,
// of objects that are gone, or of a separation before this one.
func (a *WriteManifest) Execute(ctx context.Context, in activityapi.WriteManifestInput) (*stemflow.ObjectRef, error) {
	subject{kind: in.Manifest.Type, separationTaskID: in.Manifest.SeparationTaskID}.annotate(ctx)
	ref := stemflow.ObjectRef{Bucket: in.Location.Bucket, Key: archive.ManifestKey(in.Location)}
	in.Manifest.Manifest = ref
	if file := newLedgerFile(a.Store, in.Ledger, in.Location); file.apart() {
		if err := file.leaveReceipt(ctx); err != nil {
			return nil, storeFailure(err)
		}
	}
	if err := a.Store.PutJSON(ctx, ref.Bucket, ref.Key, in.Manifest); err != nil {
		return nil, storeFailure(err)
	}
	return &ref, nil
}
