package failure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/starter/internal/limit"
	"stemflow/starter/internal/observe"
)

func TestRunFailures(t *testing.T) {
	paid := stemflow.ErrorDetails{SeparationTaskID: "3e63", ProviderCode: 531, ProviderMessage: "refunded"}
	for _, c := range []struct {
		name string
		err  error
		want Failure
	}{
		{"failed", temporal.NewNonRetryableApplicationError("no", stemflow.ErrorSeparationFailed, nil, paid),
			Failure{Type: "SeparationFailed", Message: "no", Details: &paid, Code: ExitFailed}},
		{"without details", temporal.NewNonRetryableApplicationError("no", stemflow.ErrorUnauthorized, nil),
			Failure{Type: "Unauthorized", Message: "no", Code: ExitFailed}},
		{"details of another shape", temporal.NewNonRetryableApplicationError("no", stemflow.ErrorUnauthorized, nil, 42),
			Failure{Type: "Unauthorized", Message: "no", Code: ExitFailed}},
		{"input", temporal.NewNonRetryableApplicationError("taskId: is required", stemflow.ErrorInvalidInput, nil),
			Failure{Type: "InvalidInput", Message: "taskId: is required", Code: ExitUsage}},
		{"cancelled", temporal.NewCanceledError(paid),
			Failure{Type: "Canceled", Message: "the separation was cancelled", Details: &paid, Code: ExitCanceled}},
		{"timed out", temporal.NewTimeoutError(1, nil),
			Failure{Type: "TimedOut", Message: "the workflow ran into a time-out that it was started with", Code: ExitFailed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Hint = HintFor(c.want.Type)
			require.NotEmpty(t, c.want.Hint)
			// The way of a real one, over the wire.
			converter := temporal.GetDefaultFailureConverter()
			received := converter.FailureToError(converter.ErrorToFailure(c.err))
			require.Equal(t, &c.want, OfRun(errors.Join(received)))
		})
	}
	refused := temporal.NewNonRetryableApplicationError("no", stemflow.ErrorUnauthorized, nil, paid)
	require.Contains(t, OfRun(refused).Hint, "Nothing was paid.")
	paid.Paid = true
	refused = temporal.NewNonRetryableApplicationError("no", stemflow.ErrorUnauthorized, nil, paid)
	require.NotContains(t, OfRun(refused).Hint, "Nothing was paid.", "the run itself does not rule it out")

	lost := OfRun(serviceerror.NewNotFound("workflow is gone"))
	require.Equal(t, "TemporalUnavailable", lost.Type)
	require.Equal(t, "the separation's result cannot be read: workflow is gone", lost.Message)
}

// A failure is a line for a person, and the same as fields for a script.
func TestAFailureIsALine(t *testing.T) {
	f := &Failure{
		Type: stemflow.ErrorArchiveIncomplete, Message: "1 of 12 stems\x1b[2J", Code: ExitFailed,
		Hint:    HintFor(stemflow.ErrorArchiveIncomplete),
		Details: &stemflow.ErrorDetails{SeparationTaskID: "3e63", Stems: make([]stemflow.Stem, 11)},
	}
	require.Equal(t, "error: ArchiveIncomplete: 1 of 12 stems [2J (archived so far: 11, separation task id: 3e63). "+
		"Start again, unpaid: what is archived stays. With --allow-partial a run succeeds with the stems that it can get.",
		f.Text("starter"))
	text, err := json.Marshal(f)
	require.NoError(t, err)
	var read Failure
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, Failure{Type: f.Type, Message: f.Message, Details: f.Details}, read)

	require.Equal(t, "error: Error: unforeseen", Of(errors.New("unforeseen")).Text("starter"))
	require.Equal(t, `error: Usage: what? "go run ./starter start -h" lists the flags.`,
		Of(Usage("start", "what?")).Text("go run ./starter"))
}

