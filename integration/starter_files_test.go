package integration

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
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
	objects, err := s.store.List(t.Context(), s.bucket, in.TaskID+"/")
	require.NoError(t, err)
	require.Len(t, objects, 1, "only the ledger is left")

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
