//go:build unix

package hook

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/redact"
)

func archived() stemflow.Event {
	return stemflow.Event{
		ID: "evt_1", Type: stemflow.EventSeparationArchived, Timestamp: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Data: stemflow.EventData{
			Namespace: "default", WorkflowID: "stems:1", RunID: "run-1",
			Separation: &stemflow.SeparationEvent{
				Track: stemflow.Track{TaskID: "t", AudioID: "a", Type: stemflow.SplitStem}, Title: "Nocturne; rm -rf /\x00\n$(id)", Credits: 50,
				Stems: make([]stemflow.EventStem, 3),
			},
		},
	}
}

// script is a program of a shell, since a test has no other at hand.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hook")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700))
	return path
}

func TestTheProgramIsToldAndInheritsNothing(t *testing.T) {
	for _, name := range []string{"KIE_API_KEY", "MINIO_SECRET_KEY", "STEMFLOW_WEBHOOK_SECRET", "TEMPORAL_API_KEY"} {
		t.Setenv(name, "hunter2")
	}
	out := t.TempDir()
	c := Command{
		Path: script(t, `cat > "$HOME/body"; env > "$HOME/env"; ls /proc/self/fd > "$HOME/fds" 2>/dev/null; exit 0`),
		Env:  []string{"PATH=/usr/bin:/bin", "HOME=" + out},
	}
	require.NoError(t, c.Run(t.Context(), archived(), []byte(`{"id":"evt_1"}`)))
	body, err := os.ReadFile(filepath.Join(out, "body"))
	require.NoError(t, err)
	require.Equal(t, `{"id":"evt_1"}`, string(body))
	text, err := os.ReadFile(filepath.Join(out, "env"))
	require.NoError(t, err)
	require.NotContains(t, string(text), "hunter2")
	var env []string
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		name, _, _ := strings.Cut(line, "=")
		if name != "PWD" && name != "_" && name != "SHLVL" && name != "OLDPWD" { // the shell's own
			env = append(env, line)
		}
	}
	slices.Sort(env)
	want := []string{
		"HOME=" + out, "PATH=/usr/bin:/bin", "STEMFLOW_EVENT=separation.archived", "STEMFLOW_EVENT_ERROR=", "STEMFLOW_EVENT_ID=evt_1",
		"STEMFLOW_EVENT_NAMESPACE=default", "STEMFLOW_EVENT_RUN_ID=run-1",
		"STEMFLOW_EVENT_SUMMARY=split_stem of Nocturne; rm -rf / $(id): archived, 3 stems, 50 credits",
		"STEMFLOW_EVENT_TIMESTAMP=2026-01-02T03:04:05Z", "STEMFLOW_EVENT_WORKFLOW_ID=stems:1",
	}
	require.Equal(t, want, env)
}

func TestAProgramThatFailsSaysWhy(t *testing.T) {
	c := Command{
		Path:     script(t, "echo no route to chat, token=host-secret-123456 >&2; head -c 1000000 /dev/zero | tr '\\0' y; exit 3"),
		Env:      []string{"PATH=/usr/bin:/bin"},
		Redactor: redact.New("host-secret-123456"),
	}
	err := c.Run(t.Context(), archived(), nil)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.False(t, e.Final)
	require.Contains(t, e.Message, "exit status 3: no route to chat")
	require.NotContains(t, e.Message, "host-secret")
	require.Less(t, len(e.Message), 700)

	c.Path = "/nowhere/hook"
	require.ErrorAs(t, c.Run(t.Context(), archived(), nil), &e)
	require.False(t, e.Final, "it may be put there")
}

// A program that does not read, or does not end, holds nothing up, and neither does what it leaves
// behind.
func TestAProgramIsBounded(t *testing.T) {
	body := []byte(strings.Repeat("x", 1<<20))
	env := []string{"PATH=/usr/bin:/bin"}
	t.Run("it does not read", func(t *testing.T) {
		require.NoError(t, (&Command{Path: script(t, "exit 0"), Env: env}).Run(t.Context(), archived(), body))
	})
	t.Run("it does not end", func(t *testing.T) {
		pids := filepath.Join(t.TempDir(), "pids")
		c := Command{
			Path: script(t, `sleep 600 & echo $! > "`+pids+`"; echo waiting; wait`), Env: env, Timeout: time.Second,
		}
		began := time.Now()
		err := c.Run(t.Context(), archived(), body)
		require.ErrorContains(t, err, "was killed, it had not ended within 1s")
		require.Less(t, time.Since(began), 30*time.Second)
		requireGone(t, pids)
	})
	t.Run("its worker stops", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := (&Command{Path: script(t, "sleep 600"), Env: env}).Run(ctx, archived(), body)
		require.ErrorContains(t, err, "was interrupted")
		require.NotContains(t, err.Error(), "30s", "it has not had the time")
	})
	t.Run("it leaves something behind that holds its output", func(t *testing.T) {
		began := time.Now()
		c := Command{Path: script(t, "sleep 600 & exit 0"), Env: env}
		require.NoError(t, c.Run(t.Context(), archived(), body))
		require.Less(t, time.Since(began), 30*time.Second)
	})
	t.Run("it fails and leaves something behind", func(t *testing.T) {
		pids := filepath.Join(t.TempDir(), "pids")
		c := Command{Path: script(t, `sleep 600 & echo $! > "`+pids+`"; exit 1`), Env: env}
		require.ErrorContains(t, c.Run(t.Context(), archived(), body), "exit status 1")
		requireGone(t, pids)
	})
}

