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

// refused is what an operation says to an input that is wrong.
func refused(t *testing.T, invalid error) string {
	t.Helper()
	require.Error(t, invalid)
	failed, ok := errors.AsType[*nexus.OperationError](refusedInput(invalid))
	require.True(t, ok)
	app, ok := errors.AsType[*temporal.ApplicationError](failed.Cause)
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
		bound, err := limits.boundStems(in)
		if want == "" {
			require.NoError(t, err)
			require.Equal(t, in, bound)
			continue
		}
		require.Contains(t, refused(t, err), want)
	}
	paid := track
	paid.Type, paid.SeparationTaskID = stemflow.SplitStem, "3e63"
	_, err := limits.boundStems(paid)
	require.NoError(t, err, "what is paid for costs nothing")

	_, err = NexusLimits{Store: limits.Store}.boundStems(
		stemflow.SeparateStemsInput{TaskID: "t", AudioID: "a", Force: true, Type: stemflow.SplitStem})
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
		_, err := limits.boundCatalog(in)
		require.Contains(t, refused(t, err), want)
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
