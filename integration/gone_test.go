package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
)

// A separation that was paid for long ago, and that the provider has deleted, is told as gone
// within seconds. Nothing is paid without force.
func TestSeparationThatTheProviderHasDeleted(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	forgotten := newID()
	require.NoError(
		t,
		s.store.PutJSON(t.Context(), s.bucket, archive.SubmissionKey(s.location(in)), stemflow.Submission{
			Version: 1, State: stemflow.SubmissionPaid, SeparationTaskID: forgotten,
			WorkflowID: "earlier", RunID: "earlier", Attempt: 1,
			Track:       in.Track(),
			SubmittedAt: time.Now().Add(-90 * 24 * time.Hour),
		}),
	)
	kind, message, details := s.failure(s.start(in))
	require.Equal(t, stemflow.ErrorSourceExpired, kind, message)
	require.Contains(t, message, "14 days")
	require.Equal(t, forgotten, details.SeparationTaskID)
	require.Zero(t, s.billed(in))
	require.Equal(t, stemflow.SubmissionPaid, s.ledger(in).State)

	in.Force = true
	s.requireArchived(in, s.result(s.start(in)))
	require.Equal(t, 1, s.billed(in))
}
