package activities

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

// Every combination of what may stand in the ledger and who asks. Who reads "take" pays.
func TestJudge(t *testing.T) {
	const me, other = "run-1", "run-0"
	entry := func(state stemflow.SubmissionState, run string, attempt int) stemflow.Submission {
		return stemflow.Submission{State: state, RunID: run, Attempt: attempt, SeparationTaskID: "sep"}
	}
	for name, c := range map[string]struct {
		existing         stemflow.Submission
		attempt, refused int
		force            bool
		want             verdict
	}{
		"refused by the provider, other run":        {entry(stemflow.SubmissionRefused, other, 9), 1, 0, false, take},
		"failed by the provider, other run":         {entry(stemflow.SubmissionFailed, other, 1), 1, 0, false, take},
		"refused, own earlier attempt":              {entry(stemflow.SubmissionRefused, me, 1), 2, 1, false, take},
		"paid by another run":                       {entry(stemflow.SubmissionPaid, other, 1), 1, 0, false, paid},
		"paid by another run, force":                {entry(stemflow.SubmissionPaid, other, 1), 1, 0, true, take},
		"paid by another run, force after a loss":   {entry(stemflow.SubmissionPaid, other, 1), 2, 0, true, unknown},
		"paid, and nobody knows for what":           {stemflow.Submission{State: stemflow.SubmissionPaid, RunID: other}, 1, 0, true, held},
		"intended by another, force after a loss":   {entry(stemflow.SubmissionIntended, other, 1), 2, 0, true, unknown},
		"paid by this run, its answer was lost":     {entry(stemflow.SubmissionPaid, me, 1), 2, 0, false, paid},
		"paid by this run, force pays only once":    {entry(stemflow.SubmissionPaid, me, 1), 2, 0, true, paid},
		"intended by another run":                   {entry(stemflow.SubmissionIntended, other, 1), 1, 0, false, held},
		"intended by another run, force":            {entry(stemflow.SubmissionIntended, other, 1), 1, 0, true, take},
		"intended by this very attempt":             {entry(stemflow.SubmissionIntended, me, 2), 2, 1, false, mine},
		"intended by an attempt that was lost":      {entry(stemflow.SubmissionIntended, me, 1), 2, 0, false, unknown},
		"lost, and force does not pay twice":        {entry(stemflow.SubmissionIntended, me, 1), 2, 0, true, unknown},
		"intended by an attempt that was refused":   {entry(stemflow.SubmissionIntended, me, 1), 2, 1, false, take},
		"lost before the last refused one":          {entry(stemflow.SubmissionIntended, me, 2), 4, 1, false, unknown},
		"this attempt was given up, refused since":  {entry(stemflow.SubmissionRefused, me, 2), 1, 0, false, outdated},
		"this attempt was given up, intended since": {entry(stemflow.SubmissionIntended, me, 2), 1, 0, false, outdated},
		"this attempt was given up, paid since":     {entry(stemflow.SubmissionPaid, me, 2), 1, 0, true, outdated},
	} {
		t.Run(name, func(t *testing.T) {
			in := stemflow.SubmitSeparationInput{Attempt: c.attempt, Refused: c.refused, Force: c.force}
			require.Equal(t, c.want, judge(c.existing, in, me))
		})
	}
}

func TestSupersedes(t *testing.T) {
	const me, other = "run-1", "run-0"
	for name, c := range map[string]struct {
		known, existing stemflow.Submission
		want            bool
	}{
		"a learnt id completes the own intent": {
			stemflow.Submission{State: stemflow.SubmissionPaid, RunID: me, SeparationTaskID: "a"},
			stemflow.Submission{State: stemflow.SubmissionIntended, RunID: me}, true},
		"an id given to resume completes another run's intent": {
			stemflow.Submission{State: stemflow.SubmissionPaid, RunID: me, SeparationTaskID: "a"},
			stemflow.Submission{State: stemflow.SubmissionIntended, RunID: other}, true},
		"what is written already": {
			stemflow.Submission{State: stemflow.SubmissionPaid, RunID: me, SeparationTaskID: "a"},
			stemflow.Submission{State: stemflow.SubmissionPaid, RunID: me, SeparationTaskID: "a"}, false},
		"a later payment stays": {
			stemflow.Submission{State: stemflow.SubmissionPaid, RunID: me, SeparationTaskID: "a"},
			stemflow.Submission{State: stemflow.SubmissionPaid, RunID: other, SeparationTaskID: "b"}, false},
		"a failure ends its own separation": {
			stemflow.Submission{State: stemflow.SubmissionFailed, RunID: me, SeparationTaskID: "a"},
			stemflow.Submission{State: stemflow.SubmissionPaid, RunID: other, SeparationTaskID: "a"}, true},
		"a failure leaves another separation": {
			stemflow.Submission{State: stemflow.SubmissionFailed, RunID: me, SeparationTaskID: "a"},
			stemflow.Submission{State: stemflow.SubmissionPaid, RunID: other, SeparationTaskID: "b"}, false},
		"a refusal takes the own intent back": {
			stemflow.Submission{State: stemflow.SubmissionRefused, RunID: me, Attempt: 2},
			stemflow.Submission{State: stemflow.SubmissionIntended, RunID: me, Attempt: 2}, true},
		"a refusal leaves another run's intent": {
			stemflow.Submission{State: stemflow.SubmissionRefused, RunID: me, Attempt: 2},
			stemflow.Submission{State: stemflow.SubmissionIntended, RunID: other, Attempt: 1}, false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, supersedes(c.known, c.existing)) })
	}
}
