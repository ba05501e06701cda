package observe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"stemflow"
	"stemflow/internal/activityapi"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.Local)

func pending(name string, attempt int32, state enumspb.PendingActivityState) *workflowpb.PendingActivityInfo {
	return &workflowpb.PendingActivityInfo{
		ActivityType: &commonpb.ActivityType{Name: name},
		Attempt:      attempt,
		State:        state,
	}
}

func withHeartbeat(
	t *testing.T,
	a *workflowpb.PendingActivityInfo,
	details any,
	after time.Duration,
) *workflowpb.PendingActivityInfo {
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(details)
	require.NoError(t, err)
	a.HeartbeatDetails = payloads
	a.LastStartedTime, a.LastHeartbeatTime = timestamppb.New(noon), timestamppb.New(noon.Add(after))
	return a
}

func withFailure(a *workflowpb.PendingActivityInfo, kind, message string) *workflowpb.PendingActivityInfo {
	a.LastFailure = &failurepb.Failure{Message: message, FailureInfo: &failurepb.Failure_ApplicationFailureInfo{
		ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Type: kind},
	}}
	return a
}

func TestPendingActivities(t *testing.T) {
	const started, scheduled = enumspb.PENDING_ACTIVITY_STATE_STARTED, enumspb.PENDING_ACTIVITY_STATE_SCHEDULED
	drums := activityapi.ArchiveStemHeartbeat{Name: "drums", Bytes: 1000, Total: 4000}
	for _, c := range []struct {
		name string
		in   *workflowpb.PendingActivityInfo
		want Activities
	}{
		{"submit waits", pending(activityapi.ActivitySubmitSeparation, 1, scheduled), Activities{}},
		{"submit goes on", pending(activityapi.ActivitySubmitSeparation, 1, started), Activities{Submitting: true}},
		{"polling", withFailure(pending(activityapi.ActivityGetSeparationRecord, 4, scheduled), activityapi.ActivityErrorPending, "not done"),
			Activities{Polls: 3}},
		{"provider down", withFailure(pending(activityapi.ActivityGetSeparationRecord, 4, scheduled), "Other", "down"),
			Activities{Polls: 3, Failing: []Failing{{"reading the provider's record", 4, "down"}}}},
		{"store down", withFailure(pending(activityapi.ActivityPrepareArchive, 2, scheduled), stemflow.ErrorArchiveUnavailable, "refused"),
			Activities{Failing: []Failing{{"looking at the archive", 2, "refused"}}}},
		{"unknown activity", withFailure(pending("Later", 2, scheduled), "", "refused"),
			Activities{Failing: []Failing{{"Later", 2, "refused"}}}},
		{"stem not begun", pending(activityapi.ActivityArchiveStem, 1, scheduled), Activities{}},
		{"stem on its way", withHeartbeat(t, pending(activityapi.ActivityArchiveStem, 1, started), drums, 4*time.Second),
			Activities{Transfers: map[string]Transfer{"drums": {1000, 4000, 250}}}},
		{"heartbeat of the attempt before", withHeartbeat(t, pending(activityapi.ActivityArchiveStem, 2, started), drums, -time.Second),
			Activities{Transfers: map[string]Transfer{"drums": {1000, 4000, 0}}}},
		{"stem tried again", withFailure(withHeartbeat(t, pending(activityapi.ActivityArchiveStem, 2, scheduled), drums, time.Second), "", "cut"),
			Activities{Retries: map[string]Failing{"drums": {"archiving drums", 2, "cut"}}}},
		{"unknown stem tried again", withFailure(pending(activityapi.ActivityArchiveStem, 2, scheduled), "", "worker lost"),
			Activities{Failing: []Failing{{"archiving a stem", 2, "worker lost"}}}},
		{"heartbeat of another shape", withHeartbeat(t, pending(activityapi.ActivityArchiveStem, 1, started), 42, time.Second), Activities{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want.Transfers == nil {
				c.want.Transfers = map[string]Transfer{}
			}
			if c.want.Retries == nil {
				c.want.Retries = map[string]Failing{}
			}
			require.Equal(t, c.want, pendingActivities([]*workflowpb.PendingActivityInfo{c.in}))
		})
	}
}
