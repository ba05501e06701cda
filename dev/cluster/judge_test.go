package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/kiesim"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// sound is what a proof of so many tracks sees when everything is as it should be: a submit every
// two thirds of a second.
func sound(tracks int) evidence {
	e := evidence{bill: kiesim.Bill{Balance: credits}}
	for i := range tracks {
		id := string(rune('a' + i))
		e.tracks = append(e.tracks, accounted{audioID: id, ends: []string{"archived"}, archived: true})
		e.bill.Charges = append(e.bill.Charges, kiesim.Charge{
			AudioID: id, TaskID: "task-" + id, Credits: 50, At: noon.Add(time.Duration(i) * 2 * time.Second / 3),
		})
		e.bill.Balance -= 50
	}
	return e
}

func TestJudgeFindsNothingInASoundProof(t *testing.T) {
	require.Empty(t, judge(sound(12)))
}

func TestJudgeFindsEachBrokenPromise(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*evidence)
		says  string
	}{
		"a track that is not archived": {
			func(e *evidence) {
				e.tracks[0].archived, e.tracks[0].ends = false, []string{"NoStems", "resumed: NoStems"}
			},
			"the track a is not archived: NoStems, then resumed: NoStems",
		},
		"a track that was paid for twice": {
			func(e *evidence) {
				e.bill.Charges, e.bill.Balance = append(e.bill.Charges, e.bill.Charges[1]), e.bill.Balance-50
			},
			"the track b was paid for 2 times",
		},
		"a track that was not paid for": {
			func(e *evidence) { e.bill.Charges, e.bill.Balance = e.bill.Charges[1:], e.bill.Balance+50 },
			"the track a was paid for 0 times",
		},
		"a charge that nobody asked for": {
			func(e *evidence) { e.bill.Charges[0].AudioID = "stranger" },
			"something was paid for that nobody asked for: the track stranger",
		},
		"an account that is poorer than the charges": {
			func(e *evidence) { e.bill.Balance-- },
			"the account is 601 credits poorer, and the charges are 600",
		},
		"a charge of another price": {
			func(e *evidence) { e.bill.Charges[0].Credits, e.bill.Balance = 10, e.bill.Balance+40 },
			"the bill is 560 credits, and the tracks needed 600",
		},
		"a refund": {
			func(e *evidence) { e.bill.Refunds = []kiesim.Refund{{TaskID: "task-a"}} },
			"the provider gave 1 tracks back",
		},
		"more submits than the provider takes": {
			func(e *evidence) {
				*e = sound(21)
				for i := range e.bill.Charges {
					e.bill.Charges[i].At = noon.Add(time.Duration(i) * 400 * time.Millisecond)
				}
			},
			"21 submits were accepted within 10s",
		},
		"an object that is not as it should be": {
			func(e *evidence) { e.broken = []string{"the object x is not there"} }, "the object x is not there",
		},
		"an unknown submit that was not followed": {
			func(e *evidence) { e.tracks[0].remedy = resumed },
			"the submit of the track a was cut, so it had to be resumed, and it was not: archived",
		},
		"a fault that was not made": {
			func(e *evidence) { e.wanted, e.faults = 2, []fault{{what: killed}} }, "1 of 2 faults were made",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := sound(12)
			c.spoil(&e)
			require.Contains(t, join(judge(e)), c.says)
		})
	}
}

func join(lines []string) (text string) {
	for _, line := range lines {
		text += line + "\n"
	}
	return text
}

func TestMostWithinAWindow(t *testing.T) {
	at := func(seconds ...float64) (charges []kiesim.Charge) {
		for _, s := range seconds {
			charges = append(charges, kiesim.Charge{At: noon.Add(time.Duration(s * float64(time.Second)))})
		}
		return charges
	}
	require.Equal(t, 0, mostWithin(nil, providerWindow))
	require.Equal(t, 1, mostWithin(at(0, 10, 20), providerWindow), "a window of ten seconds ends before the tenth")
	require.Equal(t, 2, mostWithin(at(0, 9.999, 20), providerWindow))
	require.Equal(t, 3, mostWithin(at(25, 1, 0, 24, 33, 50), providerWindow), "in any order")
}

func TestChargesAMinute(t *testing.T) {
	require.Zero(t, perMinute(nil))
	require.InDelta(t, 90, perMinute(sound(10).bill.Charges), 0.01)
}

func TestRemedyAsOperatorsAreTold(t *testing.T) {
	charge := &kiesim.Charge{TaskID: "task-a"}
	unknown := stemflow.ErrorSubmissionUnknown
	for name, c := range map[string]struct {
		ends   []string
		charge *kiesim.Charge
		want   string
	}{
		"a failure that costs nothing to start again":  {[]string{stemflow.ErrorArchiveUnavailable}, nil, startedAgain},
		"unknown for the first time":                   {[]string{unknown}, charge, startedAgain},
		"unknown again, and in the provider's log":     {[]string{unknown, "started again: " + unknown}, charge, resumed},
		"unknown again, and not in the provider's log": {[]string{unknown, "started again: " + unknown}, nil, forced},
		"unknown twice, and then something else": {
			[]string{unknown, "started again: " + unknown, "forced: " + stemflow.ErrorArchiveUnavailable}, nil, startedAgain,
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, remedyFor(c.ends, c.charge).name)
		})
	}
	require.Equal(t, []string{"resume", "--separation-task-id", "task-a"},
		remedyFor([]string{unknown, "started again: " + unknown}, charge).command)
}

func TestSubmitsThatWereCutAreNotRefused(t *testing.T) {
	e := sound(4)
	e.bill.Requests = map[string]int{"generate": 7}
	e.tracks[0].remedy, e.tracks[1].remedy = forced, resumed
	require.Equal(t, 2, e.tooMany())
}
