// Package signalgate is a proxy between the callback bridge and Temporal. Temporal's own roles
// allow far more than the bridge needs. Behind the gate the bridge has no Temporal credentials, and
// can only deliver callbacks.
package signalgate

import (
	"context"
	"errors"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"stemflow"
	"stemflow/internal/activityapi"
)

// New returns a server that passes three calls on to Temporal, in the named namespaces only:
// signalling a run with a callback, starting the workflow that records a callback after its run,
// and asking for the server's capabilities. It also reports Temporal's health. It refuses every
// other call.
func New(temporal client.Client, namespaces []string) *grpc.Server {
	server := grpc.NewServer(
		grpc.UnaryInterceptor(withStatus),
		grpc.MaxRecvMsgSize(maxRequest),
		// Temporal's clients send a ping each 30 s, on idle connections too.
		grpc.KeepaliveEnforcementPolicy(
			keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		// New connections find gates that were started since.
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 5 * time.Minute}),
	)
	g := &gate{temporal: temporal, namespaces: map[string]bool{}, flood: newFlood()}
	for _, namespace := range namespaces {
		g.namespaces[namespace] = true
	}
	workflowservice.RegisterWorkflowServiceServer(server, g)
	grpc_health_v1.RegisterHealthServer(server, &health{temporal: temporal})
	return server
}

// maxRequest is more than any callback needs: the bridge bounds them at 256 KiB.
const maxRequest = 1 << 20

// gate refuses what it does not implement.
type gate struct {
	workflowservice.UnimplementedWorkflowServiceServer
	temporal   client.Client
	namespaces map[string]bool
	flood      *flood
}

func (g *gate) GetSystemInfo(
	ctx context.Context, _ *workflowservice.GetSystemInfoRequest,
) (*workflowservice.GetSystemInfoResponse, error) {
	return g.temporal.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
}

// SignalWorkflowExecution passes on what a callback needs, and no other field.
func (g *gate) SignalWorkflowExecution(
	ctx context.Context, in *workflowservice.SignalWorkflowExecutionRequest,
) (*workflowservice.SignalWorkflowExecutionResponse, error) {
	if err := g.check(in.GetNamespace(), in.GetSignalName()); err != nil {
		return nil, err
	}
	passed := &workflowservice.SignalWorkflowExecutionRequest{
		Namespace: in.GetNamespace(), WorkflowExecution: in.GetWorkflowExecution(),
		SignalName: in.GetSignalName(), Input: in.GetInput(), Header: in.GetHeader(),
		Identity: in.GetIdentity(), RequestId: in.GetRequestId(),
	}
	workflow := keyOf(in.GetNamespace(), in.GetWorkflowExecution().GetWorkflowId())
	pass := func() (*workflowservice.SignalWorkflowExecutionResponse, error) {
		return g.temporal.WorkflowService().SignalWorkflowExecution(ctx, passed)
	}
	return bounded(g.flood, workflow, passed, pass)
}

// bounded passes a signal on that its workflow has room for.
func bounded[R any](f *flood, workflow workflowKey, signal proto.Message, pass func() (R, error)) (out R, err error) {
	size := proto.Size(signal)
	if !f.take(workflow, size) {
		return out, status.Error(codes.ResourceExhausted, "the run was signalled too much, try again later")
	}
	out, err = pass()
	// After any other error Temporal may have the signal: a caller may have hung up to have it so.
	_, isUnknown := errors.AsType[*serviceerror.NotFound](err)
	if _, isInvalid := errors.AsType[*serviceerror.InvalidArgument](err); isUnknown || isInvalid {
		f.giveBack(workflow, size)
	}
	return out, err
}

// SignalWithStartWorkflowExecution passes on what the recording of a callback needs, and no other
// field. The gate decides which runs may be replaced, not the caller.
func (g *gate) SignalWithStartWorkflowExecution(
	ctx context.Context, in *workflowservice.SignalWithStartWorkflowExecutionRequest,
) (*workflowservice.SignalWithStartWorkflowExecutionResponse, error) {
	if err := g.check(in.GetNamespace(), in.GetSignalName()); err != nil {
		return nil, err
	}
	if in.GetWorkflowType().GetName() != activityapi.WorkflowRecordCallback ||
		!strings.HasPrefix(in.GetWorkflowId(), activityapi.RecordCallbackWorkflowID("")) {
		return nil, status.Errorf(codes.PermissionDenied, "only %s may be started, as %s",
			activityapi.WorkflowRecordCallback, activityapi.RecordCallbackWorkflowID("..."))
	}
	passed := &workflowservice.SignalWithStartWorkflowExecutionRequest{
		Namespace: in.GetNamespace(), WorkflowId: in.GetWorkflowId(), WorkflowType: in.GetWorkflowType(),
		TaskQueue: in.GetTaskQueue(), Input: in.GetInput(),
		SignalName: in.GetSignalName(), SignalInput: in.GetSignalInput(), Header: in.GetHeader(),
		Identity: in.GetIdentity(), RequestId: in.GetRequestId(), UserMetadata: in.GetUserMetadata(),
		WorkflowIdReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
	}
	workflow := keyOf(in.GetNamespace(), in.GetWorkflowId())
	pass := func() (*workflowservice.SignalWithStartWorkflowExecutionResponse, error) {
		return g.temporal.WorkflowService().SignalWithStartWorkflowExecution(ctx, passed)
	}
	return bounded(g.flood, workflow, passed, pass)
}

func (g *gate) check(namespace, signal string) error {
	if !g.namespaces[namespace] {
		return status.Errorf(codes.PermissionDenied, "the namespace is not one of -namespaces of signalgate")
	}
	if signal != stemflow.SignalSeparationCallback {
		return status.Errorf(
			codes.PermissionDenied, "only the signal %s may be sent", stemflow.SignalSeparationCallback)
	}
	return nil
}

// withStatus gives callers the errors that Temporal gave: its client has made other types of them.
func withStatus(ctx context.Context, in any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	out, err := handler(ctx, in)
	if err != nil {
		return nil, serviceerror.ToStatus(err).Err()
	}
	return out, nil
}

// health is Temporal's, whichever service is asked for.
type health struct {
	grpc_health_v1.UnimplementedHealthServer
	temporal client.Client
}

func (h *health) Check(
	ctx context.Context, _ *grpc_health_v1.HealthCheckRequest,
) (*grpc_health_v1.HealthCheckResponse, error) {
	if _, err := h.temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return nil, status.Errorf(codes.Unavailable, "Temporal cannot be reached: %v", err)
	}
	return &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}, nil
}
