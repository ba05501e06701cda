package integration

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
)

// A track that is sent to a second destination is archived there too, and paid for once.
func TestTrackSentElsewhereIsPaidOnce(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	first := s.result(s.start(in))
	require.True(t, first.Paid)

	again := in
	again.Prefix = "another/place"
	second := s.result(s.start(again))
	require.False(t, second.Paid)
	require.Equal(t, stemflow.SettledByResume, second.SettledBy)
	require.Equal(t, first.SeparationTaskID, second.SeparationTaskID)
	require.Len(t, second.Stems, 2)
	for i, stem := range second.Stems {
		require.Equal(t, first.Stems[i].SHA256, stem.SHA256)
		require.NotEqual(t, first.Stems[i].Key, stem.Key)
	}
	require.Equal(t, 1, s.billed(in))
	s.requireArchived(again, second) // its folder says by itself what was paid for it

	third := s.result(s.start(again))
	require.Equal(t, stemflow.SettledByArchive, third.SettledBy)
}

// The prefix of all tracks is changed between two runs of one. The ledger does not move with it.
func TestAnotherPrefixOfTheWorkerDoesNotPayAgain(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(s *stack) { s.cfg.Prefix = "before" })
	in := track(stemflow.SeparateVocal)
	s.result(s.start(in))

	s.queue += "-after"
	s.cfg.Prefix = "after"
	s.startWorker()
	result := s.result(s.start(in))
	require.Equal(t, stemflow.SettledByResume, result.SettledBy)
	require.Equal(t, 1, s.billed(in))
}

// An earlier release kept the ledger in the folder that the track is archived to.
func TestLedgerOfAnEarlierReleaseIsHonoured(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	in.Prefix = "tenant"
	first := s.result(s.start(in))
	root := in
	root.Prefix = ""
	// What stands in the track's own folder is all that there was then.
	s.remove(archive.SubmissionKey(s.location(root)))
	s.remove(archive.ManifestKey(s.location(in)))
	second := s.result(s.start(in))
	require.Equal(t, stemflow.SettledByResume, second.SettledBy)
	require.Equal(t, first.SeparationTaskID, second.SeparationTaskID)
	require.Equal(t, 1, s.billed(in))
}
