package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/ledger"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
)

func costs(t *testing.T, a archivedTrack, args ...string) (all archived.Costs) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(a.run(t, append([]string{"cost", "--json"}, args...)...)), &all))
	return all
}

func TestCostSumsUpWhatTheLedgersKnow(t *testing.T) {
	a := newArchivedTrack(t)
	day := func(d int) time.Time { return time.Date(2026, 11, d, 23, 30, 0, 0, time.FixedZone("", -3600)) }
	split := stemflow.Track{TaskID: "aa", AudioID: "bb", Type: stemflow.SplitStem}
	advanced := stemflow.Track{TaskID: "aa", AudioID: "bb", Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal"}
	entry := func(track stemflow.Track, state stemflow.SubmissionState, id string, at time.Time) ledger.Entry {
		return stemflow.Submission{Version: 1, Track: track, State: state, SeparationTaskID: id, SubmittedAt: at}
	}
	write := func(prefix string, track stemflow.Track, l any) {
		key := archive.SubmissionKey(archive.Locate(a.bucket, prefix, track))
		require.NoError(t, a.store.PutJSON(t.Context(), a.bucket, key, l))
	}
	require.Equal(t, archived.Costs{}, costs(t, a))

	write("", a.manifestTrack(), ledger.Ledger{Entry: entry(a.manifestTrack(), stemflow.SubmissionPaid, "3e63", day(1))})
	write("music", a.manifestTrack(), ledger.Ledger{Entry: entry(a.manifestTrack(), stemflow.SubmissionPaid, "3e63", day(1))}) // a copy
	write("", split, ledger.Ledger{                                                                                            // forced, after one that failed, one that was refused and one that nobody knows of
		Entry: entry(split, stemflow.SubmissionPaid, "new", day(2)),
		Earlier: []ledger.Entry{
			entry(split, stemflow.SubmissionIntended, "", time.Time{}), entry(split, stemflow.SubmissionFailed, "old", day(1)),
			entry(split, stemflow.SubmissionRefused, "", day(1)),
		},
	})
	write("", advanced, ledger.Ledger{Entry: stemflow.Submission{State: stemflow.SubmissionIntended, Track: advanced, IntendedAt: day(3)}})
	putTrack(t, a.store, a.bucket, "films", split, 1)
	_, err := a.store.Put(t.Context(), a.bucket, "films/aa/bb/split_stem/new/drums.mp3", "audio/mpeg", strings.NewReader("x"), 1)
	require.NoError(t, err)

	total := archived.Spent{
		Separations: 3, Failed: 1, Credits: 110, Dollars: 0.55, MayHavePaid: 2, MayHavePaidCredits: 70,
	}
	require.Equal(t, archived.Costs{Spent: total}, costs(t, a))
	for by, rows := range map[string][]archived.Row{
		archived.ByType: {
			{Key: "separate_vocal", Spent: archived.Spent{Separations: 1, Credits: 10, Dollars: 0.05}},
			{Key: "split_stem", Spent: archived.Spent{Separations: 2, Failed: 1, Credits: 100, Dollars: 0.5, MayHavePaid: 1, MayHavePaidCredits: 50}},
			{Key: "split_stem_advanced", Spent: archived.Spent{MayHavePaid: 1, MayHavePaidCredits: 20}},
		},
		archived.ByPrefix: {
			{Key: "(not archived)", Spent: archived.Spent{Separations: 1, Failed: 1, Credits: 50, Dollars: 0.25, MayHavePaid: 2, MayHavePaidCredits: 70}},
			{Key: "films", Spent: archived.Spent{Separations: 1, Credits: 50, Dollars: 0.25}},
			{Key: "music", Spent: archived.Spent{Separations: 1, Credits: 10, Dollars: 0.05}},
		},
		archived.ByDay: { // of payment, in UTC
			{Key: "(unknown)", Spent: archived.Spent{MayHavePaid: 1, MayHavePaidCredits: 50}},
			{Key: "2026-11-02", Spent: archived.Spent{Separations: 2, Failed: 1, Credits: 60, Dollars: 0.3}},
			{Key: "2026-11-03", Spent: archived.Spent{Separations: 1, Credits: 50, Dollars: 0.25}},
			{Key: "2026-11-04", Spent: archived.Spent{MayHavePaid: 1, MayHavePaidCredits: 20}},
		},
	} {
		require.Equal(t, archived.Costs{Spent: total, Rows: rows}, costs(t, a, "--by", by), by)
	}
	table := a.run(t, "cost", "--by", "type")
	require.Regexp(t, `(?m)^  type +separations  credits   US\$  failed  may have been paid\n`, table)
	require.Regexp(t, `(?m)^  all +3 +110  0\.55 +1 +2 \(70 credits\)\n`, table)
	require.Contains(t, table, "2 attempts may have been paid for: ")

	// Another account's ledgers, in the same bucket.
	a.variables["STEMFLOW_LEDGER_PREFIX"] = "music"
	require.Equal(t, 10, costs(t, a).Credits)
	delete(a.variables, "STEMFLOW_LEDGER_PREFIX")

	write("", split, []int{1})
	code, stdout, stderr := starter(t, "", a.variables, "cost")
	require.Equal(t, failure.ExitFailed, code)
	require.Regexp(t, `(?m)^  all +1 +10 `, stdout)
	require.Contains(t, stderr, "error: Incomplete: 1 ledger cannot be read, and what they know is in no sum: aa/bb/split_stem/submission.json.")
	code, stdout, stderr = starter(t, "", a.variables, "cost", "--json")
	require.Equal(t, failure.ExitFailed, code)
	require.Empty(t, stderr)
	require.Contains(t, stdout, `"unread": [`)
}
