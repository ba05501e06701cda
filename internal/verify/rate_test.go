package verify_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/sample"
	"stemflow/internal/verify"
)

// The rate at which a check may read says nothing of what it reads: one that would not be done
// within the time of the check ends it.
func TestARateThatTheTimeIsTooShortFor(t *testing.T) {
	f := newFixture(t)
	f.plant(stemflow.SplitStem, f.at)
	opts := f.options
	opts.Read, opts.Limiter = sample.Sample{Share: 1}, rate.NewLimiter(0.1, 64<<10)
	opts.Limiter.AllowN(time.Now(), 64<<10)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	page, err := verify.NewTuned(opts).Next(ctx, activityapi.VerifyState{Phase: "tracks"})
	require.ErrorIs(t, err, context.DeadlineExceeded, "%+v", page)
}
