package integration

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/ledger"
	"stemflow/kiesim"
)

// From a separation to files, and once more after it was deleted: the ledger stays, so nothing is
// paid for twice.
func TestADeletedTrackIsFetchedAgainUnpaid(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	run := s.start(in)
	s.await("it is paid for", func() bool { return s.billed(in) == 1 })
	ids := []string{in.TaskID, in.AudioID, string(in.Type)}
	refused := s.starterAsRoot(append([]string{"delete", "--yes"}, ids...)...)
	require.Equal(t, 1, refused.code)
	require.Contains(t, refused.stderr, "error: Refused: ")
	s.settle(in)
	first := s.result(run)

	dir := t.TempDir()
	type gotten struct {
		Files []struct{ File, SHA256 string }
	}
	got := printed[gotten](s, s.starter(append([]string{"get", "--json", "--out", dir}, ids...)...))
	require.Len(t, got.Files, 2)
	for i, stem := range first.Stems {
		require.Equal(t, stem.SHA256, got.Files[i].SHA256)
		require.FileExists(t, filepath.Join(dir, got.Files[i].File))
	}

	deleted := s.starterAsRoot(append([]string{"delete", "--yes"}, ids...)...)
	require.Zero(t, deleted.code, deleted.stderr)
	require.Contains(t, deleted.stdout, "takes up the separation "+first.SeparationTaskID+", unpaid")
	left := []string{archive.DeletionKey(s.location(in), first.SeparationTaskID), archive.SubmissionKey(s.location(in))}
	require.ElementsMatch(t, left, s.keys(in))

	// Nothing is under way any more, so a check would miss it.
	var l ledger.Ledger
	_, err := s.store.ReadJSON(t.Context(), s.bucket, left[1], &l)
	require.NoError(t, err)
	yesterday := time.Now().AddDate(0, 0, -1)
	l.SubmittedAt, l.IntendedAt, l.ScheduledAt = yesterday, yesterday, yesterday
	require.NoError(t, s.store.PutJSON(t.Context(), s.bucket, left[1], l))
	repaired := s.starter("verify", "--repair")
	require.Zero(t, repaired.code, repaired.stdout+repaired.stderr)
	require.Contains(t, repaired.stdout, "deleted, and left so: 1 track\n")
	require.ElementsMatch(t, left, s.keys(in))

	again := printed[stemflow.SeparateStemsResult](s, s.starter(append([]string{"start", "--wait", "--json"}, ids...)...))
	require.Equal(t, stemflow.SettledByResume, again.SettledBy)
	require.False(t, again.Paid)
	require.Len(t, again.Stems, len(first.Stems))
	require.Equal(t, 1, s.billed(in))

	type costs struct{ Separations, Credits, MayHavePaid int }
	spent := printed[costs](s, s.starter("cost", "--json"))
	require.Equal(t, costs{Separations: 1, Credits: stemflow.Price(in.Type)}, spent)
}

// starterAsRoot runs the starter with the rights of the store's administrator.
func (s *stack) starterAsRoot(args ...string) ran {
	s.t.Helper()
	cmd := s.starterCommand(args...)
	cmd.Env = append(cmd.Env, "MINIO_ACCESS_KEY="+s.root.AccessKey, "MINIO_SECRET_KEY="+s.root.SecretKey)
	return runStarter(s.t, cmd)
}
