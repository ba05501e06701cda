package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/config"
	"stemflow/starter/internal/observe"
)

func (d *doctor) temporalChecks() []check {
	namespace := []string{"namespace"}
	return []check{
		{name: "temporal", limit: request, run: d.checkTemporal},
		{name: "namespace", needs: []string{"temporal"}, limit: request, run: d.checkNamespace},
		{name: "codec", limit: request, run: d.checkCodec},
		{name: "search-attributes", needs: namespace, limit: request, run: d.checkSearchAttributes},
		{name: "workers", needs: namespace, limit: several, run: d.checkWorkers},
		{name: "paid-queue", needs: namespace, limit: request, run: d.checkPaidQueue},
		{name: "nexus", needs: namespace, limit: request, run: d.checkNexus},
	}
}

const reachTemporal = "check TEMPORAL_ADDRESS (or --address, or the profile), that Temporal runs, and TEMPORAL_TLS: " +
	"a server " +
	"with TLS does not answer without it, nor one without TLS with it"

func (d *doctor) checkTemporal(ctx context.Context, r *Result) {
	t, err := observe.Connect(ctx, d.Server)
	if wrong, ok := errors.AsType[*observe.ConfigurationError](err); ok {
		r.fail(wrong.Error(), "correct what the message names")
		return
	}
	if err != nil {
		r.fail(err.Error(), reachTemporal)
		return
	}
	d.temporal = t
	r.ok("%s answers", t.Address)
	info, err := t.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err == nil && info.GetServerVersion() != "" {
		r.ok("%s answers, server %s", t.Address, info.GetServerVersion())
	}
}

// options are those of a client. Where they are wrong, checkTemporal says so.
func (d *doctor) options() (client.Options, error) {
	return config.TemporalAt(d.Server.Address, d.Server.Namespace, d.Server.Profile)
}

func (d *doctor) namespace() string {
	options, err := d.options()
	if err != nil {
		return client.DefaultNamespace
	}
	return options.Namespace
}

