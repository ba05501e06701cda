package observe

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
)

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
