package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	nexuspb "go.temporal.io/api/nexus/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/types/known/durationpb"

	"stemflow/examples/nexuscaller/backing"
)

// prepare makes what an operator makes once: the caller's namespace, and the endpoint that leads to
// stemflow's namespace and task queue. What is there is left as it is.
func prepare(ctx context.Context, options client.Options, stemsTaskQueue string) error {
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return fmt.Errorf("cannot reach Temporal, run \"go run ./localstack\" or set TEMPORAL_ADDRESS: %w", err)
	}
	defer c.Close()

	_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace:                        namespace,
		WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	var namespaceExists *serviceerror.NamespaceAlreadyExists
	switch {
	case err == nil:
		log.Printf("Created namespace %s.", namespace)
	case !errors.As(err, &namespaceExists):
		return fmt.Errorf("create namespace %s: %w", namespace, err)
	}

	_, err = c.OperatorService().CreateNexusEndpoint(ctx, &operatorservice.CreateNexusEndpointRequest{
		Spec: &nexuspb.EndpointSpec{
			Name: backing.Endpoint,
			Target: &nexuspb.EndpointTarget{Variant: &nexuspb.EndpointTarget_Worker_{
				Worker: &nexuspb.EndpointTarget_Worker{
					Namespace: cmp.Or(options.Namespace, client.DefaultNamespace),
					TaskQueue: stemsTaskQueue,
				},
			}},
		},
	})
	var endpointExists *serviceerror.AlreadyExists
	switch {
	case err == nil:
		log.Printf("Created Nexus endpoint %s.", backing.Endpoint)
	case !errors.As(err, &endpointExists):
		return fmt.Errorf("create Nexus endpoint %s: %w", backing.Endpoint, err)
	}
	return nil
}

// startOnceNamespaceIsKnown starts a worker. Temporal's servers learn of a new namespace after some
// seconds, and refuse it until then. A worker that was refused stays so: another one is made.
func startOnceNamespaceIsKnown(ctx context.Context, newWorker func() worker.Worker) (worker.Worker, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		w := newWorker()
		err := w.Start()
		var notFound *serviceerror.NamespaceNotFound
		if !errors.As(err, &notFound) {
			return w, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(time.Second):
		}
	}
}
