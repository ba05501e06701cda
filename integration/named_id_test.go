package integration

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/kiesim"
)

// An id that the ledger names needs no further proof, no matter who hands it on: neither a stem
// that no document knows nor a newer payment of the track speaks against it.
func TestAnIDThatTheLedgerNamesIsHandedOn(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true, ExtraStem: "kazoo"}})
	run := s.start(in)
	s.awaitPhase(run, stemflow.PhaseWaiting)
	first := s.charges(in)[0].TaskID
	require.NoError(t, s.client.TerminateWorkflow(t.Context(), run.GetID(), "", "paid, and not archived"))
	s.settle(in)

	// A catalogue finds it on the ledger, and its run is given the id.
	catalog := s.startCatalog(stemflow.SeparateCatalogInput{
		Name: "c-" + newID(), Tracks: []stemflow.SeparateStemsInput{in},
	})
	require.Equal(t, stemflow.CatalogCounts{Archived: 1}, s.catalogResult(catalog, patience).CatalogCounts)
	require.Equal(t, 1, s.billed(in))

	// A forced run pays for a newer one. The id of the first is on the ledger all the same.
	forced := in
	forced.Force = true
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{ExtraStem: "kazoo"}})
	require.NotEqual(t, first, s.result(s.start(forced)).SeparationTaskID)
	named := in
	named.SeparationTaskID = first
	result := s.result(s.start(named))
	require.Equal(t, first, result.SeparationTaskID)
	require.Len(t, result.Stems, 3)
	require.Equal(t, 2, s.billed(in))
}
