package activities

import (
	"context"
	"path"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"stemflow/internal/activityapi"
	"stemflow/internal/token"
)

// placeholderURL is sent when no callback can arrive: the provider demands an address, and this one
// can belong to nobody.
const placeholderURL = "https://callback.invalid/none"

// afterDeadline is how much longer than the run's deadline a token lives: the provider's last retry
// comes 21 minutes after its first delivery.
const afterDeadline = time.Hour

// CallbackAddress makes and recognises the callback URLs. It lives in activities only, so that no
// token enters a history.
type CallbackAddress struct {
	// BaseURL is the bridge's public address; empty: there is no bridge.
	BaseURL string
	Keyring *token.Keyring
}

// Expected reports whether callbacks can arrive at all.
func (c CallbackAddress) Expected() bool { return c.BaseURL != "" }

// Mint makes the callback URL of a run that waits until the deadline. The owner is the first run of
// its chain. The URL names the span in ctx, for the callback to join its trace.
func (c CallbackAddress) Mint(
	ctx context.Context, namespace, workflowID, owner string, in activityapi.SubmitSeparationInput,
) string {
	if !c.Expected() {
		return placeholderURL
	}
	return strings.TrimSuffix(c.BaseURL, "/") + "/callbacks/" + c.Keyring.Mint(token.Claims{
		Namespace: namespace, WorkflowID: workflowID, RunID: owner, TaskQueue: in.TaskQueue, Track: in.Track,
		Trace: traceOf(ctx), Expires: time.Now().Add(time.Duration(in.Deadline) + afterDeadline),
	})
}

func traceOf(ctx context.Context) token.Trace {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return token.Trace{}
	}
	return token.Trace{TraceID: span.TraceID(), SpanID: span.SpanID(), Flags: byte(span.TraceFlags())}
}

// minted returns what the token in a callback URL says, if it is one of ours. An expired one still
// proves whose it is.
func (c CallbackAddress) minted(callbackURL string) (token.Claims, bool) {
	if !c.Expected() {
		return token.Claims{}, false
	}
	claims, err := c.Keyring.Verify(path.Base(callbackURL), time.Time{})
	return claims, err == nil
}

// Names reports whether a callback URL was minted for this very owner: an earlier run of the same
// workflow id paid for another separation.
func (c CallbackAddress) Names(callbackURL, namespace, workflowID, owner string) bool {
	claims, ours := c.minted(callbackURL)
	return ours && claims.Namespace == namespace && claims.WorkflowID == workflowID && claims.RunID == owner
}
