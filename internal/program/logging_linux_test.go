package program

import (
	"bufio"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/program/terminaltest"
)

func TestTextOnATerminal(t *testing.T) {
	program, person := terminaltest.Open(t)
	NewLogger(program, nil).Info("started", "WorkflowID", "w")
	Fail(program, "worker", errors.New("two things are wrong:\n- this"), nil)

	seen := bufio.NewScanner(person)
	for _, want := range []string{`level=INFO msg=started workflowId=w$`, `^worker: two things are wrong:$`, `^- this$`} {
		require.True(t, seen.Scan())
		require.Regexp(t, want, seen.Text())
	}
}
