package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/kiesim"
)

// startsMost is how often a track is started in all, where its runs fail.
const startsMost = 3

// books follow a track from run to run, and hold what each run says against the bill, the ledger
// and the archive.
type books struct {
	s   *stack
	in  stemflow.SeparateStemsInput
	run client.WorkflowRun
	// ended is how each run ended, broken which promises were not kept.
	ended, broken []string
}

// close waits for the end of the run, and starts the track again as long as the message of a run
// that failed advises something that costs nothing. After each run, calm waits until nothing of it
// goes on.
func (b *books) close(calm func()) runEnd {
	b.s.t.Helper()
	before := 0
	for {
		end := b.end()
		b.ended = append(b.ended, end.String())
		charges := b.s.billed(b.in)
		b.checkHonest(end, before, charges)
		calm()
		if end.err == nil || len(b.ended) == startsMost || !b.startAgain(end) {
			return end
		}
		before = charges
	}
}

// runEnd is how a run ended.
type runEnd struct {
	result  stemflow.SeparateStemsResult
	err     *temporal.ApplicationError
	details stemflow.ErrorDetails
}

func (e runEnd) String() string {
	if e.err == nil {
		return "archived, settled by " + string(e.result.SettledBy)
	}
	return e.err.Type()
}

// paid reports whether the run says that it paid, or may have.
func (e runEnd) paid() bool {
	if e.err == nil {
		return e.result.Paid
	}
	return e.details.Paid && !strings.Contains(e.err.Message(), "nothing was paid")
}

func (b *books) end() runEnd {
	b.s.t.Helper()
	ctx, cancel := context.WithTimeout(b.s.t.Context(), patience)
	defer cancel()
	var end runEnd
	for {
		err := b.run.Get(ctx, &end.result)
		if err == nil {
			return end
		}
		if errors.As(err, &end.err) {
			require.NoError(b.s.t, end.err.Details(&end.details))
			return end
		}
		// A Temporal that has just come back may fail the request.
		select {
		case <-ctx.Done():
			b.s.logIfOpen(ctx, b.run)
			require.NoError(b.s.t, err, "the run did not end")
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// startAgain does what the message of a run that failed advises. It reports whether there is
// something that costs nothing.
func (b *books) startAgain(end runEnd) bool {
	switch end.err.Type() {
	case stemflow.ErrorArchiveUnavailable, stemflow.ErrorArchiveIncomplete,
		stemflow.ErrorSeparationTimedOut, stemflow.ErrorProviderUnavailable:
	case stemflow.ErrorSubmissionUnknown:
		charges := b.s.charges(b.in) // the provider's log
		if len(charges) == 0 {
			return false // to be sure of that, and to start with force, is a person's decision
		}
		b.in.SeparationTaskID = charges[0].TaskID
	default:
		return false
	}
	b.run = b.s.start(b.in)
	return true
}

// checkHonest holds what a run says about money against the bill and the ledger of that moment.
func (b *books) checkHonest(end runEnd, before, after int) {
	b.s.t.Helper()
	b.check(end.paid() || before == after, "the run ended with %s, says that it paid nothing, and paid", end)
	if after == 0 {
		return
	}
	ledger := b.s.ledger(b.in)
	b.check(ledger.State != stemflow.SubmissionRefused,
		"the ledger says refused after %s, but the track is paid for", end)
	b.check(ledger.State != stemflow.SubmissionPaid || b.chargedFor(ledger.SeparationTaskID),
		"the ledger names a separation that is not on the bill: %s", ledger.SeparationTaskID)
}

// chargedFor reports whether the provider was paid for a separation.
func (b *books) chargedFor(separationTaskID string) bool {
	return slices.ContainsFunc(b.s.charges(b.in), func(c kiesim.Charge) bool { return c.TaskID == separationTaskID })
}

// check notes a promise that is broken. It goes on: what comes of it is worth knowing too.
func (b *books) check(kept bool, format string, args ...any) {
	if !kept {
		b.broken = append(b.broken, fmt.Sprintf(format, args...))
	}
}

// checkArchived holds a run that did its work against the bill and the archive.
func (b *books) checkArchived(end runEnd) {
	b.s.t.Helper()
	billed := b.s.billed(b.in)
	b.check(billed <= 1, "paid %d times", billed)
	b.check(billed >= 1, "archived, and never paid")
	b.check(b.chargedFor(end.result.SeparationTaskID),
		"the separation is not on the bill: %s", end.result.SeparationTaskID)
	b.s.requireArchived(b.in, end.result)
	manifest, _ := b.s.manifest(b.in)
	// A worker that was frozen as it wrote the manifest writes the same one once it is thawed, but
	// for the time.
	manifest.ArchivedAt = end.result.ArchivedAt
	require.Equal(b.s.t, end.result, manifest.SeparateStemsResult)
}

// checkUnknown holds a track whose last run does not know whether it paid against the bill and the
// archive.
func (b *books) checkUnknown(end runEnd) {
	b.s.t.Helper()
	billed := b.s.billed(b.in)
	b.check(billed == 0, "billed %d times and not archived: %s", billed, end.err.Error())
	_, found := b.s.manifest(b.in)
	b.check(!found, "a run that failed has committed a manifest")
	state := b.s.ledger(b.in).State
	b.check(state == stemflow.SubmissionIntended,
		"the outcome is unknown, and the ledger says %s: the next run is not warned", state)
}