// requireGone demands that the process ends whose id is in a file.
func requireGone(t *testing.T, pids string) {
	t.Helper()
	text, err := os.ReadFile(pids)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return gone(pid) }, 30*time.Second, 10*time.Millisecond,
		"what the program has started is killed with it")
}

// gone reports whether a process has ended; nobody may have taken notice of it yet.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err == nil {
		return strings.Contains(string(stat), ") Z ")
	}
	return syscall.Kill(pid, 0) != nil
}

// STEMFLOW_EVENT_ERROR is what programs decide by.
func TestReasons(t *testing.T) {
	failure := &stemflow.RunFailure{Type: "NoStems", Message: "none"}
	for want, data := range map[string]stemflow.EventData{
		"NoStems":  {Separation: &stemflow.SeparationEvent{Error: failure}},
		"Canceled": {Catalog: &stemflow.CatalogEvent{Error: &stemflow.RunFailure{Type: "Canceled"}}},
		"requested": {Catalog: &stemflow.CatalogEvent{
			Paused: &stemflow.EventPause{CatalogPause: stemflow.CatalogPause{Reason: "requested"}},
		}},
	} {
		require.Contains(t, variables(stemflow.Event{Data: data}), "STEMFLOW_EVENT_ERROR="+want)
	}
	for _, data := range []stemflow.EventData{
		{}, {Separation: &stemflow.SeparationEvent{}}, {Catalog: &stemflow.CatalogEvent{}},
	} {
		require.Contains(t, variables(stemflow.Event{Data: data}), "STEMFLOW_EVENT_ERROR=")
	}
}

func TestSummaries(t *testing.T) {
	separation := func(adjust func(*stemflow.SeparationEvent)) stemflow.Event {
		e := archived()
		adjust(e.Data.Separation)
		return e
	}
	catalog := func(c stemflow.CatalogEvent) stemflow.Event {
		c.Name, c.Tracks, c.Archived, c.Found, c.Partial, c.Failed, c.Credits = "june", 10, 3, 2, 1, 1, 70
		return stemflow.Event{Data: stemflow.EventData{Catalog: &c}}
	}
	for want, event := range map[string]stemflow.Event{
		"split_stem of a: archived, 3 stems, 50 credits, 2 stems are not there": separation(func(s *stemflow.SeparationEvent) {
			s.Title, s.Failed, s.Missing = "", []string{"drums"}, []string{"bass"}
		}),
		"split_stem of Song: NoStems: none": separation(func(s *stemflow.SeparationEvent) {
			s.Title, s.Error = "Song", &stemflow.RunFailure{Type: "NoStems", Message: "none"}
		}),
		"catalogue june: ended. 6 of 10 tracks are archived, 1 failed, 70 credits": catalog(stemflow.CatalogEvent{}),
		"catalogue june: paused: requested. 6 of 10 tracks are archived, 1 failed, 70 credits": catalog(stemflow.CatalogEvent{
			Paused: &stemflow.EventPause{CatalogPause: stemflow.CatalogPause{Reason: "requested"}},
		}),
		"catalogue june: paused: failures: five in a row. 6 of 10 tracks are archived, 1 failed, 70 credits": catalog(
			stemflow.CatalogEvent{
				Paused: &stemflow.EventPause{
					CatalogPause: stemflow.CatalogPause{Reason: "failures", Message: "five in a row"},
				},
			}),
		"catalogue june: ended early: Canceled: it was. 6 of 10 tracks are archived, 1 failed, 70 credits": catalog(stemflow.CatalogEvent{
			Error: &stemflow.RunFailure{Type: "Canceled", Message: "it was"},
		}),
		"": {},
	} {
		require.Equal(t, want, summary(event))
	}
	require.Less(t, len(summary(separation(func(s *stemflow.SeparationEvent) { s.Title = strings.Repeat("é", 1<<20) }))), 1100)
}
