package view

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/program"
	"stemflow/starter/internal/observe"
)

// halfway is a catalogue in its midst, at noon.
func halfway() observe.CatalogObservation {
	budget, balance := 99_000, 41_233.5
	return observe.CatalogObservation{
		Progress: &stemflow.CatalogProgress{
			Phase: stemflow.CatalogSeparating, Name: "june", Window: 100, Tracks: 1980, Running: 100,
			CatalogCounts: stemflow.CatalogCounts{Archived: 641, Found: 170, Failed: 9},
			Credits:       32_050, Reserved: 5_000, CreditBudget: &budget, Balance: &balance,
			Failures: []stemflow.TrackOutcome{{
				Number: 730, Line: 731, AudioID: "0c5f6a2e", Reason: stemflow.ErrorSeparationFailed, Message: "the provider failed the separation",
			}},
			StartedAt: noon.Add(-time.Hour),
		},
		Pace: observe.Pace{}.With(noon.Add(-2*time.Minute), 695).With(noon, 820),
	}
}

func paused(reason, message string) observe.CatalogObservation {
	o := halfway()
	o.Progress.Paused = &stemflow.CatalogPause{Reason: reason, Message: message, Since: noon.Add(-time.Minute)}
	return o
}

func opening(paidWindow int) observe.CatalogObservation {
	o := halfway()
	o.Progress.PaidWindow = paidWindow
	return o
}

func onTrial() observe.CatalogObservation {
	o := opening(3)
	o.Progress.Trial = true
	return o
}

func TestCatalogFrame(t *testing.T) {
	big := program.TerminalSize{Columns: 100, Rows: 30}
	for name, c := range map[string]struct {
		seen observe.CatalogObservation
		size program.TerminalSize
		want []string
	}{
		"nothing seen yet": {observe.CatalogObservation{}, big, []string{"⠋ 0:05  starting"}},
		"checking": {
			observe.CatalogObservation{Progress: &stemflow.CatalogProgress{Phase: stemflow.CatalogPreparing, Name: "june"}}, big,
			[]string{"⠋ 0:05  june: checking the tracks"},
		},
		"halfway": {halfway(), big, []string{
			"⠋ 1:00:00  june: separating 1,980 tracks, 100 at a time",
			"  ████████████░░░░░░░░░░░░░░░░░░  41.4%  820 of 1,980",
			"  ✓ archived         641",
			"  ✓ found            170",
			"  ✗ failed             9",
			"  ⠋ running          100",
			"  · waiting        1,060",
			"  62.5 tracks a minute, about 19 min left",
			"  32,050 credits spent, 5,000 reserved, budget 99,000, account 41,233.5",
			"  ✗ line 731, 0c5f6a2e: SeparationFailed: the provider failed the separation",
		}},
		"paused by a person": {paused(stemflow.PauseRequested, ""), program.TerminalSize{Columns: 100, Rows: 5}, []string{
			"⠋ 1:00:00  june: paused",
			"  ! paused since 11:59:00; to go on: starter catalog resume --name june",
			"  … and 9 more",
		}},
		"paused by itself": {paused(stemflow.ErrorUnauthorized, "the key is refused"), program.TerminalSize{Columns: 100, Rows: 6}, []string{
			"⠋ 1:00:00  june: paused",
			"  ! paused by itself since 11:59:00, Unauthorized: the key is refused",
			"    when that is mended, to try one track and then go on: starter catalog resume --name june",
			"  … and 9 more",
		}},
		"opening": {opening(3), program.TerminalSize{Columns: 100, Rows: 4}, []string{
			"⠋ 1:00:00  june: separating 1,980 tracks, 100 at a time, for now 3 that cost credits",
			"  … and 9 more",
		}},
		"on trial": {onTrial(), program.TerminalSize{Columns: 100, Rows: 4}, []string{
			"⠋ 1:00:00  june: trying one track after the pause",
			"  … and 9 more",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			lines := Catalog{"starter catalog resume --name june"}.Frame(c.seen, noon.Add(-5*time.Second), noon, Canvas{c.size, false})
			require.Equal(t, strings.Join(c.want, "\n"), strings.Join(lines, "\n"))
		})
	}
}

func TestCatalogJournal(t *testing.T) {
	var out bytes.Buffer
	j := &journal[observe.CatalogObservation]{w: &out, picture: Catalog{"starter catalog resume --name june"}}
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	j.Show(observe.CatalogObservation{}, at(0))
	j.Show(observe.CatalogObservation{Trouble: "no worker"}, at(1))
	seen := halfway()
	j.Show(seen, at(2))
	away := seen
	away.Trouble = "Temporal does not answer"
	j.Show(away, at(3))
	j.Show(away, at(3))
	j.Show(seen, at(3))
	later := paused(stemflow.ErrorUnauthorized, "the key is refused")
	later.Progress.Failed += 3
	later.Progress.Failures = append(
		later.Progress.Failures,
		stemflow.TrackOutcome{Number: 800, Line: 801, AudioID: "a", Reason: "X", Message: "cut\x1b[2J"},
	)
	j.Show(later, at(4))
	require.Equal(t, `12:01:00  no worker
12:02:00  june: separating 1,980 tracks, 100 at a time
12:02:00  failed: line 731, 0c5f6a2e: SeparationFailed: the provider failed the separation
12:02:00  41%: 820 of 1,980 tracks have come to an end, 9 failed, 100 running, 1,060 waiting, `+
		`32,050 credits spent, 5,000 reserved, budget 99,000, account 41,233.5, 62.5 tracks a minute, about 19 min left
12:03:00  Temporal does not answer
12:03:00  june: separating 1,980 tracks, 100 at a time
12:04:00  june: paused
12:04:00  paused by itself since 11:59:00, Unauthorized: the key is refused
12:04:00  when that is mended, to try one track and then go on: starter catalog resume --name june
12:04:00  failed: line 801, a: X: cut [2J
12:04:00  failed: 2 more
`, out.String())
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		require.Equal(t, want, humanize.Comma(int64(n)))
	}
	for amount, want := range map[float64]string{0: "0", 5916.25: "5,916.25", 10: "10", -3.5: "-3.5", 5916.999: "5,916.99"} {
		require.Equal(t, want, humanize.CommafWithDigits(amount, 2))
	}
	for d, want := range map[time.Duration]string{
		time.Second: "a minute", 90 * time.Minute: "90 min", 5 * time.Hour: "5 h", 72 * time.Hour: "3 days",
	} {
		require.Equal(t, want, roughTime(d))
	}
}

func TestACatalogOfOneTrack(t *testing.T) {
	var text strings.Builder
	CatalogResult(&text, stemflow.SeparateCatalogResult{Name: "june", Tracks: 1})
	require.Contains(t, text.String(), "Catalogue june: 1 track in ")
	p := &stemflow.CatalogProgress{Phase: stemflow.CatalogSeparating, Name: "june", Tracks: 1, Window: 100}
	require.Contains(t, catalogPhaseText(observe.CatalogObservation{Progress: p}), "separating 1 track, 100 at a time")
}
