package workflows

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// A task that is handed out and reaches no worker holds its run up until a timeout of its attempt.
func TestWhatTakesLongerThanARequestSendsHeartbeats(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "policies.go", nil, 0)
	require.NoError(t, err)
	short := map[string]bool{
		"requestTimeout": true,
		"submitTimeout":  true, // a single attempt, whose end is what counts
	}
	long := 0
	ast.Inspect(file, func(n ast.Node) bool {
		options, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		fields := map[string]string{}
		for _, element := range options.Elts {
			if field, ok := element.(*ast.KeyValueExpr); ok {
				if value, ok := field.Value.(*ast.Ident); ok {
					fields[field.Key.(*ast.Ident).Name] = value.Name
				}
			}
		}
		if timeout := fields["StartToCloseTimeout"]; timeout != "" && !short[timeout] {
			long++
			require.Equal(t, "longHeartbeat", fields["HeartbeatTimeout"], timeout)
		}
		return true
	})
	require.Greater(t, long, 6)
}

// withContext calls do within a workflow.
func withContext(t *testing.T, do func(workflow.Context)) {
	t.Helper()
	env := (&testsuite.WorkflowTestSuite{}).NewTestWorkflowEnvironment()
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		do(ctx)
		return nil
	})
	require.NoError(t, env.GetWorkflowError())
}

// The engine repeats what it may repeat, and drops what a cancellation need not await: neither may
// be the paid call, which is made by the workers that keep to the rate.
func TestPaidCallIsMadeOnce(t *testing.T) {
	withContext(t, func(ctx workflow.Context) {
		options := workflow.GetActivityOptions(submitOptions(ctx, activityapi.Separation, "stemflow-submit"))
		require.EqualValues(t, 1, options.RetryPolicy.MaximumAttempts)
		require.True(t, options.WaitForCancellation)
		require.Equal(t, "stemflow-submit", options.TaskQueue)
		require.Equal(t, submitTimeout, options.StartToCloseTimeout)
		require.Equal(t, submitTurn, options.ScheduleToStartTimeout)
		require.Zero(t, options.ScheduleToCloseTimeout, "it would end a call that has begun late")

		midi := workflow.GetActivityOptions(submitMIDIOptions(ctx, "stemflow-submit", stemflow.Duration(time.Hour)))
		require.Equal(t, "stemflow-submit", midi.TaskQueue)
		require.Equal(t, submitTimeout, midi.StartToCloseTimeout)
		require.Equal(t, time.Hour, midi.ScheduleToCloseTimeout)
	})
}

// A parent that ends, or continues as new, takes no child along that is paid for or that others
// wait for.
func TestChildrenOutliveTheirParents(t *testing.T) {
	withContext(t, func(ctx workflow.Context) {
		track := stemflow.SeparateStemsInput{TaskID: "music", AudioID: "audio", Type: stemflow.SplitStem}
		midi := stemflow.GenerateMIDIInput{TaskID: "music", AudioID: "audio", Type: stemflow.SplitStem}
		const again, once = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
		for id, child := range map[string]struct {
			ctx   workflow.Context
			reuse enumspb.WorkflowIdReusePolicy
			waits bool
		}{
			stemflow.WorkflowID(track):    {trackOptions(ctx, track), again, true},
			stemflow.MIDIWorkflowID(midi): {midiOptions(ctx, midi), again, true},
			"shared":                      {sharedOptions(ctx, "shared", "a summary"), again, false},
			activityapi.DeliveryWorkflowID("evt_1"): {
				deliveryOptions(ctx, stemflow.Event{ID: "evt_1", Type: stemflow.EventSeparationArchived}), once, false,
			},
		} {
			options := workflow.GetChildWorkflowOptions(child.ctx)
			require.Equal(t, id, options.WorkflowID)
			require.Equal(t, enumspb.PARENT_CLOSE_POLICY_ABANDON, options.ParentClosePolicy, id)
			require.Equal(t, child.reuse, options.WorkflowIDReusePolicy, id)
			require.Equal(t, child.waits, options.WaitForCancellation, id)
			require.NotEmpty(t, options.StaticSummary, id)
		}
	})
}

// A try whose worker is gone ends, and so do the tries.
func TestEveryActivityIsBounded(t *testing.T) {
	withContext(t, func(ctx workflow.Context) {
		for name, with := range map[string]workflow.Context{
			"prepare": prepareOptions(ctx), "song": songOptions(ctx), "music": musicOptions(ctx),
			"ledger": ledgerOptions(ctx), "adopt": adoptOptions(ctx, time.Hour), "confirm": confirmOptions(ctx),
			"rest": restOptions(ctx), "poll": pollOptions(ctx, stemflow.Duration(time.Minute), time.Hour),
			"archive": archiveOptions(ctx, "vocals"), "prepare MIDI": prepareMIDIOptions(ctx),
			"archive MIDI": archiveMIDIOptions(ctx), "renew": renewOptions(ctx, "vocals"),
			"manifest": manifestOptions(ctx), "balance": balanceOptions(ctx),
			"outcomes": outcomesOptions(ctx, time.Hour), "report": reportOptions(ctx, time.Hour),
			"verify": verifyOptions(ctx), "hook": hookOptions(ctx, "webhook"),
		} {
			options := workflow.GetActivityOptions(with)
			require.NotEmpty(t, options.Summary, name)
			require.Positive(t, options.StartToCloseTimeout, name)
			require.NotNil(t, options.RetryPolicy, name)
			require.True(t, options.ScheduleToCloseTimeout > 0 || options.RetryPolicy.MaximumAttempts > 0, name)
		}
	})
}
