package callbackbridge

import (
	"context"
	"sync"

	"go.temporal.io/sdk/client"
)

// Signaler sends a signal to the workflow's latest run and returns once Temporal has accepted it. A *serviceerror.NotFound says
// that no such run is open.
type Signaler interface {
	SignalWorkflow(ctx context.Context, namespace, workflowID, signal string, arg any) error
}

// ClientSignaler is the [Signaler] of a Temporal client. It reaches other namespaces over the client's connection.
type ClientSignaler struct {
	home    client.Client
	options client.Options
	// others are the clients of other namespaces by name. Their number is small: only a token signed by us names one.
	others sync.Map
}

// NewSignaler takes a client and the options that it was made with.
func NewSignaler(c client.Client, options client.Options) *ClientSignaler {
	if options.Namespace == "" {
		options.Namespace = client.DefaultNamespace
	}
	return &ClientSignaler{home: c, options: options}
}

// SignalWorkflow implements [Signaler].
func (s *ClientSignaler) SignalWorkflow(ctx context.Context, namespace, workflowID, signal string, arg any) error {
	c, err := s.client(ctx, namespace)
	if err != nil {
		return err
	}
	return c.SignalWorkflow(ctx, workflowID, "", signal, arg)
}

func (s *ClientSignaler) client(ctx context.Context, namespace string) (client.Client, error) {
	if namespace == s.options.Namespace {
		return s.home, nil
	}
	if c, known := s.others.Load(namespace); known {
		return c.(client.Client), nil
	}
	options := s.options
	options.Namespace = namespace
	made, err := client.NewClientFromExistingWithContext(ctx, s.home, options)
	if err != nil {
		return nil, err
	}
	c, raced := s.others.LoadOrStore(namespace, made)
	if raced {
		made.Close()
	}
	return c.(client.Client), nil
}

// Close lets go of the clients that were made here. The client given stays open.
func (s *ClientSignaler) Close() {
	s.others.Range(func(namespace, c any) bool {
		s.others.Delete(namespace)
		c.(client.Client).Close()
		return true
	})
}
