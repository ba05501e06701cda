package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	nexuspb "go.temporal.io/api/nexus/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

// callers is a namespace whose workflows call stemflow's in another one.
type callers struct {
	*stack
	client client.Client
	queue  string
}

// startCallers makes a namespace with an endpoint, and workflows that call each of the operations
// with the SDK's default options, through a client with the given ones.
func (s *stack) startCallers(options client.Options) *callers {
	s.t.Helper()
	id := "callers-" + newID()
	_, err := s.client.WorkflowService().RegisterNamespace(s.t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: id, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(s.t, err)
	_, err = s.client.OperatorService().CreateNexusEndpoint(s.t.Context(), &operatorservice.CreateNexusEndpointRequest{
		Spec: &nexuspb.EndpointSpec{
			Name: id,
			Target: &nexuspb.EndpointTarget{Variant: &nexuspb.EndpointTarget_Worker_{
				Worker: &nexuspb.EndpointTarget_Worker{Namespace: "default", TaskQueue: s.queue},
			}},
		},
	})
	require.NoError(s.t, err)
	options.HostPort, options.Namespace, options.Logger = s.server, id, quiet()
	c, err := client.Dial(options)
	require.NoError(s.t, err)
	s.t.Cleanup(c.Close)
	w := worker.New(c, "callers", worker.Options{})
	registerCaller[stemflow.SeparateStemsInput, stemflow.SeparateStemsResult](w, id, stemflow.WorkflowSeparateStems)
	registerCaller[stemflow.SeparateCatalogInput, stemflow.SeparateCatalogResult](
		w, id, stemflow.WorkflowSeparateCatalog)
	s.await("the new namespace has workers", func() bool { return w.Start() == nil })
	s.t.Cleanup(w.Stop)
	return &callers{s, c, "callers"}
}

func registerCaller[In, Out any](w worker.Worker, endpoint, operation string) {
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context, in In) (result Out, err error) {
		err = workflow.NewNexusClient(endpoint, stemflow.NexusService).
			ExecuteOperation(ctx, operation, in, workflow.NexusOperationOptions{}).Get(ctx, &result)
		return result, err
	}, workflow.RegisterOptions{Name: "Call" + operation})
}

// call calls an operation, and returns once it has started.
func (c *callers) call(operation string, in any) client.WorkflowRun {
	c.t.Helper()
	run, err := c.client.ExecuteWorkflow(
		c.t.Context(), client.StartWorkflowOptions{TaskQueue: c.queue}, "Call"+operation, in)
	require.NoError(c.t, err)
	c.await("the operation has started", func() bool {
		d, err := c.client.DescribeWorkflow(c.t.Context(), run.GetID(), run.GetRunID())
		if err != nil {
			return false
		}
		pending := d.RawResponse.PendingNexusOperations
		return len(pending) == 1 && pending[0].State == enumspb.PENDING_NEXUS_OPERATION_STATE_STARTED
	})
	return run
}

// joined waits until so many of the callers' own workflows wait for a run.
func (c *callers) joined(workflowID string, n int) {
	c.t.Helper()
	c.await("the callers have joined", func() bool {
		run := c.stack.client.GetWorkflow(c.t.Context(), workflowID, "")
		d, err := c.stack.client.DescribeWorkflow(c.t.Context(), workflowID, "")
		if err != nil {
			return false
		}
		joined := 0
		if parent := d.RawResponse.GetWorkflowExecutionInfo().GetParentExecution(); parent != nil &&
			strings.HasPrefix(parent.WorkflowId, "nexus-caller:") {
			joined++
		}
		for _, event := range c.history(run) {
			if event.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == "nexus-caller" {
				joined++
			}
		}
		return joined == n
	})
}

func (c *callers) cancel(run client.WorkflowRun) {
	c.t.Helper()
	require.NoError(c.t, c.client.CancelWorkflow(c.t.Context(), run.GetID(), run.GetRunID()))
}

// requireCancelled demands that a caller ends as cancelled, whatever becomes of the run.
func (c *callers) requireCancelled(run client.WorkflowRun) {
	c.t.Helper()
	var canceled *temporal.CanceledError
	require.ErrorAs(c.t, run.Get(c.t.Context(), nil), &canceled)
}

