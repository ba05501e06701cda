package simulation

import "testing"

// kept are seeds that have shown something. Each says what, and with which deliberate breakage it
// shows it again: the product as it is passes them. A seed that shows a fault of the product comes
// here with the commit that mends it.
var kept = []struct {
	seed   uint64
	shows  string
	broken breakage
}{
	{1, "the second submit of an owner writes over what the first one paid", unconditionalStore},
	{18, "a run that was reset pays again beside an execution of the run before", ownerIsRun},
	{757, "an intent that another execution may still pay for is taken back", takeBackAll},
	{1337, "the report of a repeated execution comes before that of the first one, which pays later", attemptsUntold},
	{122, "the report of a retried submit hides what the lost one paid", retriedSubmit},
	{71, "an execution that was given up completes an entry that is gone", lostIsRefused},
}

func TestKeptSeeds(t *testing.T) {
	for _, k := range kept {
		t.Run(k.shows, func(t *testing.T) {
			if trace, wrong := simulate(t, k.seed, intact); len(wrong) > 0 {
				t.Error(report(k.seed, trace, wrong))
			}
		})
	}
}

// TestBreakagesAreFound breaks the product, or what it stands on, and expects that the simulation
// tells. Where the steps of the product have changed, another seed than the one that is kept may be
// the one to tell.
func TestBreakagesAreFound(t *testing.T) {
	const most = 3000
	for _, k := range kept {
		t.Run(string(k.broken), func(t *testing.T) {
			for seed := k.seed; seed < k.seed+most; seed++ {
				if _, wrong := simulate(t, seed, k.broken); len(wrong) > 0 {
					t.Logf("found by seed %d: %s", seed, wrong[0])
					return
				}
			}
			t.Errorf("%d seeds do not find it", most)
		})
	}
}
