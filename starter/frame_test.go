package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/program"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.Local)

// archivingRun is a run in the midst of its archive.
func archivingRun() observation {
	return observation{
		Progress: &stemflow.Progress{Phase: stemflow.PhaseArchiving, Stems: []stemflow.StemProgress{
			{Name: "vocals", State: stemflow.StemArchived, Size: 4_800_000},
			{Name: "backing_vocals", State: stemflow.StemArchiving},
			{Name: "drums", State: stemflow.StemArchiving},
			{Name: "bass", State: stemflow.StemArchiving},
			{Name: "fx", State: stemflow.StemFailed},
			{Name: "synth", State: stemflow.StemArchiving},
		}},
		Activities: activities{
			Transfers: map[string]transfer{
				"backing_vocals": {Bytes: 2_400_000, Total: 4_800_000, Rate: 1_200_000},
				"drums":          {Bytes: 1_000},
			},
			Retries: map[string]failing{
				"synth": {What: "archiving synth", Attempt: 3, Message: "object store: refused"},
			},
			Failing: []failing{{What: "completing the ledger", Attempt: 2, Message: "object store: refused"}},
		},
	}
}

func TestFrame(t *testing.T) {
	waiting := &stemflow.Progress{Phase: stemflow.PhaseWaiting, PollingFrom: noon.Add(3 * time.Minute)}
	for _, c := range []struct {
		name string
		seen observation
		size program.TerminalSize
		want []string
	}{
		{"nothing seen yet", observation{}, program.TerminalSize{Columns: 80, Rows: 24}, []string{"⠋ 1:05  starting"}},
		{"no worker", observation{Trouble: noWorkerYet("stemflow")}, program.TerminalSize{Columns: 80, Rows: 24}, []string{
			"⠋ 1:05  starting",
			"  ! no worker of task queue stemflow has taken it yet",
		}},
		{"waiting", observation{Progress: waiting}, program.TerminalSize{Columns: 80, Rows: 24}, []string{
			"⠋ 1:05  waiting for the callback, polling from 12:03:00",
		}},
		{"waiting, narrow", observation{Progress: waiting}, program.TerminalSize{Columns: 40, Rows: 24}, []string{
			"⠋ 1:05  waiting for the callback, poll…",
		}},
		{"polling", observation{
			Progress:   &stemflow.Progress{Phase: stemflow.PhasePolling, Deadline: noon.Add(45 * time.Minute)},
			Activities: activities{Polls: 7},
		}, program.TerminalSize{Columns: 80, Rows: 24}, []string{
			"⠋ 1:05  polling the provider until 12:45:00  looked 7 times",
		}},
		{"archiving", archivingRun(), program.TerminalSize{Columns: 100, Rows: 24}, []string{
			"⠋ 1:05  archiving 6 stems  1 done, 7.2 MB",
			"  ! completing the ledger, attempt 2: object store: refused",
			"  ✓ vocals             4.8 MB",
			"  ⠋ backing_vocals  ███████████████░░░░░░░░░░░░░░░    2.4 MB of 4.8 MB       1.2 MB/s",
			"  ⠋ drums              1.0 kB",
			"  · bass            waiting",
			"  ✗ fx              could not be archived",
			"  ! synth           attempt 3: object store: refused",
		}},
		{"archiving, narrow", archivingRun(), program.TerminalSize{Columns: 40, Rows: 24}, []string{
			"⠋ 1:05  archiving 6 stems  1 done, 7.2…",
			"  ! completing the ledger, attempt 2: …",
			"  ✓ vocals             4.8 MB",
			"  ⠋ backing_vocals     2.4 MB of 4.8 M…",
			"  ⠋ drums              1.0 kB",
			"  · bass            waiting",
			"  ✗ fx              could not be archi…",
			"  ! synth           attempt 3: object …",
		}},
		{"archiving, low", archivingRun(), program.TerminalSize{Columns: 100, Rows: 7}, []string{
			"⠋ 1:05  archiving 6 stems  1 done, 7.2 MB",
			"  ! completing the ledger, attempt 2: object store: refused",
			"  ⠋ backing_vocals  ███████████████░░░░░░░░░░░░░░░    2.4 MB of 4.8 MB       1.2 MB/s",
			"  ⠋ drums              1.0 kB",
			"  … and 3 more",
		}},
		{"all archived", observation{Progress: &stemflow.Progress{
			Phase: stemflow.PhaseArchiving, Stems: []stemflow.StemProgress{{Name: "bass", State: stemflow.StemArchived, Size: 7}},
		}}, program.TerminalSize{Columns: 80, Rows: 24}, []string{
			"⠋ 1:05  writing the manifest  1 done, 7 B",
			"  ✓ bass        7 B",
		}},
		{"done", observation{Progress: &stemflow.Progress{
			Phase: stemflow.PhaseDone, Stems: []stemflow.StemProgress{{Name: "bass", State: stemflow.StemArchived, Size: 7}},
		}}, program.TerminalSize{Columns: 80, Rows: 24}, []string{"⠋ 1:05  done  1 done, 7 B"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := frame(c.seen, noon.Add(-65*time.Second), noon, c.size, false)
			require.Equal(t, strings.Join(c.want, "\n"), strings.Join(lines, "\n"))
		})
	}
}

