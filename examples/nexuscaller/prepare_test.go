package main

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"

	"stemflow/examples/nexuscaller/backing"
)

// server is a Temporal that does not know its namespace at first.
type server struct {
	workflowservice.UnimplementedWorkflowServiceServer
	asked atomic.Int32
}

func (s *server) GetSystemInfo(
	context.Context, *workflowservice.GetSystemInfoRequest,
) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{
		Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{},
	}, nil
}

func (s *server) DescribeNamespace(
	context.Context, *workflowservice.DescribeNamespaceRequest,
) (*workflowservice.DescribeNamespaceResponse, error) {
	if s.asked.Add(1) == 1 {
		return nil, serviceerror.ToStatus(serviceerror.NewNamespaceNotFound(namespace)).Err()
	}
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func TestTheWorkerWaitsForItsNamespace(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	temporal := grpc.NewServer()
	behind := &server{}
	workflowservice.RegisterWorkflowServiceServer(temporal, behind)
	go func() { _ = temporal.Serve(listener) }()
	defer temporal.Stop()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: listener.Addr().String(), Namespace: namespace})
	require.NoError(t, err)
	defer c.Close()
	w, err := startOnceNamespaceIsKnown(t.Context(), func() worker.Worker {
		w := worker.New(c, taskQueue, worker.Options{})
		w.RegisterWorkflow(backing.Instrumental)
		return w
	})
	require.NoError(t, err)
	w.Stop()
	require.Greater(t, behind.asked.Load(), int32(1), "it was refused before")
}
