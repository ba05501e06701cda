package callbackbridge

import (
	"context"
	"errors"
	"sync"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/activityapi"
)

// Signaler sends a signal to the workflow's latest run and returns once Temporal has accepted it. A
// *serviceerror.NotFound says that no such run is open.
type Signaler interface {
	SignalWorkflow(ctx context.Context, namespace, workflowID, signal string, arg any) error
}

// ClientSignaler is the [Signaler] of a Temporal client. It reaches other namespaces over the
// client's connection. With it, or with a Signaler that embeds it, the bridge also has callbacks
// recorded whose run is over.
type ClientSignaler struct {
	home    client.Client
	options client.Options
	// others are the clients of other namespaces by name. Their number is small: only a token
	// signed by us names one.
	others sync.Map
}

var (
	_ Signaler                     = (*ClientSignaler)(nil)
	_ activityapi.CallbackRecorder = (*ClientSignaler)(nil)
)

// NewSignaler makes a signaler of a client and the options that it was made with.
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

// RecordCallback has a callback recorded whose run is over; the bridge calls it. One workflow
// receives all callbacks for one owner: anyone who holds a token can name any number of
// separations. Once one of them was proved to be the owner's, no other is started.
func (s *ClientSignaler) RecordCallback(
	ctx context.Context, namespace, taskQueue string, in activityapi.RecordCallbackInput, callback stemflow.Callback,
) error {
	c, err := s.client(ctx, namespace)
	if err != nil {
		return err
	}
	options := client.StartWorkflowOptions{
		TaskQueue:             taskQueue,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		StaticSummary:         "record a callback for " + in.WorkflowID + ", whose run is over",
	}
	_, err = c.SignalWithStartWorkflow(ctx, activityapi.RecordCallbackWorkflowID(in.Owner),
		stemflow.SignalSeparationCallback, callback, options, activityapi.WorkflowRecordCallback, in)
	if _, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return nil
	}
	return err
}

func (s *ClientSignaler) client(ctx context.Context, namespace string) (client.Client, error) {
	if namespace == s.options.Namespace {
		return s.home, nil
	}
	if c, ok := s.others.Load(namespace); ok {
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

// Close closes the clients that were made here. The client given stays open.
func (s *ClientSignaler) Close() {
	s.others.Range(func(namespace, c any) bool {
		s.others.Delete(namespace)
		c.(client.Client).Close()
		return true
	})
}
