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

// killedProgramsAreStartedAgain kills programs of a running stack one after the other, and demands that each is started
// again while the rest lives on.
func killedProgramsAreStartedAgain(t *testing.T, r *running) {
	t.Helper()
	others := map[string]int{}
	names := []string{"worker", "callbackbridge", "kiesim", "minio", "temporal"}
	for _, name := range names {
		others[name] = r.child(name)
	}
	for _, name := range names {
		require.NoError(t, syscall.Kill(-others[name], syscall.SIGKILL))
		r.await(name + " ended by itself: signal: killed; it is started again, its log is ")
		r.await(name + " is up again")
		again := r.child(name)
		require.NotEqual(t, others[name], again)
		others[name] = again
	}
	for _, name := range names {
		require.Equal(t, others[name], r.child(name), "nothing else was started again")
	}
}

func childrenDieWithLocalstack(t *testing.T, dir string) {
	r := startLocalstack(t, dir, os.Args[0], "serve")
	r.await(allUp)
	require.NoError(t, r.cmd.Process.Kill())
	r.end()
	r.requireAllGone()
}

func secondInterruptKills(t *testing.T, r *running) {
	require.NoError(t, syscall.Kill(r.child("worker"), syscall.SIGSTOP)) // it would be waited for
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	r.await("Stopping.")
	begun := time.Now()
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, exitInterrupted, r.end())
	require.Less(t, time.Since(begun), workerStop)
	r.requireAllGone()
}

// child is the process id of a program that this localstack has started.
func (r *running) child(name string) int {
	r.t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(r.t, err)
	for _, file := range stats {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		begin, end := strings.Index(string(stat), "("), strings.LastIndex(string(stat), ") ")
		fields := strings.Fields(string(stat[end+2:])) // state, parent
		if fields[1] != strconv.Itoa(r.cmd.Process.Pid) || string(stat[begin+1:end]) != name[:min(len(name), 15)] {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(file, "/")[2])
		require.NoError(r.t, err)
		return pid
	}
	require.Fail(r.t, "there is no such process", name)
	return 0
}
