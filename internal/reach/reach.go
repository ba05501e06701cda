// Package reach waits for a Temporal server that cannot be reached: when a program starts, and
// while it waits for a run.
package reach

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

const (
	// oneTry bounds one look at the server.
	oneTry = 10 * time.Second
	// The pauses between two tries double, from the first to the longest.
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// Server is where a client leads.
type Server struct {
	Address, Namespace string
}

// Temporal waits until the server answers for the namespace, and logs each try that fails. It fails
// at once with what no waiting mends: a namespace that is not there, a client that has no right to
// it, and TLS that one of both sides does not accept. When ctx ends it fails with the cause.
//
// Tell, unless it is nil, is told each time why the server cannot be reached.
func Temporal(ctx context.Context, c client.Client, server Server, tell func(error)) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := look(ctx, c, server)
		switch {
		case err == nil && try > 1:
			slog.Info("Temporal is reached", "address", server.Address, "namespace", server.Namespace, "try", try)
			return nil
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		if remedy := remedyFor(err, server); remedy != "" {
			return fmt.Errorf("cannot use Temporal at %s: %w: %s", server.Address, err, remedy)
		}
		if tell != nil {
			tell(err)
		}
		slog.Warn("Temporal cannot be reached and is tried again: check TEMPORAL_ADDRESS, and that the server runs",
			"address", server.Address, "namespace", server.Namespace, "error", err, "try", try,
			"nextTryIn", pause.String())
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		pause = min(2*pause, longestPause)
	}
}

func look(ctx context.Context, c client.Client, server Server) error {
	ctx, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{
		Namespace: server.Namespace,
	})
	return err
}

// remedyFor is what to do about an error that waiting does not mend; empty: wait.
func remedyFor(err error, server Server) string {
	if _, ok := errors.AsType[*serviceerror.NamespaceNotFound](err); ok {
		return noNamespace(server)
	}
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return noNamespace(server)
	}
	if _, ok := errors.AsType[*serviceerror.PermissionDenied](err); ok {
		return "check TEMPORAL_API_KEY or the client's certificate, and its rights to the namespace " + server.Namespace
	}
	if _, ok := errors.AsType[*serviceerror.InvalidArgument](err); ok {
		return "check TEMPORAL_NAMESPACE"
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "Request unauthorized") || strings.Contains(text, "code = Unauthenticated"):
		return "check TEMPORAL_API_KEY or the client's certificate"
	case strings.Contains(text, "has expired or is not yet valid"):
		return "" // it is renewed, or the clock is set
	case strings.Contains(text, "first record does not look like a TLS handshake"):
		return "the server does not speak TLS, set TEMPORAL_TLS=false"
	case strings.Contains(text, "x509: ") || strings.Contains(text, "tls: failed to verify certificate"):
		return "name the server's certificate authority with TEMPORAL_TLS_SERVER_CA_CERT_PATH, and its host name " +
			"with TEMPORAL_TLS_SERVER_NAME unless TEMPORAL_ADDRESS has it"
	case strings.Contains(text, "remote error: tls: "):
		return "the server does not accept the client's certificate: check TEMPORAL_TLS_CLIENT_CERT_PATH and " +
			"TEMPORAL_TLS_CLIENT_KEY_PATH"
	}
	return ""
}

func noNamespace(server Server) string {
	return fmt.Sprintf("check TEMPORAL_NAMESPACE, or create the namespace: temporal operator namespace create %s "+
		"--address %s", server.Namespace, server.Address)
}