func (d *doctor) checkNamespace(ctx context.Context, r *Result) {
	name := d.namespace()
	answer, err := d.temporal.WorkflowService().DescribeNamespace(
		ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
	if _, ok := errors.AsType[*serviceerror.NamespaceNotFound](err); ok {
		r.fail(fmt.Sprintf("Temporal has no namespace %q", name), "make it (temporal operator namespace create "+
			"--namespace "+
			name+"), or correct TEMPORAL_NAMESPACE")
		return
	}
	if _, ok := errors.AsType[*serviceerror.PermissionDenied](err); ok {
		r.fail(fmt.Sprintf("the namespace %q: %v", name, err),
			"give TEMPORAL_API_KEY, or the client certificate, the right to use it, and correct TEMPORAL_NAMESPACE")
		return
	}
	if err != nil {
		r.fail(fmt.Sprintf("the namespace %q: %v", name, err), reachTemporal)
		return
	}
	r.ok("%s", name)
	if state := answer.GetNamespaceInfo().GetState(); state != enumspb.NAMESPACE_STATE_REGISTERED &&
		state != enumspb.NAMESPACE_STATE_UNSPECIFIED {
		r.fail(fmt.Sprintf("the namespace %q is %s", name, strings.ToLower(state.String())),
			"use another one (TEMPORAL_NAMESPACE)")
	}
	retention := answer.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	if retention > 0 {
		r.ok("%s, which keeps runs for %s", name, days(retention))
	}
}

func days(d time.Duration) string {
	if day := 24 * time.Hour; d > day && d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return stemflow.Duration(d).String()
}

// checkCodec has the codec server encode a text, and decode it again.
func (d *doctor) checkCodec(_ context.Context, r *Result) {
	options, err := d.options()
	if err != nil {
		r.skip("the client's configuration is wrong, which the check temporal reports")
		return
	}
	if options.DataConverter == nil {
		r.skip("TEMPORAL_CODEC_ENDPOINT is not set: the namespace is not encrypted")
		return
	}
	const text = "stemflow doctor"
	remedy := "check TEMPORAL_CODEC_ENDPOINT and TEMPORAL_CODEC_AUTH, and that the codec server runs: without it no " +
		"run of " +
		"an encrypted namespace goes on"
	payload, err := options.DataConverter.ToPayload(text)
	if err != nil {
		r.fail("the codec server does not encode: "+err.Error(), remedy)
		return
	}
	var decoded string
	if err := options.DataConverter.FromPayload(payload, &decoded); err != nil {
		r.fail("the codec server does not decode what it has encoded: "+err.Error(), remedy)
		return
	}
	r.ok("the codec server encodes and decodes")
	if decoded != text {
		r.fail("the codec server decodes something else than it has encoded", "look at the codec server")
	}
	if isPlain(payload, text) {
		r.warn("the codec server does not encrypt: what it encodes can be read", "look at the codec server, or leave "+
			"TEMPORAL_CODEC_ENDPOINT out where nothing is to be encrypted")
	}
}

func isPlain(p *commonpb.Payload, text string) bool {
	return strings.Contains(string(p.GetData()), text)
}

func (d *doctor) checkSearchAttributes(ctx context.Context, r *Result) {
	answer, err := d.temporal.OperatorService().ListSearchAttributes(
		ctx, &operatorservice.ListSearchAttributesRequest{Namespace: d.namespace()})
	if err != nil {
		r.skip("the server does not list them to this client: %v", err)
		return
	}
	var missing, wrong []string
	for _, name := range stemflow.SearchAttributes() {
		kind, found := answer.GetCustomAttributes()[name]
		switch {
		case !found:
			missing = append(missing, name)
		case kind != enumspb.INDEXED_VALUE_TYPE_KEYWORD:
			wrong = append(wrong, name)
		}
	}
	r.ok("all %d are registered", len(stemflow.SearchAttributes()))
	if len(missing) > 0 {
		r.Summary = ""
		command := "temporal operator search-attribute create --namespace " + d.namespace()
		for _, name := range missing {
			command += " --name " + name + " --type Keyword"
		}
		r.warn("not registered: "+strings.Join(missing, ", ")+". Runs work without them, and cannot be found by "+
			"their track",
			command)
	}
	if len(wrong) > 0 {
		r.Summary = ""
		r.warn("registered with another type than Keyword, so they are not set: "+strings.Join(wrong, ", "),
			"remove them (temporal operator search-attribute remove), and create them with --type Keyword")
	}
}

// checkNexus names the endpoints that lead to the task queue. They are optional.
func (d *doctor) checkNexus(ctx context.Context, r *Result) {
	queue := d.Survey.Starter.TaskQueue
	var token []byte
	var others []string
	for {
		answer, err := d.temporal.OperatorService().ListNexusEndpoints(
			ctx, &operatorservice.ListNexusEndpointsRequest{PageSize: 100, NextPageToken: token})
		if err != nil {
			r.skip("the server does not list Nexus endpoints to this client")
			return
		}
		for _, endpoint := range answer.GetEndpoints() {
			target := endpoint.GetSpec().GetTarget().GetWorker()
			if target.GetNamespace() != d.namespace() {
				continue
			}
			if target.GetTaskQueue() == queue {
				r.ok("there are endpoints. Whether a server of your own is set up for them no client can see " +
					"(docs/self-hosted.md)")
				r.fact("%s leads to the task queue %s", endpoint.GetSpec().GetName(), queue)
			} else {
				others = append(others, endpoint.GetSpec().GetName()+" ("+target.GetTaskQueue()+")")
			}
		}
		if token = answer.GetNextPageToken(); len(token) == 0 {
			break
		}
	}
	if r.Status != OK {
		r.skip("no endpoint leads to the task queue %s; callers from other namespaces need one", queue)
	}
	if len(others) > 0 {
		r.fact("endpoints of this namespace that lead to other task queues: %s", strings.Join(others, ", "))
	}
}
