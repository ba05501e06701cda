package observe

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"stemflow/starter/internal/limit"
)

// busyServer is a Temporal that takes its time.
type busyServer struct {
	client.Client
	takes time.Duration
}

func (b busyServer) DescribeWorkflow(ctx context.Context, _, _ string) (*client.WorkflowExecutionDescription, error) {
	select {
	case <-time.After(b.takes):
		answer := &workflowservice.DescribeWorkflowExecutionResponse{}
		return &client.WorkflowExecutionDescription{RawResponse: answer}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// What a command depends on is given more time than what only adds to a display.
func TestACommandHasPatienceWithABusyServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := &Temporal{Client: busyServer{takes: RequestTimeout - time.Second}}
		_, err := busy.IsOpen(t.Context(), "id")
		require.NoError(t, err)

		began := time.Now()
		stuck := &Temporal{Client: busyServer{takes: time.Hour}, Address: "localhost:7233"}
		_, err = stuck.Describe(t.Context(), "id", "")
		_, ok := errors.AsType[*limit.Exceeded](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, RequestTimeout, time.Since(began))

		began = time.Now()
		_, err = describe(t.Context(), stuck, "id", "")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, observeTimeout, time.Since(began))
	})
}

func TestStartedIsTakenFromTheAnswer(t *testing.T) {
	answer := func(started bool, err error) grpc.UnaryInvoker {
		return func(_ context.Context, _ string, _, reply any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
			if response, ok := reply.(*workflowservice.StartWorkflowExecutionResponse); ok {
				response.Started = started
			}
			return err
		}
	}
	for _, c := range []struct {
		name    string
		reply   any
		invoke  grpc.UnaryInvoker
		started bool
	}{
		{"started", &workflowservice.StartWorkflowExecutionResponse{}, answer(true, nil), true},
		{"joined", &workflowservice.StartWorkflowExecutionResponse{}, answer(false, nil), false},
		{"failed", &workflowservice.StartWorkflowExecutionResponse{}, answer(true, errors.New("down")), false},
		{"another call", &workflowservice.GetSystemInfoResponse{}, answer(true, nil), false},
	} {
		started := false
		_ = noteStarted(withStarted(t.Context(), &started), "", nil, c.reply, nil, c.invoke)
		require.Equal(t, c.started, started, c.name)
	}
	require.NoError(
		t,
		noteStarted(t.Context(), "", nil, &workflowservice.StartWorkflowExecutionResponse{}, nil, answer(true, nil)),
	)
}
