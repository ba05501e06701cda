package workflows

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
)

func TestBudgetKeepsWhatIsReserved(t *testing.T) {
	b := newCreditBudget(new(100), activityapi.CatalogState{Credits: 30})
	require.True(t, b.stale())
	b.setBalance(1000)
	require.False(t, b.stale())
	var tracks [2]activityapi.RunningTrack
	b.reserve(&tracks[0], 50)
	budget, balance := b.affords(20)
	require.True(t, budget)
	require.True(t, balance)
	budget, _ = b.affords(21)
	require.False(t, budget, "the track under way may cost what is reserved for it")
	b.reserve(&tracks[1], 20)
	b.settle(&tracks[0], 10, "")
	require.Zero(t, tracks[0].Reserved)
	require.True(t, b.stale())
	budget, _ = b.affords(40)
	require.True(t, budget)
	budget, _ = b.affords(41)
	require.False(t, budget)

	b.setBalance(60)
	_, balance = b.affords(40)
	require.True(t, balance, "all of the balance may be spent")
	_, balance = b.affords(41)
	require.False(t, balance)
	b.release(&tracks[1])
	b.setBalance(0)
	_, balance = b.affords(0)
	require.True(t, balance, "what costs nothing needs no balance")
}

// After a refusal for want of credits one track at a time shows whether there are some again.
func TestBudgetProbesAfterARefusal(t *testing.T) {
	b := newCreditBudget(nil, activityapi.CatalogState{})
	b.setBalance(100)
	afford := func() bool { _, balance := b.affords(10); return balance }
	var joined, refused, probe, other activityapi.RunningTrack
	b.settle(&joined, 0, stemflow.ErrorInsufficientCredits)
	require.False(t, b.doubtful, "the catalogue had no part in a run that was joined")

	b.reserve(&refused, 10)
	require.False(t, refused.Probe)
	b.settle(&refused, 0, stemflow.ErrorInsufficientCredits)
	require.True(t, b.stale())
	require.False(t, afford(), "the balance is not to be believed")
	b.setBalance(100)
	require.True(t, afford())
	b.reserve(&other, 0)
	require.False(t, other.Probe, "what costs nothing shows nothing")
	b.reserve(&probe, 10)
	require.True(t, probe.Probe)
	require.False(t, afford(), "one at a time")
	b.release(&other)
	require.False(t, afford())

	b.settle(&probe, 0, stemflow.ErrorInsufficientCredits)
	b.setBalance(100)
	require.False(t, afford(), "the provider has refused a track at this balance")
	b.setBalance(101)
	require.True(t, afford())
	b.reserve(&probe, 10)
	b.settle(&probe, 10, "")
	b.setBalance(50)
	require.True(t, afford(), "a track was paid for")
	require.False(t, b.doubtful)
}

// A catalogue that continues as new knows what its tracks under way may cost.
func TestBudgetContinuesWithWhatIsReserved(t *testing.T) {
	b := newCreditBudget(nil, activityapi.CatalogState{
		Credits: 5, Doubtful: true, RefusedAt: 80,
		Running: []activityapi.RunningTrack{{Reserved: 10}, {Reserved: 20, Probe: true}, {Reserved: 30}},
	})
	require.Equal(t, 60, b.reserved)
	require.Equal(t, 5, b.spent)
	b.setBalance(100)
	_, balance := b.affords(10)
	require.False(t, balance, "a probe is under way")
	b.release(&activityapi.RunningTrack{Reserved: 20, Probe: true})
	_, balance = b.affords(10)
	require.True(t, balance)
	b.setBalance(80)
	_, balance = b.affords(10)
	require.False(t, balance, "it was refused at this balance")
}
