package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"stemflow"
)

// A hint speaks of flags, which the commands that start a run must have.
func TestHintForEveryErrorType(t *testing.T) {
	flags := newFlagSet("start")
	(&startOptions{}).declare(flags)
	for _, kind := range stemflow.ErrorTypes() {
		hint := hintFor(kind.Name)
		require.Regexp(t, `^[A-Z].*\.$`, hint, kind.Name)
		require.NotContains(t, hint, "`", kind.Name)
		require.Equal(t, kind.Paid == stemflow.PaidNo, strings.HasSuffix(hint, "Nothing was paid."), kind.Name)
		for _, name := range regexp.MustCompile(`--[a-z-]+`).FindAllString(hint, -1) {
			require.NotNil(t, flags.Lookup(name[2:]), "%s: there is no flag %s", kind.Name, name)
		}
	}
	require.Contains(t, hintFor(stemflow.ErrorSubmissionUnknown), "--separation-task-id")
	require.Contains(t, hintFor(stemflow.ErrorSourceTooLarge), " STEMFLOW_MAX_STEM_SIZE ")
	require.Empty(t, hintFor("Unforeseen"))
}

func TestRunFailures(t *testing.T) {
	paid := stemflow.ErrorDetails{SeparationTaskID: "3e63", ProviderCode: 531, ProviderMessage: "refunded"}
	for _, c := range []struct {
		name string
		err  error
		want failure
	}{
		{"failed", temporal.NewNonRetryableApplicationError("no", stemflow.ErrorSeparationFailed, nil, paid),
			failure{Type: "SeparationFailed", Message: "no", Details: &paid, code: exitFailed}},
		{"without details", temporal.NewNonRetryableApplicationError("no", stemflow.ErrorUnauthorized, nil),
			failure{Type: "Unauthorized", Message: "no", code: exitFailed}},
		{"details of another shape", temporal.NewNonRetryableApplicationError("no", stemflow.ErrorUnauthorized, nil, 42),
			failure{Type: "Unauthorized", Message: "no", code: exitFailed}},
		{"input", temporal.NewNonRetryableApplicationError("taskId: is required", stemflow.ErrorInvalidInput, nil),
			failure{Type: "InvalidInput", Message: "taskId: is required", code: exitUsage}},
		{"cancelled", temporal.NewCanceledError(paid),
			failure{Type: "Canceled", Message: "the separation was cancelled", Details: &paid, code: exitCanceled}},
		{"timed out", temporal.NewTimeoutError(1, nil),
			failure{Type: "TimedOut", Message: "the workflow ran into a time-out that it was started with", code: exitFailed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.hint = hintFor(c.want.Type)
			require.NotEmpty(t, c.want.hint)
			// The way of a real one, over the wire.
			converter := temporal.GetDefaultFailureConverter()
			received := converter.FailureToError(converter.ErrorToFailure(c.err))
			require.Equal(t, &c.want, runFailure(errors.Join(received)))
		})
	}
	lost := runFailure(serviceerror.NewNotFound("workflow is gone"))
	require.Equal(t, "TemporalUnavailable", lost.Type)
	require.Equal(t, "the separation's result cannot be read: workflow is gone", lost.Message)
}

func TestReport(t *testing.T) {
	f := &failure{
		Type: stemflow.ErrorArchiveIncomplete, Message: "1 of 12 stems\x1b[2J", code: exitFailed, hint: hintFor(stemflow.ErrorArchiveIncomplete),
		Details: &stemflow.ErrorDetails{SeparationTaskID: "3e63", Stems: make([]stemflow.Stem, 11)},
	}
	var stdout, stderr bytes.Buffer
	p := &cli{stdout: &stdout, stderr: &stderr}
	require.Equal(t, exitFailed, p.report(f, false))
	require.Empty(t, stdout.String())
	require.Equal(t, `error: ArchiveIncomplete
  1 of 12 stems [2J
  archived so far: 11
  separation task id: 3e63
Start again, unpaid: what is archived stays. With --allow-partial a run succeeds with the stems that it can get.
`, stderr.String())

	stderr.Reset()
	require.Equal(t, exitFailed, p.report(f, true))
	require.Empty(t, stderr.String())
	var printed struct {
		Error struct {
			Type, Message string
			Details       stemflow.ErrorDetails
		}
	}
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &printed))
	require.Equal(t, f.Type, printed.Error.Type)
	require.Equal(t, f.Message, printed.Error.Message)
	require.Equal(t, *f.Details, printed.Error.Details)

	stdout.Reset()
	require.Equal(t, exitDone, p.report(nil, true))
	require.Equal(t, exitFailed, p.report(errors.New("unforeseen"), false))
	require.Equal(t, "error: Error\n  unforeseen\n", stderr.String())
}

func TestInterruptedIsNoError(t *testing.T) {
	var stderr bytes.Buffer
	p := &cli{stderr: &stderr}
	in := stemflow.SeparateStemsInput{
		TaskID:   "5c79",
		AudioID:  "e231",
		Type:     stemflow.SplitStemAdvanced,
		StemName: "Lead Vocal",
		Bucket:   "other",
		Force:    true,
	}
	code := p.report(
		&failure{Type: failureDetached, Message: "interrupted", code: exitInterrupted, hint: nextSteps(in)},
		false,
	)
	require.Equal(t, 130, code)
	require.Equal(t, `  interrupted
  watch   starter watch --task-id 5c79 --audio-id e231 --type split_stem_advanced --stem-name 'Lead Vocal'
  cancel  starter cancel --task-id 5c79 --audio-id e231 --type split_stem_advanced --stem-name 'Lead Vocal'
  show    starter show --task-id 5c79 --audio-id e231 --type split_stem_advanced --stem-name 'Lead Vocal' --bucket other  (when it is done)
`, stderr.String())
}

func TestTransientErrors(t *testing.T) {
	for _, err := range []error{
		serviceerror.NewUnavailable("down"), serviceerror.NewDeadlineExceeded("slow"), serviceerror.NewResourceExhausted(1, "busy"),
	} {
		require.True(t, isTransient(errors.Join(err)))
	}
	for _, err := range []error{
		serviceerror.NewNotFound("gone"), serviceerror.NewPermissionDenied("no", ""), temporal.NewCanceledError(), errors.New("x"),
	} {
		require.False(t, isTransient(err))
	}
}
