package verify

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"stemflow"
	"stemflow/internal/allowed"
	"stemflow/internal/bytesize"
	"stemflow/internal/sample"
)

// OptionsOf returns the options of the check that an input asks for, of an archive whose workers
// have these limits and keep their ledgers there. The caller adds what the check works with, the
// store first of all, and decides whether the input may lead where it does.
func OptionsOf(in stemflow.VerifyArchiveInput, limits allowed.Limits, ledger allowed.Place) (Options, error) {
	opts := Options{
		At:          allowed.PlaceOf(limits.Destination(in.Bucket, in.Prefix)),
		Ledger:      ledger,
		WithLedgers: in.Bucket == "" && in.Prefix == "",
		Homes:       homes(limits),
		Deadline:    time.Duration(in.Deadline),
	}
	if track, ok := in.Track(); ok {
		opts.Track = &track
	}
	var err error
	if opts.Read, err = sample.Parse(in.ReadData); err != nil {
		return Options{}, fmt.Errorf("readData: %w", err)
	}
	if in.LimitRate != "" {
		limit, err := bytesize.Parse(in.LimitRate)
		if err != nil {
			return Options{}, fmt.Errorf("limitRate: %w", err)
		}
		opts.Limiter = rate.NewLimiter(rate.Limit(limit), readSize)
	}
	return opts, nil
}

// homes are the places where workers may archive to, the default one first.
func homes(limits allowed.Limits) []allowed.Place {
	own := allowed.PlaceOf(limits.Bucket, limits.Prefix)
	others := slices.DeleteFunc(slices.Clone(limits.All()), func(p allowed.Place) bool { return p == own })
	return append([]allowed.Place{own}, others...)
}
