package integration

import (
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

// Twelve large stems at once take 64 MiB of a worker at the most, whether their lengths are known
// or not: one that held them in memory would take twice as much, and more where stems are larger.
func TestLargeStemsTakeLittleMemory(t *testing.T) {
	t.Parallel()
	program := buildWorker(t)
	for name, file := range map[string]kiesim.File{
		"of known length":   {Size: 10_000_000},
		"of unknown length": {Size: 10_000_000, Chunked: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStackAt(t, serverstest.Temporal(t).Addr)
			worker := s.startProgram(program)
			s.archive(track(stemflow.SplitStem), kiesim.File{})
			idle := memory(t, worker.PID(), "VmRSS")

			result := s.archive(track(stemflow.SplitStem), file)
			require.Len(t, result.Stems, 12)
			for _, stem := range result.Stems {
				require.GreaterOrEqual(t, stem.Size, file.Size)
			}
			peak := memory(t, worker.PID(), "VmHWM")
			t.Logf("idle %d KiB, peak %d KiB", idle, peak)
			require.LessOrEqual(t, peak-idle, 64<<10)
		})
	}
}

// archive separates a track whose stems are all as the file says.
func (s *stack) archive(in stemflow.SeparateStemsInput, file kiesim.File) stemflow.SeparateStemsResult {
	s.t.Helper()
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Files: map[string]kiesim.File{kiesim.AllStems: file}})
	return s.result(s.start(in))
}
