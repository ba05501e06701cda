package integration

import (
	"bufio"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devtools"
	"stemflow/internal/program/terminaltest"
)

func TestAPersonAtATerminalReadsText(t *testing.T) {
	t.Parallel()
	program, person := terminaltest.Open(t)
	cmd := exec.Command(build(t, "../callbackbridge/cmd/callbackbridge"))
	cmd.Env = devtools.Environment(ourVariables, "TEMPORAL_ADDRESS=127.0.0.1:1", "STEMFLOW_BRIDGE_ADDR=127.0.0.1:0",
		"STEMFLOW_METRICS_ADDR=127.0.0.1:0", "STEMFLOW_CALLBACK_SECRETS="+callbackSecret)
	cmd.Stderr = program
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(person)
	require.True(t, lines.Scan())
	require.Regexp(t, `level=INFO msg="callback bridge listening" address=127\.0\.0\.1:\d+ tls=false`, lines.Text())
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
}
