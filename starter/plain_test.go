package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/config"
	"stemflow/internal/program"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
)

// hostile retitles a terminal, colours it, in both spellings that terminals know, and turns the
// direction of what follows it.
const hostile = "\x1b]0;title\a\x1b[31mred\u009b2J\u202eturned\u2028\x7f"

// Who writes to the bucket, and who names a song, decides what a manifest says.
func TestNoManifestMovesTheCursor(t *testing.T) {
	a := newArchivedTrack(t)
	m := a.manifest
	m.SettledBy = hostile
	m.Stems[0].Name += hostile
	m.Stems[0].ContentType = hostile
	m.Empty = []string{hostile}
	m.Failed = []stemflow.FailedStem{{Name: hostile, Type: hostile, Message: hostile}}
	m.Missing = []stemflow.MissingStem{{Name: hostile, Reason: hostile}}
	m.MIDI = []stemflow.MIDI{
		{Stem: hostile, MIDITaskID: hostile, Failure: &stemflow.RunFailure{Type: hostile, Message: hostile}},
	}
	m.Source.Music = &stemflow.Music{Title: hostile, Artist: hostile, Tags: hostile, CoverURL: hostile}
	require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, m.Manifest.Key, m))
	for _, args := range [][]string{
		a.with("show"), a.with("show", "--json"), a.with("show", "--links=false", "-o", "jsonl"), {"list"},
		{"list", "--json"}, a.with("get", "--out", filepath.Join(t.TempDir(), "files")),
		a.with("get", "--json", "--out", t.TempDir()), a.with("get", "--format", "zip", "--out", t.TempDir()), {"cost"},
	} {
		code, stdout, stderr := starter(t, "", a.variables, args...)
		require.Equal(t, failure.ExitDone, code, stderr)
		for _, r := range stdout + stderr {
			invisible := r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
			require.False(t, invisible, "%q has %q", args, r)
		}
		if strings.Contains(strings.Join(args, " "), "show --json") {
			var read stemflow.Manifest
			require.NoError(t, json.Unmarshal([]byte(stdout), &read))
			require.Equal(t, hostile, read.Source.Music.Title)
			require.Equal(t, []string{hostile}, read.Empty)
		}
	}
}

// A file has a report as it is. A terminal is another matter, where each track has a title that
// somebody else has made up.
func TestNoReportMovesTheCursor(t *testing.T) {
	a := newArchivedTrack(t)
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	folder := archived.CatalogFolder(config.Starter{Bucket: a.bucket}, "", "music", "june", "run")
	require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, folder.Key+"tracks.jsonl", struct{}{}))
	var report stemflow.CatalogReport
	for i := range 100 {
		title := strings.Repeat("x", i) + "Für Élise" + hostile
		report.Outcomes = append(report.Outcomes, stemflow.TrackOutcome{
			Number: i + 1, Status: stemflow.TrackFailed, Title: title,
		})
	}
	require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, folder.Key+"report.json", report))
	for _, command := range []string{"report", "failures"} {
		for _, isTerminal := range []bool{true, false} {
			c, stdout, stderr := newTestCLI("", a.variables)
			c.stdoutSize = func() (program.TerminalSize, bool) {
				return program.TerminalSize{Columns: 80, Rows: 24}, isTerminal
			}
			code := c.run(t.Context(), []string{"--address", nowhere(t), "catalog", command, "june", "-o", "csv"})
			require.Equal(t, failure.ExitDone, code, stderr)
			require.Equal(t, !isTerminal, strings.Contains(stdout.String(), hostile))
			require.Equal(t, isTerminal, !strings.ContainsFunc(stdout.String(), func(r rune) bool {
				return r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
			}))
			require.Equal(t, 100, strings.Count(stdout.String(), "xFür Élise")+1, "no character is torn apart")
		}
	}
}
