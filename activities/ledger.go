package activities

import (
	"context"

	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/ledger"
	"stemflow/internal/trackstate"
)

// ledgerFile is the ledger of one track in the store.
type ledgerFile struct {
	store Store
	at    activityapi.Location
	// archivedTo is the track's folder, in which earlier releases kept the ledger.
	archivedTo activityapi.Location
}

// newLedgerFile takes where the ledger is, zero for the folder that the track is archived to, and
// that folder.
func newLedgerFile(store Store, at, archivedTo activityapi.Location) ledgerFile {
	if at == (activityapi.Location{}) {
		at = archivedTo
	}
	return ledgerFile{store: store, at: at, archivedTo: archivedTo}
}

// apart reports whether the track is archived to another folder than its ledger's.
func (f ledgerFile) apart() bool { return f.at != f.archivedTo }

// read returns the ledger and its ETag; the zero ledger and no ETag where there is none yet. What
// stands in the folder that the track is archived to counts as well. It fails with
// archive.ErrCorrupt if a ledger cannot be read.
func (f ledgerFile) read(ctx context.Context) (l ledger.Ledger, etag string, err error) {
	return trackstate.ReadLedger(ctx, f.store, f.at, f.archivedTo)
}

// write writes the ledger over the one with the ETag, or where there is none if it is empty. It
// fails with archive.ErrPrecondition if something else stands there; after any other error it may
// be written or not.
func (f ledgerFile) write(ctx context.Context, l ledger.Ledger, etag string) (newETag string, err error) {
	key := archive.SubmissionKey(f.at)
	if etag == "" {
		return f.store.CreateJSON(ctx, f.at.Bucket, key, l)
	}
	return f.store.ReplaceJSON(ctx, f.at.Bucket, key, etag, l)
}

// leaveReceipt copies the ledger to the folder that the track is archived to. Nothing of what
// stands there is lost: it is part of what is read.
func (f ledgerFile) leaveReceipt(ctx context.Context) error {
	l, _, err := f.read(ctx)
	if err != nil || l.State == "" {
		return err
	}
	return f.store.PutJSON(ctx, f.archivedTo.Bucket, archive.SubmissionKey(f.archivedTo), l)
}

// change reads the ledger, has it changed, and writes it unless nothing is to change. It returns
// the ledger as it stands then. An error is to be retried: archive.ErrPrecondition, too, since the
// next try reads what stands there then.
func (f ledgerFile) change(
	ctx context.Context,
	change func(ledger.Ledger) (ledger.Ledger, bool),
) (ledger.Ledger, error) {
	l, etag, err := f.read(ctx)
	if err != nil {
		return l, err
	}
	changed, needed := change(l)
	if !needed {
		return l, nil
	}
	_, err = f.write(ctx, changed, etag)
	return changed, err
}
