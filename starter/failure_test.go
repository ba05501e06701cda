package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"stemflow"
)

// errorTypes are the values of the contract's Error constants.
func errorTypes(t *testing.T) []string {
	file, err := parser.ParseFile(token.NewFileSet(), "../errors.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var types []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Error") {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			types = append(types, value)
		}
		return true
	})
	return types
}

func TestAdviceForEveryErrorType(t *testing.T) {
	types := errorTypes(t)
	require.Len(t, types, 16)
	for _, kind := range types {
		require.NotEmpty(t, advice[kind], "there is no advice for %s", kind)
	}
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
			c.want.hint = advice[c.want.Type]
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
		Type: stemflow.ErrorArchiveIncomplete, Message: "1 of 12 stems\x1b[2J", code: exitFailed, hint: advice[stemflow.ErrorArchiveIncomplete],
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
Start again, which pays nothing: the stems that are archived stay. --allow-partial takes what can be had.
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
	in := stemflow.SeparateStemsInput{TaskID: "5c79", AudioID: "e231", Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal",
		Bucket: "other", Force: true}
	code := p.report(&failure{Type: failureDetached, Message: "interrupted", code: exitInterrupted, hint: nextSteps(in)}, false)
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
