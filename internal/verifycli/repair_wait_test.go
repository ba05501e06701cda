package verifycli

import (
	"context"
	"io"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"stemflow"
)

// repairing is a Temporal with a repair, which answers with these errors, one after the other, and
// then with a result.
type repairing struct {
	client.Client
	client.WorkflowRun
	errs []error
}

func (r *repairing) ExecuteWorkflow(
	context.Context, client.StartWorkflowOptions, any, ...any,
) (client.WorkflowRun, error) {
	return r, nil
}

func (r *repairing) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	return nil, serviceerror.NewUnavailable("down")
}

func (r *repairing) GetID() string { return "repair" }

func (r *repairing) Get(_ context.Context, result any) error {
	if len(r.errs) > 0 {
		err := r.errs[0]
		r.errs = r.errs[1:]
		return err
	}
	result.(*stemflow.VerifyArchiveResult).Repaired = 1
	return nil
}

func repair(t *testing.T, errs ...error) error {
	c := &Command{
		Input: stemflow.VerifyArchiveInput{Repair: true}, Stdout: io.Discard,
		Temporal: func(context.Context) (client.Client, error) { return &repairing{errs: errs}, nil },
	}
	return c.Run(t.Context())
}

// A repair goes on while Temporal is away, and so does who waits for it.
func TestARepairIsWaitedForWhileTemporalIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, repair(t, serviceerror.NewUnavailable("down"), serviceerror.NewDeadlineExceeded("slow")))

		err := repair(t, serviceerror.NewPermissionDenied("not any more", ""))
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, TypeTemporal, e.Type)
		require.Equal(t, ExitDamaged, e.Code)
		require.Contains(t, e.Message, "not any more")

		require.ErrorAs(t, repair(t, temporal.NewCanceledError()), &e)
		require.Equal(t, stemflow.ReasonCanceled, e.Type)
		require.Equal(t, "the repair was cancelled", e.Message)
	})
}
