package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"stemflow"
	"stemflow/internal/bounded"
)

// registered is an activity as a worker gets it.
type registered map[string]any

func (r registered) RegisterActivityWithOptions(a any, options activity.RegisterOptions) {
	r[options.Name] = a
}

// However an activity fails, Temporal takes the failure: it is short, and UTF-8.
func TestFailuresCanBeReported(t *testing.T) {
	long := strings.Repeat("x\xff", 1_500_000)
	chain := errors.New("the end")
	for range 1000 {
		chain = fmt.Errorf("because: %w", chain)
	}
	for name, c := range map[string]struct {
		fail func() error
		kind string
	}{
		"final":           {func() error { return final("Kind", long, errors.New(long)) }, "Kind"},
		"retryable":       {func() error { return retryable("Kind", long, fmt.Errorf("%w", errors.New(long))) }, "Kind"},
		"expected":        {func() error { return expected("Kind", long) }, "Kind"},
		"store":           {func() error { return storeFailure(errors.New(long)) }, stemflow.ErrorArchiveUnavailable},
		"a long cause":    {func() error { return final("Kind", "short", fmt.Errorf("%w", errors.New(long))) }, "Kind"},
		"many causes":     {func() error { return final("Kind", "short", chain) }, "Kind"},
		"as it comes":     {func() error { return errors.New(long) }, ""},
		"as it comes too": {func() error { return chain }, ""},
		"a panic":         {func() error { panic(long) }, "PanicError"},
		"another panic":   {func() error { panic(errors.New(long)) }, "PanicError"},
	} {
		t.Run(name, func(t *testing.T) {
			r := registered{}
			register(r, "Fail", func(context.Context) error { return c.fail() })
			var suite testsuite.WorkflowTestSuite
			suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
			env := suite.NewTestActivityEnvironment()
			env.RegisterActivityWithOptions(r["Fail"], activity.RegisterOptions{Name: "Fail"})
			_, err := env.ExecuteActivity("Fail")
			require.Error(t, err)
			f := temporal.GetDefaultFailureConverter().ErrorToFailure(errors.Unwrap(err))
			require.Equal(t, c.kind, f.GetApplicationFailureInfo().GetType())
			size := 0
			for ; f != nil; f = f.GetCause() {
				require.True(t, utf8.ValidString(f.GetMessage()))
				size += len(f.GetMessage())
			}
			require.LessOrEqual(t, size, bounded.Message+20*mostCause)
		})
	}
}

// What can be reported as it is stays as it is.
func TestFailuresKeepWhatTheySay(t *testing.T) {
	cause := fmt.Errorf("outer: %w", errors.New("inner"))
	f := temporal.GetDefaultFailureConverter().ErrorToFailure(final("Kind", "message", cause))
	var texts []string
	for ; f != nil; f = f.GetCause() {
		texts = append(texts, f.GetMessage())
	}
	require.Equal(t, []string{"message", "outer: inner", "inner"}, texts)

	r := registered{}
	register(r, "Succeed", func(_ context.Context, in string) (string, error) { return in + "!", nil })
	out, err := r["Succeed"].(func(context.Context, string) (string, error))(t.Context(), "in")
	require.NoError(t, err)
	require.Equal(t, "in!", out)

	register(r, "Panic", func(context.Context) error { panic("short") })
	require.PanicsWithValue(t, "short", func() { _ = r["Panic"].(func(context.Context) error)(t.Context()) })
}