// replay replays a run that has ended, and the workflows of its two callers, the first of which has
// begun it.
func (c *callers) replay(workflowID, name string) {
	c.t.Helper()
	run := c.stack.client.GetWorkflow(c.t.Context(), workflowID, "")
	d, err := c.stack.client.DescribeWorkflow(c.t.Context(), workflowID, "")
	require.NoError(c.t, err)
	ids := []string{d.RawResponse.GetWorkflowExecutionInfo().GetParentExecution().GetWorkflowId()}
	events := c.history(run)
	for _, event := range events {
		signal := event.GetWorkflowExecutionSignaledEventAttributes()
		var caller activityapi.Caller
		if signal.GetSignalName() == activityapi.SignalCaller {
			require.NoError(c.t, converter.GetDefaultDataConverter().FromPayloads(signal.GetInput(), &caller))
			if !slices.Contains(ids, caller.WorkflowID) {
				ids = append(ids, caller.WorkflowID)
			}
		}
	}
	require.Len(c.t, ids, 2)
	c.stack.replay(name, events)
	for i, id := range ids {
		run := c.stack.client.GetWorkflow(c.t.Context(), id, "")
		require.Error(c.t, run.Get(c.t.Context(), nil))
		c.stack.replay(fmt.Sprintf("%s-caller-%d", name, i+1), c.history(run))
	}
}

func (s *stack) status(workflowID string) enumspb.WorkflowExecutionStatus {
	s.t.Helper()
	d, err := s.client.DescribeWorkflow(s.t.Context(), workflowID, "")
	require.NoError(s.t, err)
	return d.Status
}