func TestEveryFailureIsOneLine(t *testing.T) {
	for _, kind := range stemflow.ErrorTypes() {
		for _, message := range []string{"", "x", "a:\n  b\n  c\n", "\x1b[2J\r\n"} {
			f := ofEndWith(kind.Name, message)
			require.False(t, strings.ContainsAny(f.Text("starter"), "\n\r\x1b"), "%q", f.Text("starter"))
		}
	}
}

func ofEndWith(kind, message string) *Failure {
	return OfRun(temporal.NewNonRetryableApplicationError(message, kind, nil))
}

func TestAnInterruptionIsNoError(t *testing.T) {
	err := fmt.Errorf("cannot be read: %w", &limit.Interrupted{Doing: "reading a/b"})
	for _, f := range []*Failure{Of(err), Of(Archive("", err)), Temporal("x", err), Of(Connection(err))} {
		require.Equal(t, ExitInterrupted, f.Code)
		require.Equal(t, "interrupted while reading a/b", f.Text("starter"))
	}
	detached := &Failure{Type: TypeDetached, Message: "interrupted", Code: ExitInterrupted, Hint: "  watch   starter watch\n  cancel  x"}
	require.Equal(t, "interrupted\n  watch   starter watch\n  cancel  x", detached.Text("starter"))
}

func TestWhatWasWaitedForIsNamed(t *testing.T) {
	err := &limit.Exceeded{Doing: "reading a/b from the object store s:9000", After: 20_000_000_000}
	require.Equal(t, "error: ArchiveUnavailable: no answer within 20s while reading a/b from the object store s:9000. "+
		"Check MINIO_ENDPOINT, and that the store runs.", Of(Archive("", err)).Text("starter"))
	require.Contains(t, Temporal("the separation cannot be started", err).Text("starter"),
		"error: TemporalUnavailable: the separation cannot be started: no answer within 20s while reading a/b")
}

func TestAWrongConnectionIsAnErrorOfTheEnvironment(t *testing.T) {
	wrong := Of(Connection(fmt.Errorf("x: %w", &observe.ConfigurationError{Err: errors.New("TEMPORAL_ADDRESS: give it")})))
	require.Equal(t, ExitUsage, wrong.Code)
	require.Equal(t, TypeConfiguration, wrong.Type)
	require.Equal(t, ExitFailed, Of(Connection(context.DeadlineExceeded)).Code)
	plain := errors.New("authentication handshake failed: tls: first record does not look like a TLS handshake")
	require.Contains(t, Of(Connection(plain)).Text("starter"), "set TEMPORAL_TLS=false")
}

func TestOtherTypesAreNamed(t *testing.T) {
	f := &Failure{Type: TypeNotArchived, Message: "there is none", Code: ExitFailed, Hint: "Check it."}
	f.AddOtherTypes("archived", nil)
	require.Equal(t, "error: NotArchived: there is none. Check it.", f.Text("starter"))
	f.AddOtherTypes("archived", []stemflow.Track{
		{Type: stemflow.SplitStem}, {Type: stemflow.SplitStemAdvanced, StemName: "lead_vocal"},
	})
	require.Equal(t, "error: NotArchived: there is none; of this track, other types are archived. The type was not given, "+
		"and separate_vocal is the default. Give --type split_stem or --type split_stem_advanced --stem-name lead_vocal.",
		f.Text("starter"))
}

// Whoever waits for a transcription is told nothing of a separation, or of what was paid for one.
func TestEndsOfOtherRunsNameThem(t *testing.T) {
	for _, err := range []error{
		temporal.NewCanceledError(), &temporal.TerminatedError{}, serviceerror.NewNotFound("workflow is gone"),
	} {
		f := OfTask("transcription", err)
		require.Contains(t, f.Message, "the transcription")
		require.NotContains(t, f.Message+f.Hint, "separation")
		require.NotContains(t, f.Hint, "the track")
	}
	own := OfTask("transcription", temporal.NewNonRetryableApplicationError("the separation is not archived", "x", nil))
	require.Equal(t, "the separation is not archived", own.Message)
}
