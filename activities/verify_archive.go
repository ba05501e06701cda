package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/bytesize"
	"stemflow/internal/sample"
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
	// SecondLook is as in [verify.Options].
	SecondLook time.Duration
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
	opts := verify.Options{
		Store:       a.Store,
		At:          verify.NewPlace(limits.Destination(in.Bucket, in.Prefix)),
		Ledger:      verify.NewPlace(a.Archive.LedgerBucket, a.Archive.LedgerPrefix),
		WithLedgers: in.Bucket == "" && in.Prefix == "",
		Homes:       verify.Homes(a.Archive.Bucket, a.Archive.Prefix, limits.All()),
		Deadline:    time.Duration(in.Deadline),
		SecondLook:  a.SecondLook,
	}
	if track, ok := in.Track(); ok {
		opts.Track = &track
	}
	var err error
	if opts.Read, err = sample.Parse(in.ReadData); err != nil {
		return opts, final(stemflow.ErrorInvalidInput, "readData: "+err.Error(), err)
	}
	if in.LimitRate != "" {
		limit, err := bytesize.Parse(in.LimitRate)
		if err != nil {
			return opts, final(stemflow.ErrorInvalidInput, "limitRate: "+err.Error(), err)
		}
		opts.Limiter = verify.NewLimiter(limit)
	}
	if a.Client != nil {
		opts.Run = verify.RunsIn(a.Client)
	}
	return opts, nil
}
