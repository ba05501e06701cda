// Package codec is the data converter of the programs for a namespace whose payloads a codec server
// encodes: the endpoint in the profile that Temporal's command line reads too.
package codec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

const (
	// attemptTimeout is how long a codec server may take: it computes, and does little else.
	attemptTimeout = 3 * time.Second
	// retryFor is how long one that does not answer is tried again, pauseFirst the first pause,
	// which doubles. A workflow task takes ten seconds at most.
	retryFor   = 5 * time.Second
	pauseFirst = 100 * time.Millisecond
	// mostExplanation bounds what is repeated of a refusal, in bytes.
	mostExplanation = 500
	// mostAnswer bounds an answer, in bytes. Temporal takes payloads of a few megabytes.
	mostAnswer = 64 << 20
)

// Options say where the codec server is.
type Options struct {
	// Endpoint is its base URL, under which are /encode and /decode. "{namespace}" in it stands for
	// the namespace.
	Endpoint string
	// Auth is the value of the header Authorization; empty: there is none.
	Auth string
	// Namespace is sent in the header X-Namespace. Where the SDK says that a payload is of another
	// namespace, as a callback for another one is, that is sent.
	Namespace string
}

// NewDataConverter makes a data converter that has a codec server encode and decode all payloads.
//
// If the server does not answer, a workflow task fails, and Temporal tries it again: no workflow
// ever takes that for an error of what it asked for. Elsewhere it is an error.
func NewDataConverter(o Options) converter.DataConverter {
	return workflow.DataConverterWithoutDeadlockDetection(newDataConverter(o))
}

// dataConverter implements workflow.ContextAware and the SDK's serialization context.
type dataConverter struct {
	converter.DataConverter
	options    Options
	codec      converter.PayloadCodec
	inWorkflow bool
}

func newDataConverter(o Options) *dataConverter {
	remote := converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{
		Endpoint: strings.ReplaceAll(o.Endpoint, "{namespace}", o.Namespace),
		ModifyRequest: func(req *http.Request) error {
			req.Header.Set("X-Namespace", o.Namespace)
			if o.Auth != "" {
				req.Header.Set("Authorization", o.Auth)
			}
			return nil
		},
		Client: http.Client{Transport: patient{}},
	})
	return &dataConverter{
		DataConverter: converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), remote),
		options:       o, codec: remote,
	}
}

// Codec lets the SDK encode headers too.
func (d *dataConverter) Codec() converter.PayloadCodec { return d.codec }

// WithWorkflowContext implements workflow.ContextAware.
func (d *dataConverter) WithWorkflowContext(workflow.Context) converter.DataConverter {
	within := *d
	within.inWorkflow = true
	return &within
}

// WithContext implements workflow.ContextAware.
func (d *dataConverter) WithContext(context.Context) converter.DataConverter { return d }

// WithSerializationContext implements converter.DataConverterWithSerializationContext.
func (d *dataConverter) WithSerializationContext(of converter.SerializationContext) converter.DataConverter {
	namespace := d.options.Namespace
	switch of := of.(type) {
	case converter.WorkflowSerializationContext:
		namespace = of.Namespace
	case converter.ActivitySerializationContext:
		namespace = of.Namespace
	}
	if namespace == "" || namespace == d.options.Namespace {
		return d
	}
	options := d.options
	options.Namespace = namespace
	other := newDataConverter(options)
	other.inWorkflow = d.inWorkflow
	return other
}

// check fails the workflow task when it is not the payload's fault that it could not be converted.
func (d *dataConverter) check(err error) error {
	if _, away := errors.AsType[*UnavailableError](err); away && d.inWorkflow {
		panic(err)
	}
	return err
}

func (d *dataConverter) ToPayload(value any) (*commonpb.Payload, error) {
	p, err := d.DataConverter.ToPayload(value)
	return p, d.check(err)
}

func (d *dataConverter) ToPayloads(values ...any) (*commonpb.Payloads, error) {
	p, err := d.DataConverter.ToPayloads(values...)
	return p, d.check(err)
}

func (d *dataConverter) FromPayload(p *commonpb.Payload, value any) error {
	return d.check(d.DataConverter.FromPayload(p, value))
}

func (d *dataConverter) FromPayloads(p *commonpb.Payloads, values ...any) error {
	return d.check(d.DataConverter.FromPayloads(p, values...))
}

// UnavailableError says that the codec server does not answer, or not now. The payload may be fine.
type UnavailableError struct {
	// Host is the server's, and Err why it is of no use.
	Host string
	Err  error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("the codec server at %s does not answer, check TEMPORAL_CODEC_ENDPOINT: %v", e.Host, e.Err)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// patient tries a codec server again that does not answer.
type patient struct{}

func (patient) RoundTrip(req *http.Request) (*http.Response, error) {
	began, pause := time.Now(), pauseFirst
	for {
		resp, err := attempt(req)
		if err == nil {
			return resp, nil
		}
		if time.Since(began)+pause > retryFor {
			return nil, &UnavailableError{Host: req.URL.Host, Err: err}
		}
		select {
		case <-time.After(pause):
		case <-req.Context().Done():
			return nil, req.Context().Err()
		}
		pause *= 2
	}
}

// attempt makes the request once, and reads the answer. It fails where another try may help. A
// redirect is not followed, because it would take the payload elsewhere.
func attempt(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), attemptTimeout)
	defer cancel()
	again := req.Clone(ctx)
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		again.Body = body
	}
	resp, err := http.DefaultTransport.RoundTrip(again)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	most := int64(mostAnswer)
	if resp.StatusCode != http.StatusOK {
		most = mostExplanation
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode == http.StatusRequestTimeout, resp.StatusCode == http.StatusTooManyRequests,
		resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden,
		resp.StatusCode == http.StatusNotFound, resp.StatusCode/100 == 3, resp.StatusCode/100 == 5:
		return nil, fmt.Errorf("%s: %q", resp.Status, body)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
