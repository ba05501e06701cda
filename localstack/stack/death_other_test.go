//go:build !linux

package main

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Without /proc the processes are not found.

func killedProgramsAreStartedAgain(*testing.T, *running, string) {}

func childrenDieWithLocalstack(*testing.T, string) {}

func secondInterruptKills(t *testing.T, r *running) {
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	require.Zero(t, r.end(), r.stderr.String())
}
