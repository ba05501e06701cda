package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc"

	"stemflow/internal/config"
	"stemflow/internal/telemetry"
)

// dialTimeout is how long a person waits to learn that Temporal is not there.
const dialTimeout = 10 * time.Second

// dial connects to Temporal.
func dial(ctx context.Context) (client.Client, error) {
	options, err := config.Temporal()
	traces, tracesErr := config.LoadTracing(os.LookupEnv)
	if err := errors.Join(err, tracesErr); err != nil {
		return nil, configurationError(err)
	}
	// What the client has to say reaches the user as an error.
	options.Logger = log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	tracing, err := telemetry.NewTracing(ctx, "stemflow-starter", traces)
	if err != nil {
		return nil, configurationError(err)
	}
	tracing.Join(&options)
	options.ConnectionOptions.DialOptions = append(
		options.ConnectionOptions.DialOptions,
		grpc.WithChainUnaryInterceptor(noteStarted),
	)

	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, temporalFailure("Temporal at "+options.HostPort+" cannot be reached", err)
	}
	return tracedClient{c, tracing}, nil
}

// tracedClient exports what it traced when it is closed.
type tracedClient struct {
	client.Client
	tracing *telemetry.Tracing
}

func (c tracedClient) Close() {
	c.Client.Close()
	c.tracing.Close()
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
