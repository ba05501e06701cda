//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

// kept is evidence of a proof in which every promise was kept.
func kept() evidence {
	e := evidence{
		versions: "Kubernetes v1", claims: []claim{{did: "a drain", underWay: 12, saw: "it ends"}},
		bridges: map[string]int{"one": 30, "two": 30},
	}
	for i := range leastTracks {
		id := fmt.Sprint("track-", i)
		e.tracks = append(e.tracks, accounted{audioID: id, ended: archived, stems: 2})
		e.bill.Charges = append(e.bill.Charges, kiesim.Charge{AudioID: id})
	}
	return e
}

func TestJudgeFindsWhatWasNotKept(t *testing.T) {
	require.Empty(t, judge(kept()))
	for name, c := range map[string]struct {
		spoil func(*evidence)
		want  string
	}{
		"a claim": {func(e *evidence) { e.claims[0].broken = "it hangs" }, "a drain: it hangs"},
		"a lost run": {func(e *evidence) {
			e.tracks[3].ended = "SubmissionUnknown"
		}, "track-3 is not archived: SubmissionUnknown"},
		"a run under way": {func(e *evidence) { e.tracks[3].ended = "" }, "track-3 is not archived"},
		"a missing stem":  {func(e *evidence) { e.tracks[3].stems = 1 }, "track-3 has 1 stems in the store"},
		"a double charge": {func(e *evidence) {
			e.bill.Charges = append(e.bill.Charges, e.bill.Charges[5])
		}, "track-5 was paid for 2 times"},
		"a missing charge": {func(e *evidence) { e.bill.Charges = e.bill.Charges[1:] }, "track-0 was paid for 0 times"},
		"a foreign charge": {func(e *evidence) {
			e.bill.Charges = append(e.bill.Charges, kiesim.Charge{AudioID: "nobody's"})
		}, "41 charges for 40 tracks"},
		"a restart": {func(e *evidence) {
			e.restarts = map[string]int{"worker-1": 2}
		}, "containers were restarted: worker-1 2"},
		"one bridge": {func(e *evidence) { delete(e.bridges, "two") }, "callbacks reached 1 bridges"},
		"too few tracks": {func(e *evidence) {
			e.tracks, e.bill.Charges = e.tracks[1:], e.bill.Charges[1:]
		}, "there were 39 tracks"},
	} {
		t.Run(name, func(t *testing.T) {
			e := kept()
			c.spoil(&e)
			require.Contains(t, strings.Join(judge(e), "\n"), c.want)
		})
	}
}

func TestTableSaysWhatWasSeen(t *testing.T) {
	e := kept()
	e.claims = append(e.claims, claim{did: "a rollout", saw: "4 pods", broken: "it\nhangs"})
	e.tracks[0].ended = "Failed"
	e.bill.Charges = append(e.bill.Charges, e.bill.Charges[0], e.bill.Charges[0])
	text := table(e)
	require.Contains(t, text, "| a drain | 12 | it ends | 0 s |")
	require.Contains(t, text, "| a rollout | 0 | NOT AS PROMISED: it hangs | 0 s |")
	require.Contains(t, text, "| runs lost | 1 |")
	require.Contains(t, text, "| charges | 42 |")
	require.Contains(t, text, "| charged twice | 1 |")
	require.Contains(t, text, "| callbacks signalled, by so many bridges | 60, 2 |")
}
