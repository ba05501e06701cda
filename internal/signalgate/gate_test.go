package signalgate_test

import (
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"stemflow"
	"stemflow/callbackbridge"
	"stemflow/internal/activityapi"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/signalgate"
)

func TestMain(m *testing.M) { os.Exit(serverstest.Run(m)) }

const namespace = "music"

// frontend plays Temporal: it takes every call, and remembers it.
type frontend struct {
	mu    sync.Mutex
	calls []call
}

type call struct {
	method string
	key    []string
	in     proto.Message
}

// start serves frontend and a gate before it, whose client has an API key, and returns a connection
// to the gate.
func (f *frontend) start(t *testing.T) *grpc.ClientConn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer(grpc.UnknownServiceHandler(f.take))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	temporal, err := client.NewLazyClient(client.Options{
		HostPort: listener.Addr().String(), Namespace: namespace,
		Credentials:       client.NewAPIKeyStaticCredentials("the-key"),
		ConnectionOptions: client.ConnectionOptions{TLSDisabled: true},
	})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	conn, err := grpc.NewClient(
		startGate(t, temporal, namespace), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

func startGate(t *testing.T, temporal client.Client, namespaces ...string) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gate := signalgate.New(temporal, namespaces)
	go func() { _ = gate.Serve(listener) }()
	t.Cleanup(gate.Stop)
	return listener.Addr().String()
}

func (f *frontend) take(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	var in proto.Message = &emptypb.Empty{}
	switch method {
	case workflowservice.WorkflowService_SignalWorkflowExecution_FullMethodName:
		in = &workflowservice.SignalWorkflowExecutionRequest{}
	case workflowservice.WorkflowService_SignalWithStartWorkflowExecution_FullMethodName:
		in = &workflowservice.SignalWithStartWorkflowExecutionRequest{}
	}
	if err := stream.RecvMsg(in); err != nil {
		return err
	}
	incoming, _ := metadata.FromIncomingContext(stream.Context())
	f.mu.Lock()
	f.calls = append(f.calls, call{method, incoming.Get("authorization"), in})
	f.mu.Unlock()
	return stream.SendMsg(&emptypb.Empty{})
}

func payloads(text string) *commonpb.Payloads {
	return &commonpb.Payloads{Payloads: []*commonpb.Payload{{Data: []byte(text)}}}
}

func header() *commonpb.Header {
	return &commonpb.Header{Fields: map[string]*commonpb.Payload{"_tracer-data": {Data: []byte("trace")}}}
}

func signalRequest(
	change func(*workflowservice.SignalWorkflowExecutionRequest),
) *workflowservice.SignalWorkflowExecutionRequest {
	in := &workflowservice.SignalWorkflowExecutionRequest{
		Namespace: namespace, SignalName: stemflow.SignalSeparationCallback, RequestId: "r", Identity: "bridge",
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: "stems:5c79"},
		Input:             payloads("callback"), Header: header(),
	}
	change(in)
	return in
}

func recordRequest(
	change func(*workflowservice.SignalWithStartWorkflowExecutionRequest),
) *workflowservice.SignalWithStartWorkflowExecutionRequest {
	in := &workflowservice.SignalWithStartWorkflowExecutionRequest{
		Namespace: namespace, SignalName: stemflow.SignalSeparationCallback, RequestId: "r", Identity: "bridge",
		WorkflowId:            activityapi.RecordCallbackWorkflowID("01a20ac5"),
		WorkflowType:          &commonpb.WorkflowType{Name: activityapi.WorkflowRecordCallback},
		TaskQueue:             &taskqueuepb.TaskQueue{Name: "stemflow"},
		Input:                 payloads("owner"),
		SignalInput:           payloads("callback"),
		Header:                header(),
		UserMetadata:          &sdkpb.UserMetadata{Summary: &commonpb.Payload{Data: []byte("summary")}},
		WorkflowIdReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
	}
	change(in)
	return in
}

