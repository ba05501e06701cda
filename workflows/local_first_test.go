package workflows_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"stemflow"
	"stemflow/internal/activityapi"
)

// begun keeps which activities of a name were begun, and how.
func (w *harness) begun(name string) *[]string {
	var ways []string
	note := func(info *activity.Info, way string) {
		if info.ActivityType.Name == name {
			ways = append(ways, way)
		}
	}
	w.env.SetOnLocalActivityStartedListener(
		func(info *activity.Info, _ context.Context, _ []any) { note(info, "local") },
	)
	w.env.SetOnActivityStartedListener(
		func(info *activity.Info, _ context.Context, _ converter.EncodedValues) { note(info, "scheduled") },
	)
	return &ways
}

func TestShortRequestsAreLocalActivities(t *testing.T) {
	for _, name := range []string{activityapi.ActivityPrepareArchive, activityapi.ActivityGetSeparationRecord,
		activityapi.ActivityWriteManifest} {
		w := newHarness(t)
		begun := w.begun(name)
		w.callbackAfter(1, success(separationID))
		w.run(input())
		w.result()
		require.Equal(t, []string{"local"}, *begun, name)
	}
}

func TestAShortRequestThatFailsIsScheduled(t *testing.T) {
	w := newHarness(t)
	begun := w.begun(activityapi.ActivityWriteManifest)
	w.manifest = func(activityapi.WriteManifestInput) (*stemflow.ObjectRef, error) {
		if len(*begun) < 4 {
			return nil, again(stemflow.ErrorArchiveUnavailable)
		}
		return &stemflow.ObjectRef{Bucket: "stems", Key: "manifest.json"}, nil
	}
	w.callbackAfter(1, success(separationID))
	w.run(input())
	w.result()
	require.Equal(t, []string{"local", "scheduled", "scheduled", "scheduled"}, *begun)
}

func TestAShortRequestThatFailsForGoodIsNotRepeated(t *testing.T) {
	w := newHarness(t)
	begun := w.begun(activityapi.ActivityPrepareArchive)
	w.prepare = func(activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
		return nil, failed(stemflow.ErrorArchiveUnavailable)
	}
	w.run(input())
	kind, _, _ := w.failure()
	require.Equal(t, stemflow.ErrorArchiveUnavailable, kind)
	require.Equal(t, []string{"local"}, *begun)
}