// Nexus callers who share a run: that one is cancelled is nothing to the others, and the run ends
// with the last of them.
func TestNexusCallersShareARun(t *testing.T) {
	serverstest.SkipIfShort(t)
	t.Parallel()
	s := newStack(t)
	c := s.startCallers(client.Options{})

	// shared is something that callers ask for, which takes until it is settled.
	type shared struct {
		operation, workflowID string
		in                    any
		track                 stemflow.SeparateStemsInput
	}
	pending := func() stemflow.SeparateStemsInput {
		in := track(stemflow.SeparateVocal)
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
		return in
	}
	for operation, ask := range map[string]func() shared{
		stemflow.WorkflowSeparateStems: func() shared {
			in := pending()
			return shared{stemflow.WorkflowSeparateStems, stemflow.WorkflowID(in), in, in}
		},
		stemflow.WorkflowSeparateCatalog: func() shared {
			track := pending()
			in := stemflow.SeparateCatalogInput{Name: "c-" + newID(), Tracks: []stemflow.SeparateStemsInput{track}}
			return shared{stemflow.WorkflowSeparateCatalog, stemflow.CatalogWorkflowID(in), in, track}
		},
	} {
		run := func(name string, test func(t *testing.T, c *callers, it shared)) {
			t.Run(operation+"/"+name, func(t *testing.T) {
				t.Parallel()
				on := *c
				on.stack = s.on(t)
				test(t, &on, ask())
			})
		}

		run("the first leaves", func(t *testing.T, c *callers, it shared) {
			first := c.call(it.operation, it.in)
			c.joined(it.workflowID, 1)
			second := c.call(it.operation, it.in)
			c.joined(it.workflowID, 2)
			c.cancel(first)
			c.requireCancelled(first)
			require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, c.status(it.workflowID))
			c.settle(it.track)
			require.NoError(t, second.Get(t.Context(), nil))
			require.Equal(t, 1, c.billed(it.track))
		})
		run("the second leaves", func(t *testing.T, c *callers, it shared) {
			first := c.call(it.operation, it.in)
			c.joined(it.workflowID, 1)
			second := c.call(it.operation, it.in)
			c.joined(it.workflowID, 2)
			c.cancel(second)
			c.requireCancelled(second)
			c.settle(it.track)
			require.NoError(t, first.Get(t.Context(), nil))
			require.Equal(t, 1, c.billed(it.track))
		})
		run("all leave", func(t *testing.T, c *callers, it shared) {
			first := c.call(it.operation, it.in)
			c.joined(it.workflowID, 1)
			second := c.call(it.operation, it.in)
			c.joined(it.workflowID, 2)
			c.await("it is paid for", func() bool { return c.billed(it.track) == 1 })
			c.cancel(first)
			c.requireCancelled(first)
			c.cancel(second)
			c.requireCancelled(second)
			c.await("the run is cancelled", func() bool {
				return c.status(it.workflowID) == enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED
			})
			c.replay(it.workflowID, "nexus-left-"+strings.ToLower(it.operation))
			c.settle(it.track) // what was paid for is taken up by the next one who asks
			third := c.call(it.operation, it.in)
			require.NoError(t, third.Get(t.Context(), nil))
			require.Equal(t, 1, c.billed(it.track))
		})
		run("the only one leaves before another joins", func(t *testing.T, c *callers, it shared) {
			first := c.call(it.operation, it.in)
			c.joined(it.workflowID, 1)
			c.await("it is paid for", func() bool { return c.billed(it.track) == 1 })
			c.cancel(first)
			second := c.call(it.operation, it.in) // whether or not the run has ended by now
			c.requireCancelled(first)
			c.settle(it.track)
			require.NoError(t, second.Get(t.Context(), nil), "its own run, if need be")
			require.Equal(t, 1, c.billed(it.track))
		})
		run("a run that another one has begun", func(t *testing.T, c *callers, it shared) {
			own, err := c.stack.client.ExecuteWorkflow(t.Context(),
				client.StartWorkflowOptions{ID: it.workflowID, TaskQueue: c.stack.queue}, it.operation, it.in)
			require.NoError(t, err)
			caller := c.call(it.operation, it.in)
			c.joined(it.workflowID, 1)
			c.cancel(caller)
			c.requireCancelled(caller)
			c.settle(it.track)
			require.NoError(t, own.Get(t.Context(), nil))
			require.Equal(t, 1, c.billed(it.track))
		})
		run("the run is cancelled from outside", func(t *testing.T, c *callers, it shared) {
			first := c.call(it.operation, it.in)
			c.joined(it.workflowID, 1)
			second := c.call(it.operation, it.in)
			c.joined(it.workflowID, 2)
			require.NoError(t, c.stack.client.CancelWorkflow(t.Context(), it.workflowID, ""))
			c.requireCancelled(first)
			c.requireCancelled(second)
			require.LessOrEqual(t, c.billed(it.track), 1, "nobody begins it again")
		})
	}

	// The details of a cancellation name what was paid for.
	t.Run("details", func(t *testing.T) {
		t.Parallel()
		on := *c
		on.stack = s.on(t)
		in := pending()
		run := on.call(stemflow.WorkflowSeparateStems, in)
		on.await("it is paid for", func() bool { return on.billed(in) == 1 })
		on.awaitPhase(on.stack.client.GetWorkflow(t.Context(), stemflow.WorkflowID(in), ""), stemflow.PhaseWaiting)
		on.cancel(run)
		var canceled *temporal.CanceledError
		require.ErrorAs(t, run.Get(t.Context(), nil), &canceled)
		var details stemflow.ErrorDetails
		require.NoError(t, canceled.Details(&details))
		require.Equal(t, stemflow.ErrorDetails{SeparationTaskID: on.charges(in)[0].TaskID, Paid: true}, details)
	})

	// A failure has the run's own type, message and details.
	t.Run("failure", func(t *testing.T) {
		t.Parallel()
		on := *c
		on.stack = s.on(t)
		in := pending()
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{Code: 531}}})
		run, err := on.client.ExecuteWorkflow(
			t.Context(), client.StartWorkflowOptions{TaskQueue: on.queue}, "Call"+stemflow.WorkflowSeparateStems, in)
		require.NoError(t, err)
		var app *temporal.ApplicationError
		require.ErrorAs(t, run.Get(t.Context(), nil), &app)
		require.Equal(t, stemflow.ErrorSeparationFailed, app.Type())
		var details stemflow.ErrorDetails
		require.NoError(t, app.Details(&details))
		require.Equal(t, 531, details.ProviderCode)
		require.True(t, details.Paid)
	})
}