func TestCallbacksPassWithTheGatesKey(t *testing.T) {
	f := &frontend{}
	conn := f.start(t)
	service := workflowservice.NewWorkflowServiceClient(conn)
	signal := signalRequest(func(*workflowservice.SignalWorkflowExecutionRequest) {})
	_, err := service.SignalWorkflowExecution(t.Context(), signal)
	require.NoError(t, err)
	record := recordRequest(func(*workflowservice.SignalWithStartWorkflowExecutionRequest) {})
	_, err = service.SignalWithStartWorkflowExecution(t.Context(), record)
	require.NoError(t, err)
	require.Len(t, f.calls, 2)
	require.True(t, proto.Equal(signal, f.calls[0].in), f.calls[0].in)
	require.True(t, proto.Equal(record, f.calls[1].in), f.calls[1].in)
	for _, c := range f.calls {
		require.Equal(t, []string{"Bearer the-key"}, c.key)
	}
}

func TestWhatIsNoCallbackIsRefused(t *testing.T) {
	f := &frontend{}
	service := workflowservice.NewWorkflowServiceClient(f.start(t))
	type signal = workflowservice.SignalWorkflowExecutionRequest
	for name, change := range map[string]func(*signal){
		"another signal":         func(in *signal) { in.SignalName = "pause" },
		"another namespace":      func(in *signal) { in.Namespace = "payroll" },
		"no namespace":           func(in *signal) { in.Namespace = "" },
		"namespace's other case": func(in *signal) { in.Namespace = "Music" },
	} {
		_, err := service.SignalWorkflowExecution(t.Context(), signalRequest(change))
		require.Equal(t, codes.PermissionDenied, status.Code(err), name)
	}
	type start = workflowservice.SignalWithStartWorkflowExecutionRequest
	for name, change := range map[string]func(*start){
		"a paid workflow":   func(in *start) { in.WorkflowType.Name = stemflow.WorkflowSeparateStems },
		"no workflow":       func(in *start) { in.WorkflowType = nil },
		"another id":        func(in *start) { in.WorkflowId = "stems:5c79" },
		"another signal":    func(in *start) { in.SignalName = "pause" },
		"another namespace": func(in *start) { in.Namespace = "payroll" },
	} {
		_, err := service.SignalWithStartWorkflowExecution(t.Context(), recordRequest(change))
		require.Equal(t, codes.PermissionDenied, status.Code(err), name)
	}
	require.Empty(t, f.calls)
}

func TestOtherFieldsDoNotPass(t *testing.T) {
	f := &frontend{}
	service := workflowservice.NewWorkflowServiceClient(f.start(t))
	_, err := service.SignalWithStartWorkflowExecution(t.Context(), recordRequest(
		func(in *workflowservice.SignalWithStartWorkflowExecutionRequest) {
			in.WorkflowIdReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
			in.WorkflowIdConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
			in.CronSchedule = "* * * * *"
			in.RetryPolicy = &commonpb.RetryPolicy{MaximumAttempts: 1000}
			in.WorkflowStartDelay = durationpb.New(1)
		}))
	require.NoError(t, err)
	want := recordRequest(func(*workflowservice.SignalWithStartWorkflowExecutionRequest) {})
	require.True(t, proto.Equal(want, f.calls[0].in), f.calls[0].in)
}

// A method that Temporal adds is refused until somebody decides otherwise.
func TestEveryOtherMethodIsRefused(t *testing.T) {
	f := &frontend{}
	conn := f.start(t)
	passes := map[string]bool{}
	for _, method := range workflowservice.WorkflowService_ServiceDesc.Methods {
		full := "/" + workflowservice.WorkflowService_ServiceDesc.ServiceName + "/" + method.MethodName
		err := conn.Invoke(t.Context(), full, &emptypb.Empty{}, &emptypb.Empty{})
		if status.Code(err) != codes.Unimplemented {
			passes[method.MethodName] = true
		}
	}
	require.ElementsMatch(t,
		[]string{"GetSystemInfo", "SignalWorkflowExecution", "SignalWithStartWorkflowExecution"},
		slices.Collect(maps.Keys(passes)))
	for _, method := range []string{
		"/temporal.api.operatorservice.v1.OperatorService/DeleteNamespace",
		"/temporal.server.api.adminservice.v1.AdminService/DescribeCluster",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	} {
		err := conn.Invoke(t.Context(), method, &emptypb.Empty{}, &emptypb.Empty{})
		require.Equal(t, codes.Unimplemented, status.Code(err), method)
	}
	for _, c := range f.calls {
		require.Equal(t, workflowservice.WorkflowService_GetSystemInfo_FullMethodName, c.method)
	}
}

func TestGateIsNoHealthierThanTemporal(t *testing.T) {
	conn := (&frontend{}).start(t) // it does not answer that it serves
	_, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.ErrorContains(t, err, "Temporal cannot be reached: ")
}