func TestSpinnerTurns(t *testing.T) {
	first := frame(observation{}, noon, noon, program.TerminalSize{Columns: 80, Rows: 24}, false)
	second := frame(observation{}, noon, noon.Add(spinnerStep), program.TerminalSize{Columns: 80, Rows: 24}, false)
	require.NotEqual(t, first, second)
}

func TestColors(t *testing.T) {
	size := program.TerminalSize{Columns: 100, Rows: 24}
	colored := strings.Join(frame(archivingRun(), noon, noon, size, true), "\n")
	plain := strings.Join(frame(archivingRun(), noon, noon, size, false), "\n")
	require.Contains(t, colored, string(green)+"  ✓ "+reset)
	require.NotContains(t, plain, "\x1b")
	for _, c := range []string{string(green), string(red), string(yellow), string(cyan), string(dim), reset} {
		colored = strings.ReplaceAll(colored, c, "")
	}
	require.Equal(t, plain, colored)
}

func TestPhases(t *testing.T) {
	for _, c := range []struct {
		seen observation
		want string
	}{
		{observation{Progress: &stemflow.Progress{Phase: stemflow.PhasePreparing}}, "looking at the archive"},
		{observation{Progress: &stemflow.Progress{Phase: stemflow.PhaseSubmitting}}, "waiting for its turn to submit the track"},
		{observation{Progress: &stemflow.Progress{Phase: stemflow.PhaseSubmitting},
			Activities: activities{Submitting: true}},
			"submitting the track (this is the paid call)"},
		{observation{Progress: &stemflow.Progress{Phase: stemflow.PhaseWaiting}}, "waiting for the provider"},
		{observation{Progress: &stemflow.Progress{Phase: stemflow.PhaseWaiting, SubmissionUnknown: true,
			Deadline: noon}},
			"whether the provider took the track is not known, waiting for its callback until 12:00:00"},
		{observation{Progress: &stemflow.Progress{Phase: stemflow.PhaseDone}}, "done"},
		{observation{Progress: &stemflow.Progress{Phase: "resting"}}, "resting"},
	} {
		require.Equal(t, c.want, phaseText(c.seen))
	}
	once := observation{Progress: &stemflow.Progress{Phase: stemflow.PhasePolling}, Activities: activities{Polls: 1}}
	require.Equal(t, "looked once", phaseCount(once))
}

func TestScreenDrawsOver(t *testing.T) {
	var out strings.Builder
	s := &screen{w: &out}
	s.close()
	require.Empty(t, out.String(), "nothing was drawn, so there is nothing to take away")

	s.draw([]string{"one", "two"})
	require.Equal(t, "\x1b[?25lone\x1b[K\ntwo\x1b[K\n\x1b[J", out.String())
	out.Reset()
	s.draw([]string{"three"})
	require.Equal(t, "\x1b[2A\rthree\x1b[K\n\x1b[J", out.String())
	out.Reset()
	s.close()
	require.Equal(t, "\x1b[1A\r\x1b[J\x1b[?25h", out.String())
	out.Reset()
	s.close()
	require.Empty(t, out.String())
}

func FuzzFrame(f *testing.F) {
	f.Add("drums", "object store: refused", int64(5), int64(10), 80, 24)
	f.Add("ドラム", "\x1b[2Jcleared\r\n", int64(-1), int64(1), 20, 4)
	f.Add("e\u0301\u200b", "\x9b31m", int64(1<<62), int64(1), 1, 0)
	f.Fuzz(func(t *testing.T, name, message string, bytes, total int64, width, height int) {
		if width < 1 || width > 500 || height > 500 {
			t.Skip("no terminal has this size")
		}
		stem := func(state stemflow.StemState) observation {
			return observation{
				Progress: &stemflow.Progress{
					Phase: stemflow.PhaseArchiving,
					Stems: []stemflow.StemProgress{{Name: name, State: state, Size: bytes}},
				},
				Activities: activities{
					Transfers: map[string]transfer{name: {Bytes: bytes, Total: total, Rate: float64(total)}},
					Failing:   []failing{{What: name, Message: message}},
				},
				Trouble: message,
			}
		}
		for _, seen := range []observation{stem(stemflow.StemArchiving), stem(stemflow.StemArchived),
			stem(stemflow.StemFailed)} {
			lines := frame(seen, noon, noon, program.TerminalSize{Columns: width, Rows: height}, false)
			require.LessOrEqual(t, len(lines), max(height-2, 1))
			for _, l := range lines {
				require.Less(t, columns(l), width, "%q", l)
				require.Equal(t, printable(l), l)
			}
		}
	})
}
