package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEndsWhenAChildDies(t *testing.T) {
	r := startLocalstack(t, os.Args[0], "serve")
	r.await(allUp)
	require.NoError(t, syscall.Kill(r.child("kiesim"), syscall.SIGKILL))
	require.Equal(t, 1, r.end())
	require.Contains(t, r.stderr.String(), "localstack: kiesim ended by itself: signal: killed\n    ")
	require.Contains(t, r.stderr.String(), "kiesim is up", "the end of its log")
	require.Contains(t, r.stderr.String(), "All of its log is in "+filepath.Join(testDir, "logs", "kiesim.log"))
	r.requireAllGone()
}

func TestChildrenDieWithLocalstack(t *testing.T) {
	r := startLocalstack(t, os.Args[0], "serve")
	r.await(allUp)
	require.NoError(t, r.cmd.Process.Kill())
	r.end()
	r.requireAllGone()
}

func TestSecondInterruptKills(t *testing.T) {
	r := startLocalstack(t, os.Args[0], "serve")
	r.await(allUp)
	require.NoError(t, syscall.Kill(r.child("worker"), syscall.SIGSTOP)) // it would be waited for
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	r.await("Stopping.")
	begun := time.Now()
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, exitInterrupted, r.end())
	require.Less(t, time.Since(begun), workerStop)
	r.requireAllGone()
}

// child is the process id of a program that localstack has started.
func (r *running) child(name string) int {
	r.t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	require.NoError(r.t, err)
	for _, link := range links {
		if path, _ := os.Readlink(link); path == filepath.Join(testDir, "bin", name) {
			pid, err := strconv.Atoi(strings.Split(link, "/")[2])
			require.NoError(r.t, err)
			return pid
		}
	}
	require.Fail(r.t, "there is no such process", name)
	return 0
}
