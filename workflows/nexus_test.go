package workflows

import (
	"errors"
	"testing"

	"github.com/nexus-rpc/sdk-go/nexus"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/allowed"
)

func refusedField(t *testing.T, err error) string {
	t.Helper()
	operation, ok := errors.AsType[*nexus.OperationError](err)
	require.True(t, ok, "%v", err)
	app, ok := errors.AsType[*temporal.ApplicationError](operation.Cause)
	require.True(t, ok)
	require.Equal(t, stemflow.ErrorInvalidInput, app.Type())
	require.True(t, app.NonRetryable())
	return app.Message()
}

func TestNexusCallersKeepTheOperatorsLimits(t *testing.T) {
	track := stemflow.SeparateStemsInput{TaskID: "t", AudioID: "a"}
	limits := NexusLimits{
		Store: allowed.Limits{Bucket: "stems", Prefix: "music"}, ForbidForce: true, CreditBudget: new(10),
	}
	for want, change := range map[string]func(*stemflow.SeparateStemsInput){
		"":                           func(*stemflow.SeparateStemsInput) {},
		"force: is forbidden":        func(in *stemflow.SeparateStemsInput) { in.Force = true },
		`bucket: "other" is not`:     func(in *stemflow.SeparateStemsInput) { in.Bucket = "other" },
		`prefix: "musical" is not`:   func(in *stemflow.SeparateStemsInput) { in.Prefix = "musical" },
		"type: may cost 50 credits,": func(in *stemflow.SeparateStemsInput) { in.Type = stemflow.SplitStem },
		"taskId: is required":        func(in *stemflow.SeparateStemsInput) { in.TaskID = "" },
	} {
		in := track
		change(&in)
		options, err := limits.separateStemsOptions(t.Context(), in, nexus.StartOperationOptions{})
		if want == "" {
			require.NoError(t, err)
			require.Equal(t, stemflow.WorkflowID(in), options.ID)
			continue
		}
		require.Contains(t, refusedField(t, err), want)
		require.Empty(t, options.ID)
	}
	paid := track
	paid.Type, paid.SeparationTaskID = stemflow.SplitStem, "3e63"
	_, err := limits.separateStemsOptions(t.Context(), paid, nexus.StartOperationOptions{})
	require.NoError(t, err, "what is paid for costs nothing")

	_, err = NexusLimits{Store: limits.Store}.separateStemsOptions(t.Context(),
		stemflow.SeparateStemsInput{TaskID: "t", AudioID: "a", Force: true, Type: stemflow.SplitStem}, nexus.StartOperationOptions{})
	require.NoError(t, err, "an operator who says nothing limits nothing but the store")
}

func TestNexusCataloguesKeepTheOperatorsLimits(t *testing.T) {
	tracks := []stemflow.SeparateStemsInput{{TaskID: "t", AudioID: "a"}}
	limits := NexusLimits{
		Store: allowed.Limits{Bucket: "stems"}, ForbidForce: true, CreditBudget: new(100),
	}
	for want, in := range map[string]stemflow.SeparateCatalogInput{
		"creditBudget: 101 is more than the 100": {Tracks: tracks, CreditBudget: new(101)},
		"force: is forbidden":                    {Tracks: tracks, Force: true},
		"tracks[0]: force: is forbidden":         {Tracks: []stemflow.SeparateStemsInput{{TaskID: "t", AudioID: "a", Force: true}}},
		`source.bucket: "other" is not`:          {Source: &stemflow.ObjectRef{Bucket: "other", Key: "list.csv"}},
		`source.key: "../x/list.csv" is not`:     {Source: &stemflow.ObjectRef{Key: "../x/list.csv"}},
		`tracks[0]: bucket: "other" is not`:      {Tracks: []stemflow.SeparateStemsInput{{TaskID: "t", AudioID: "a", Bucket: "other"}}},
		`bucket: "other" is not`:                 {Tracks: tracks, Bucket: "other"},
	} {
		_, err := limits.startCatalog(t.Context(), in, nexus.StartOperationOptions{})
		require.Contains(t, refusedField(t, err), want)
	}
	in, err := limits.boundCatalog(stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "lists/june.csv"}})
	require.NoError(t, err)
	require.Equal(t, 100, *in.CreditBudget, "one that asks for no budget has the operator's")
	require.True(t, in.ForbidForce, "the tracks of the list are checked as they are read")
	in, err = limits.boundCatalog(stemflow.SeparateCatalogInput{Tracks: tracks, CreditBudget: new(7)})
	require.NoError(t, err)
	require.Equal(t, 7, *in.CreditBudget)
	in, err = NexusLimits{Store: limits.Store}.boundCatalog(stemflow.SeparateCatalogInput{Tracks: tracks, Force: true})
	require.NoError(t, err)
	require.Nil(t, in.CreditBudget)
	require.False(t, in.ForbidForce)
}
