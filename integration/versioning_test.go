package integration

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

// A run that one version of the worker has begun is finished by the next, as docs/deploying.md
// says.
func TestANewVersionTakesOverRunningSeparations(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	program := buildWorker(t)
	deployment := "stemflow-" + newID()
	handle := s.client.WorkerDeploymentClient().GetHandle(deployment)
	deploy := func(build string) *devservers.Process {
		p := s.startProgram(program, "TEMPORAL_DEPLOYMENT_NAME="+deployment, "TEMPORAL_WORKER_BUILD_ID="+build)
		s.await(build+" is the current version", func() bool {
			_, err := handle.SetCurrentVersion(
				t.Context(),
				client.WorkerDeploymentSetCurrentVersionOptions{BuildID: build},
			)
			return err == nil
		})
		return p
	}
	old := deploy("one")
	in := track(stemflow.SplitStem)
	s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	run := s.start(in)
	s.awaitPhase(run, stemflow.PhaseWaiting)
	require.Equal(t, "one", s.buildOf(run))

	deploy("two")
	old.Stop()
	s.settle(in)
	s.requireArchived(in, s.result(run))
	require.Equal(t, "two", s.buildOf(run))
	require.Equal(t, 1, s.billed(in))
}

// buildOf is the version that a run's last workflow task ran on.
func (s *stack) buildOf(run client.WorkflowRun) string {
	s.t.Helper()
	d, err := s.client.DescribeWorkflow(s.t.Context(), run.GetID(), run.GetRunID())
	require.NoError(s.t, err)
	return d.RawResponse.GetWorkflowExecutionInfo().GetVersioningInfo().GetDeploymentVersion().GetBuildId()
}