// With the bridge's own client, and a real Temporal behind the gate.
func TestBridgeDeliversThroughTheGate(t *testing.T) {
	address := serverstest.Temporal(t).Addr
	temporal, err := client.Dial(client.Options{HostPort: address})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	options := client.Options{HostPort: startGate(t, temporal, client.DefaultNamespace)}
	bridge, err := client.NewLazyClient(options)
	require.NoError(t, err)
	t.Cleanup(bridge.Close)
	signaler := callbackbridge.NewSignaler(bridge, options)
	t.Cleanup(signaler.Close)

	_, err = bridge.CheckHealth(t.Context(), &client.CheckHealthRequest{})
	require.NoError(t, err)
	callback := stemflow.Callback{}
	ctx := t.Context()
	err = signaler.SignalWorkflow(ctx, "", "stems:gone", stemflow.SignalSeparationCallback, callback)
	require.Error(t, err, "no namespace is named")
	err = signaler.SignalWorkflow(
		ctx, client.DefaultNamespace, "stems:gone", stemflow.SignalSeparationCallback, callback)
	require.ErrorAs(t, err, new(*serviceerror.NotFound), "the bridge learns that the run is over")

	// What the bridge is for: a run hears its callback.
	run, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "stems:open", TaskQueue: "nobody"}, "Any")
	require.NoError(t, err)
	require.NoError(t, signaler.SignalWorkflow(
		ctx, client.DefaultNamespace, run.GetID(), stemflow.SignalSeparationCallback, callback))
	require.NoError(t, signaler.RecordCallback(
		ctx, client.DefaultNamespace, "nobody", activityapi.RecordCallbackInput{Owner: "gone"}, callback))
	for _, id := range []string{"stems:open", activityapi.RecordCallbackWorkflowID("gone")} {
		found := false
		history := temporal.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			event, err := history.Next()
			require.NoError(t, err)
			found = found || event.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
		}
		require.True(t, found, id)
	}

	start := client.StartWorkflowOptions{TaskQueue: "nobody"}
	_, err = bridge.ExecuteWorkflow(ctx, start, stemflow.WorkflowSeparateStems)
	require.Error(t, err, "a start is no callback")
	require.Error(t, bridge.TerminateWorkflow(ctx, "stems:open", "", "no reason"))
	_, err = bridge.DescribeWorkflow(ctx, "stems:open", "")
	require.Error(t, err)
}

// Temporal ends a run whose history is full, and what it has paid for would wait for a person.
func TestAFloodOfSignalsEndsNoRun(t *testing.T) {
	address := serverstest.Temporal(t).Addr
	temporal, err := client.Dial(client.Options{HostPort: address})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	conn, err := grpc.NewClient(
		startGate(t, temporal, client.DefaultNamespace), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	service := workflowservice.NewWorkflowServiceClient(conn)
	ctx := t.Context()
	options := client.StartWorkflowOptions{ID: "stems:flood", TaskQueue: "nobody"}
	run, err := temporal.ExecuteWorkflow(ctx, options, "Any")
	require.NoError(t, err)
	refused := 0
	for i := range 60 {
		large := signalRequest(func(in *workflowservice.SignalWorkflowExecutionRequest) {
			in.Namespace, in.WorkflowExecution.WorkflowId = client.DefaultNamespace, run.GetID()
			in.RequestId = fmt.Sprint(i)
			in.Input.Payloads[0].Data = make([]byte, 1_000_000)
		})
		_, err := service.SignalWorkflowExecution(ctx, large)
		if status.Code(err) == codes.ResourceExhausted {
			refused++
		} else {
			require.NoError(t, err)
		}
	}
	found, err := temporal.DescribeWorkflow(ctx, run.GetID(), "")
	require.NoError(t, err)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, found.Status)
	require.Positive(t, refused)

	callback := signalRequest(func(in *workflowservice.SignalWorkflowExecutionRequest) {
		in.Namespace, in.WorkflowExecution.WorkflowId = client.DefaultNamespace, "stems:open-too"
	})
	options.ID = "stems:open-too"
	_, err = temporal.ExecuteWorkflow(ctx, options, "Any")
	require.NoError(t, err)
	_, err = service.SignalWorkflowExecution(ctx, callback)
	require.NoError(t, err, "other runs hear theirs")
}
