package view

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/program"
	"stemflow/starter/internal/observe"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.Local)

// archivingRun is a run in the midst of its archive.
func archivingRun() observe.Observation {
	return observe.Observation{
		Progress: &stemflow.Progress{Phase: stemflow.PhaseArchiving, Stems: []stemflow.StemProgress{
			{Name: "vocals", State: stemflow.StemArchived, Size: 4_800_000},
			{Name: "backing_vocals", State: stemflow.StemArchiving},
			{Name: "drums", State: stemflow.StemArchiving},
			{Name: "bass", State: stemflow.StemArchiving},
			{Name: "fx", State: stemflow.StemFailed},
			{Name: "synth", State: stemflow.StemArchiving},
		}},
		Activities: observe.Activities{
			Transfers: map[string]observe.Transfer{
				"backing_vocals": {Bytes: 2_400_000, Total: 4_800_000, Rate: 1_200_000},
				"drums":          {Bytes: 1_000},
			},
			Retries: map[string]observe.Failing{
				"synth": {What: "archiving synth", Attempt: 3, Message: "object store: refused"},
			},
			Failing: []observe.Failing{{What: "completing the ledger", Attempt: 2, Message: "object store: refused"}},
		},
	}
}

func TestFrame(t *testing.T) {
	waiting := &stemflow.Progress{Phase: stemflow.PhaseWaiting, PollingFrom: noon.Add(3 * time.Minute)}
	for _, c := range []struct {
		name string
		seen observe.Observation
		size program.TerminalSize
		want []string
	}{
		{"nothing seen yet", observe.Observation{}, program.TerminalSize{Columns: 80, Rows: 24}, []string{"⠋ 1:05  starting"}},
		{"no worker", observe.Observation{Trouble: "no worker of task queue stemflow has taken it yet"}, program.TerminalSize{Columns: 80, Rows: 24}, []string{
			"⠋ 1:05  starting",
			"  ! no worker of task queue stemflow has taken it yet",
		}},
		{"waiting", observe.Observation{Progress: waiting}, program.TerminalSize{Columns: 80, Rows: 24}, []string{
			"⠋ 1:05  waiting for the callback, polling from 12:03:00",
		}},
		{"waiting, narrow", observe.Observation{Progress: waiting}, program.TerminalSize{Columns: 40, Rows: 24}, []string{
			"⠋ 1:05  waiting for the callback, poll…",
		}},
		{"polling", observe.Observation{
			Progress:   &stemflow.Progress{Phase: stemflow.PhasePolling, Deadline: noon.Add(45 * time.Minute)},
			Activities: observe.Activities{Polls: 7},
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
		{"all archived", observe.Observation{Progress: &stemflow.Progress{
			Phase: stemflow.PhaseArchiving, Stems: []stemflow.StemProgress{{Name: "bass", State: stemflow.StemArchived, Size: 7}},
		}}, program.TerminalSize{Columns: 80, Rows: 24}, []string{
			"⠋ 1:05  writing the manifest  1 done, 7 B",
			"  ✓ bass        7 B",
		}},
		{"done", observe.Observation{Progress: &stemflow.Progress{
			Phase: stemflow.PhaseDone, Stems: []stemflow.StemProgress{{Name: "bass", State: stemflow.StemArchived, Size: 7}},
		}}, program.TerminalSize{Columns: 80, Rows: 24}, []string{"⠋ 1:05  done  1 done, 7 B"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := Separation{}.Frame(c.seen, noon.Add(-65*time.Second), noon, Canvas{c.size, false})
			require.Equal(t, strings.Join(c.want, "\n"), strings.Join(lines, "\n"))
		})
	}
}

func TestSpinnerTurns(t *testing.T) {
	canvas := Canvas{Size: program.TerminalSize{Columns: 80, Rows: 24}}
	first := Separation{}.Frame(observe.Observation{}, noon, noon, canvas)
	second := Separation{}.Frame(observe.Observation{}, noon, noon.Add(SpinnerStep), canvas)
	require.NotEqual(t, first, second)
}

func TestColors(t *testing.T) {
	size := program.TerminalSize{Columns: 100, Rows: 24}
	colored := strings.Join(Separation{}.Frame(archivingRun(), noon, noon, Canvas{size, true}), "\n")
	plain := strings.Join(Separation{}.Frame(archivingRun(), noon, noon, Canvas{size, false}), "\n")
	require.Contains(t, colored, string(green)+"  ✓ "+reset)
	require.NotContains(t, plain, "\x1b")
	for _, c := range []string{string(green), string(red), string(yellow), string(cyan), string(dim), reset} {
		colored = strings.ReplaceAll(colored, c, "")
	}
	require.Equal(t, plain, colored)
}

func TestPhases(t *testing.T) {
	for _, c := range []struct {
		seen observe.Observation
		want string
	}{
		{observe.Observation{Progress: &stemflow.Progress{Phase: stemflow.PhasePreparing}}, "looking at the archive"},
		{observe.Observation{Progress: &stemflow.Progress{Phase: stemflow.PhaseSubmitting}}, "waiting for its turn to submit the track"},
		{observe.Observation{Progress: &stemflow.Progress{Phase: stemflow.PhaseSubmitting},
			Activities: observe.Activities{Submitting: true}},
			"submitting the track (this is the paid call)"},
		{observe.Observation{Progress: &stemflow.Progress{Phase: stemflow.PhaseSubmitting},
			Activities: observe.Activities{Idle: true}},
			"submitting again soon: the provider has not taken the track, or an earlier attempt is unclear"},
		{observe.Observation{Progress: &stemflow.Progress{Phase: stemflow.PhaseWaiting}}, "waiting for the provider"},
		{observe.Observation{Progress: &stemflow.Progress{Phase: stemflow.PhaseWaiting, SubmissionUnknown: true,
			Deadline: noon}},
			"whether the provider took the track is not known, waiting for its callback until 12:00:00"},
		{observe.Observation{Progress: &stemflow.Progress{Phase: stemflow.PhaseDone}}, "done"},
		{observe.Observation{Progress: &stemflow.Progress{Phase: "resting"}}, "resting"},
	} {
		require.Equal(t, c.want, phaseText(c.seen))
	}
	once := observe.Observation{
		Progress:   &stemflow.Progress{Phase: stemflow.PhasePolling},
		Activities: observe.Activities{Polls: 1},
	}
	require.Equal(t, "looked once", phaseCount(once))
}

func TestFramesAreDrawnOverEachOther(t *testing.T) {
	var out strings.Builder
	d := &drawer{w: &out}
	d.close()
	require.Empty(t, out.String(), "nothing was drawn, so there is nothing to take away")

	d.draw([]string{"one", "two"})
	require.Equal(t, "\x1b[?25lone\x1b[K\ntwo\x1b[K\n\x1b[J", out.String())
	out.Reset()
	d.draw([]string{"three"})
	require.Equal(t, "\x1b[2A\rthree\x1b[K\n\x1b[J", out.String())
	out.Reset()
	d.close()
	require.Equal(t, "\x1b[1A\r\x1b[J\x1b[?25h", out.String())
	out.Reset()
	d.close()
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
		stem := func(state stemflow.StemState) observe.Observation {
			return observe.Observation{
				Progress: &stemflow.Progress{
					Phase: stemflow.PhaseArchiving,
					Stems: []stemflow.StemProgress{{Name: name, State: state, Size: bytes}},
				},
				Activities: observe.Activities{
					Transfers: map[string]observe.Transfer{name: {Bytes: bytes, Total: total, Rate: float64(total)}},
					Failing:   []observe.Failing{{What: name, Message: message}},
				},
				Trouble: message,
			}
		}
		for _, seen := range []observe.Observation{stem(stemflow.StemArchiving), stem(stemflow.StemArchived),
			stem(stemflow.StemFailed)} {
			canvas := Canvas{Size: program.TerminalSize{Columns: width, Rows: height}}
			lines := Separation{}.Frame(seen, noon, noon, canvas)
			require.LessOrEqual(t, len(lines), max(height-2, 1))
			for _, l := range lines {
				require.Less(t, columns(l), width, "%q", l)
				require.Equal(t, Printable(l), l)
			}
		}
	})
}
