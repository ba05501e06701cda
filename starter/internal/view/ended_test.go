package view

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/program"
	"stemflow/starter/internal/observe"
)

func TestDisplaysSayHowRunsEnd(t *testing.T) {
	failed := &stemflow.RunFailure{Type: stemflow.ErrorNoStems, Message: "none\nat all"}
	canceled := &stemflow.RunFailure{Type: stemflow.ReasonCanceled, Message: "the separation was cancelled"}
	for want, p := range map[string]stemflow.Progress{
		"cancelling: what is paid for is kept": {Phase: stemflow.PhaseCancelling},
		"failed: NoStems: none; at all":        {Phase: stemflow.PhaseFailed, Failure: failed},
		"cancelled":                            {Phase: stemflow.PhaseCancelled, Failure: canceled},
	} {
		require.Equal(t, want, phaseText(observe.Observation{Progress: &p}))
	}
}

// A catalogue that is cancelled has no pace, and no pause that a person could end.
func TestACatalogueThatIsCancelledGoesNowhere(t *testing.T) {
	seen := paused(stemflow.PauseRequested, "")
	seen.Progress.Phase = stemflow.CatalogCancelling
	frame := Catalog{Resume: "starter catalog resume --name june"}.Frame(seen, noon, noon, Canvas{Size: program.TerminalSize{Columns: 100, Rows: 30}})
	require.Equal(t, "⠋ 1:00:00  june: cancelling, what is paid for is kept", frame[0])
	for _, line := range frame {
		require.NotContains(t, line, "a minute")
		require.NotContains(t, line, "resume")
	}
	changes := Catalog{Resume: "starter catalog resume --name june"}.Changes(paused(stemflow.PauseRequested, ""), seen)
	require.Equal(t, []string{"june: cancelling, what is paid for is kept"}, changes)

	ended := halfway()
	ended.Progress.Phase = stemflow.CatalogFailed
	ended.Progress.Failure = &stemflow.RunFailure{Type: stemflow.ErrorArchiveUnavailable, Message: "no store"}
	require.Equal(t, "june: failed: ArchiveUnavailable: no store", catalogPhaseText(ended))
}
