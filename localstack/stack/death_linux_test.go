package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// killedProgramsAreStartedAgain kills programs of a running stack, and demands that each is started
// again while the rest lives on.
func killedProgramsAreStartedAgain(t *testing.T, r *running, id string) {
	t.Helper()
	ours, servers := []string{"worker", "callbackbridge", "kiesim"}, []string{"minio", "temporal"}
	pids := map[string]int{}
	for _, name := range slices.Concat(ours, servers) {
		pids[name] = r.child(name)
	}
	for _, names := range [][]string{ours, servers} {
		var said []string
		for _, name := range names {
			require.NoError(t, syscall.Kill(-pids[name], syscall.SIGKILL))
			said = append(said, name+" has ended: signal: killed; it is started again, its log is ",
				name+" is up again")
		}
		r.awaitAll(said...)
		r.awaitWorker(id)
		for name, pid := range pids {
			if again := r.child(name); slices.Contains(names, name) {
				require.NotEqual(t, pid, again)
				pids[name] = again
			} else {
				require.Equal(t, pid, again, "%s was not killed", name)
			}
		}
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
