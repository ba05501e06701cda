package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func saying(text string, err error) func(context.Context, io.Writer) error {
	return func(_ context.Context, out io.Writer) error {
		fmt.Fprintln(out, text)
		return err
	}
}

func TestEveryStepRunsAndAFailureFailsTheCheck(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		passes  bool
		summary string
	}{
		"sound":   {nil, true, "check: second  0s  ok\n"},
		"failing": {errors.New("the reason"), false, "check: second  0s  FAILED: the reason\n"},
		"skipped": {skipped("no network"), true, "check: second  0s  skipped: no network\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			check := &checker{out: &out}
			check.run(t.Context(), []step{
				{"first", saying("from the first", nil)}, {"second", saying("from the second", c.err)},
				{"third", saying("from the third", nil)},
			})
			require.Equal(t,
				"== first\nfrom the first\n== second\nfrom the second\n== third\nfrom the third\n", out.String())
			out.Reset()
			require.Equal(t, c.passes, check.summarize())
			require.Contains(t, out.String(), c.summary)
			require.Contains(t, out.String(), "check: third   0s  ok\n")
		})
	}
}

func TestLanesRunSideBySide(t *testing.T) {
	var out bytes.Buffer
	check := &checker{out: &out}
	reached := make(chan struct{})
	check.run(t.Context(),
		[]step{{"waits", func(context.Context, io.Writer) error { <-reached; return nil }}},
		[]step{
			{"failing", saying("no", errors.New("a failure"))},
			{"next", func(ctx context.Context, out io.Writer) error {
				defer close(reached)
				return saying("at once", nil)(ctx, out)
			}},
		})
	require.Contains(t, out.String(), "== next\nat once\n")
	require.False(t, check.summarize())
}

func TestAnInterruptedCheckBeginsNothingAndFails(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check := &checker{out: io.Discard}
	check.run(ctx, []step{{"never", func(context.Context, io.Writer) error { t.Error("it began"); return nil }}})
	require.False(t, check.summarize())
}
