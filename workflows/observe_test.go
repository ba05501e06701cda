package workflows

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
)

func TestObservationsAreClassified(t *testing.T) {
	of := func(kind string) error { return temporal.NewApplicationError("on purpose", kind) }
	for name, c := range map[string]struct {
		record      activityapi.SeparationRecord
		err         error
		want        finding
		open, ended bool
	}{
		"done":       {want: foundDone, ended: true},
		"pending":    {record: activityapi.SeparationRecord{Pending: true}, want: foundPending, open: true},
		"still":      {err: of(activityapi.ActivityErrorPending), want: foundPending, open: true},
		"no record":  {err: of(activityapi.ActivityErrorNoRecord), want: foundNoRecord, open: true},
		"unreadable": {err: of(activityapi.ActivityErrorUnreadable), want: foundNotYet, open: true},
		"no links":   {err: of(activityapi.ActivityErrorNoLinks), want: foundNotYet, open: true},
		"not own":    {err: of(activityapi.ActivityErrorNotOwn), want: foundNotOwn},
		"failed":     {err: of(stemflow.ErrorSeparationFailed), want: foundFailed, ended: true},
		"empty":      {err: of(stemflow.ErrorNoStems), want: foundEmpty, ended: true},
		"gone":       {err: of(stemflow.ErrorSourceExpired), want: foundGone},
		"another":    {err: of(stemflow.ErrorInvalidInput), want: foundRefused},
		"cancelled":  {err: temporal.NewCanceledError(), want: foundCanceled},
		"time-out":   {err: temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, nil), want: foundLost},
		"a panic":    {err: errors.New("unforeseen"), want: foundLost},
		"a foreign":  {err: of("Unforeseen"), want: foundLost},
	} {
		t.Run(name, func(t *testing.T) {
			seen := observe("S1", c.record, c.err)
			require.Equal(t, c.want, seen.finding)
			require.Equal(t, c.open, seen.open())
			require.Equal(t, c.ended, seen.ended())
			require.Equal(t, observation{"S1", c.want, c.record, c.err}, seen)
		})
	}
	for _, kind := range stemflow.ErrorTypes() {
		seen := observe("S1", activityapi.SeparationRecord{}, of(kind.Name))
		require.Contains(t, []finding{foundFailed, foundEmpty, foundGone, foundRefused}, seen.finding, kind.Name)
		require.False(t, seen.open(), "%s is final", kind.Name)
	}
}
