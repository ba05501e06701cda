package activities

import (
	"context"

	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
	"stemflow/internal/verify"
)

// VerifyArchive checks the next page of an archive. It changes nothing: its store cannot write.
type VerifyArchive struct {
	Store verify.Store
	// Archive says where tracks are archived to, and where their ledgers are.
	Archive *PrepareArchive
	// Client is the host's, which says whether runs are open. It may be missing where no worker
	// runs.
	Client client.Client
}

// Execute fails with ErrorInvalidInput where the input may not lead, and with
// ErrorArchiveUnavailable, and is retried unless the store refuses for good.
func (a *VerifyArchive) Execute(
	ctx context.Context, in activityapi.VerifyArchiveInput,
) (*activityapi.VerifyPage, error) {
	defer startHeartbeat(ctx)()
	opts, err := a.options(in.Input)
	if err != nil {
		return nil, err
	}
	page, err := verify.New(opts).Next(ctx, in.State)
	if err != nil {
		return nil, storeRefusal(err)
	}
	return page, nil
}

func (a *VerifyArchive) options(in stemflow.VerifyArchiveInput) (verify.Options, error) {
	limits := a.Archive.limits()
	if p := limits.CheckFolder(in.Bucket, in.Prefix); p != nil {
		return verify.Options{}, final(stemflow.ErrorInvalidInput, "the input is wrong: "+p.String(), nil)
	}
	opts, err := verify.OptionsOf(in, limits, allowed.PlaceOf(a.Archive.LedgerBucket, a.Archive.LedgerPrefix))
	if err != nil {
		return opts, final(stemflow.ErrorInvalidInput, err.Error(), err)
	}
	opts.Store = a.Store
	if a.Client != nil {
		opts.Run = verify.RunsIn(a.Client)
	}
	return opts, nil
}
