package devservers

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
)

// frontend answers as a Temporal does that is healthy before it looks its namespaces up.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	answer error
}

func (f *frontend) GetSystemInfo(
	context.Context, *workflowservice.GetSystemInfoRequest,
) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (f *frontend) DescribeWorkflowExecution(
	context.Context, *workflowservice.DescribeWorkflowExecutionRequest,
) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return nil, serviceerror.ToStatus(f.answer).Err()
}

func TestTemporalIsReadyOnceItFindsItsNamespace(t *testing.T) {
	listener, err := net.Listen("tcp", address(0))
	require.NoError(t, err)
	server, front := grpc.NewServer(), &frontend{}
	workflowservice.RegisterWorkflowServiceServer(server, front)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	ready := temporalReady(listener.Addr().String())

	front.answer = serviceerror.NewNamespaceNotFound(client.DefaultNamespace)
	require.ErrorContains(t, ready(t.Context()), "Namespace default is not found")
	front.answer = serviceerror.NewNotFound("no workflow of that name")
	require.NoError(t, ready(t.Context()))
}
