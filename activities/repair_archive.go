package activities

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/activity"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/ledger"
)

// RepairArchive writes again what a check misses and what follows from what is there.
type RepairArchive struct {
	Store   Store
	Archive *PrepareArchive
}

// Execute may run again. What it writes to a ledger is what a run that resumes the separation would
// write, and takes nothing away.
func (a *RepairArchive) Execute(ctx context.Context, in activityapi.RepairArchiveInput) error {
	subject{kind: in.Track.Type, separationTaskID: in.Separation}.annotate(ctx)
	at := archive.Locate(a.Archive.LedgerBucket, a.Archive.LedgerPrefix, in.Track)
	file := newLedgerFile(a.Store, at, archive.Locate(in.At.Bucket, in.At.Prefix, in.Track))
	if in.Kind == stemflow.FindingLedgerMissing {
		run := activity.GetInfo(ctx).WorkflowExecution
		_, err := file.change(ctx, func(l ledger.Ledger) (ledger.Ledger, bool) {
			if len(l.Entries()) > 0 {
				return l, false // somebody has written it meanwhile
			}
			return l.Learn(stemflow.Submission{
				Version: 1, State: stemflow.SubmissionPaid, Track: in.Track, SeparationTaskID: in.Separation,
				SubmittedAt: in.SubmittedAt, WorkflowID: run.ID, RunID: run.RunID, Owner: run.RunID,
			})
		})
		if err != nil {
			return repairFailure(err)
		}
	}
	if file.apart() {
		return repairFailure(file.leaveReceipt(ctx))
	}
	return nil
}

func repairFailure(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, archive.ErrCorrupt) {
		return final(stemflow.ErrorArchiveUnavailable, fmt.Sprintf("a ledger cannot be read: %v", err), err)
	}
	return storeRefusal(err)
}
