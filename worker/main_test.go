package main

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// asProgram makes the tests' binary the worker itself.
const asProgram = "WORKER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A worker that ignored its arguments would begin to work, and to pay, when it is asked for help.
func TestArgumentsStartNoWorker(t *testing.T) {
	for argument, code := range map[string]int{"-h": 0, "-help": 0, "--help": 0, "--queue": 2, "start": 2} {
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(os.Args[0], argument)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run() // the exit code says how it ended
		require.Equal(t, code, cmd.ProcessState.ExitCode(), argument)
		said := stdout.String() + stderr.String()
		require.Contains(t, said, "It takes no arguments: the environment configures it", argument)
	}
}
