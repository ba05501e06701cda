package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"

	"stemflow/internal/codec"
	"stemflow/internal/config"
	"stemflow/internal/outcome"
	"stemflow/internal/telemetry"
	"stemflow/starter/internal/limit"
)

const (
	// dialTimeout is how long a person waits to learn that Temporal is not there.
	dialTimeout = 10 * time.Second
	// RequestTimeout bounds a request that a command depends on. A server is there by then, and may
	// be busy.
	RequestTimeout = 30 * time.Second
)

// Server says which Temporal is meant, where that is not what the environment and its profile say.
type Server struct{ Address, Namespace, Profile string }

// ConfigurationError is an error of what says how Temporal is reached.
type ConfigurationError struct{ Err error }

func (e *ConfigurationError) Error() string { return e.Err.Error() }

func (e *ConfigurationError) Unwrap() error { return e.Err }

// Temporal is a connection. It exports what it traced when it is closed. In an encrypted namespace
// it decodes the descriptions of runs, which the SDK hands on as they are.
type Temporal struct {
	client.Client
	// Address is where it leads.
	Address string
	tracing *telemetry.Tracing
	// data is nil in a namespace that is not encrypted.
	data converter.DataConverter
}

// Connect connects to Temporal. The error is a [*ConfigurationError], or says that it is not
// reached.
func Connect(ctx context.Context, server Server) (*Temporal, error) {
	options, err := config.TemporalAt(server.Address, server.Namespace, server.Profile)
	traces, tracesErr := config.LoadTracing(os.LookupEnv)
	if err := errors.Join(err, tracesErr); err != nil {
		return nil, &ConfigurationError{err}
	}
	// What the client has to say reaches the user as an error.
	options.Logger = log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	tracing, err := telemetry.NewTracing(ctx, "stemflow-starter", traces)
	if err != nil {
		return nil, &ConfigurationError{err}
	}
	tracing.Join(&options)
	options.ConnectionOptions.DialOptions = append(
		options.ConnectionOptions.DialOptions,
		grpc.WithChainUnaryInterceptor(noteStarted),
	)
	// The limits of this package say better what was waited for.
	options.ConnectionOptions.GetSystemInfoTimeout, options.RPCTimeout = 2*dialTimeout, 2*RequestTimeout
	t := &Temporal{Address: options.HostPort, tracing: tracing, data: options.DataConverter}
	at := t.Address
	if _, _, err := net.SplitHostPort(at); err != nil && !strings.Contains(at, "/") {
		at += ` (which has no port, give "host:port")`
	}
	err = limit.Wait(ctx, dialTimeout, "connecting to Temporal at "+at, func(ctx context.Context) error {
		t.Client, err = client.DialContext(ctx, options)
		return err
	})
	if err != nil {
		tracing.Close()
		if _, ok := errors.AsType[*limit.Exceeded](err); ok {
			return nil, err
		}
		return nil, fmt.Errorf("Temporal at %s cannot be reached: %w", at, err) //nolint:staticcheck // a name
	}
	return t, nil
}

// Close exports what was traced.
func (t *Temporal) Close() {
	t.Client.Close()
	t.tracing.Close()
}

// DescribeWorkflow implements client.Client.
func (t *Temporal) DescribeWorkflow(
	ctx context.Context, workflowID, runID string,
) (*client.WorkflowExecutionDescription, error) {
	d, err := t.Client.DescribeWorkflow(ctx, workflowID, runID)
	if err == nil && t.data != nil {
		codec.DecodeDescription(t.data, d.RawResponse)
	}
	return d, err
}

// Describe describes a run that a command depends on; an empty runID is the latest.
func (t *Temporal) Describe(
	ctx context.Context, workflowID, runID string,
) (description *workflowservice.DescribeWorkflowExecutionResponse, err error) {
	doing := fmt.Sprintf("asking Temporal at %s about %s", t.Address, workflowID)
	err = limit.Wait(ctx, RequestTimeout, doing, func(ctx context.Context) error {
		answer, err := t.DescribeWorkflow(ctx, workflowID, runID)
		if err == nil {
			description = answer.RawResponse
		}
		return err
	})
	return description, err
}

// IsOpen reports whether a workflow has a run that has not ended.
func (t *Temporal) IsOpen(ctx context.Context, workflowID string) (bool, error) {
	description, err := t.Describe(ctx, workflowID, "")
	if IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return outcome.IsOpen(description.GetWorkflowExecutionInfo().GetStatus()), nil
}

// IsNotFound reports whether Temporal does not know what it was asked about.
func IsNotFound(err error) bool {
	_, ok := errors.AsType[*serviceerror.NotFound](err)
	return ok
}

// Start starts a workflow of stemflow's, or joins the run that has the id; started reports which.
func (t *Temporal) Start(
	ctx context.Context, options client.StartWorkflowOptions, workflow string, in any,
) (run client.WorkflowRun, started bool, err error) {
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	doing := fmt.Sprintf("asking Temporal at %s to start %s", t.Address, options.ID)
	err = limit.Wait(ctx, RequestTimeout, doing, func(ctx context.Context) error {
		run, err = t.ExecuteWorkflow(withStarted(ctx, &started), options, workflow, in)
		return err
	})
	return run, started, err
}

// Cancel asks a run to stop.
func (t *Temporal) Cancel(ctx context.Context, workflowID, runID string) error {
	doing := fmt.Sprintf("asking Temporal at %s to cancel %s", t.Address, workflowID)
	return limit.Wait(ctx, RequestTimeout, doing, func(ctx context.Context) error {
		return t.CancelWorkflow(ctx, workflowID, runID)
	})
}

type startedKey struct{}

// withStarted makes a context that notes whether the start of a workflow made a new run. With the
// conflict policy "use existing" only the server's answer says so, and the SDK does not pass it on.
func withStarted(ctx context.Context, started *bool) context.Context {
	return context.WithValue(ctx, startedKey{}, started)
}

func noteStarted(
	ctx context.Context,
	method string,
	request, reply any,
	conn *grpc.ClientConn,
	invoke grpc.UnaryInvoker,
	options ...grpc.CallOption,
) error {
	if err := invoke(ctx, method, request, reply, conn, options...); err != nil {
		return err
	}
	if started, ok := ctx.Value(startedKey{}).(*bool); ok {
		if response, ok := reply.(*workflowservice.StartWorkflowExecutionResponse); ok {
			*started = response.GetStarted()
		}
	}
	return nil
}

// IsRefusal reports whether an error is a workflow's own answer, and not trouble on the way to it.
func IsRefusal(err error) bool {
	_, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok
}
