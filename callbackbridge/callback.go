package callbackbridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/kie"
	"stemflow/internal/redact"
	"stemflow/internal/token"
)

// signalTimeout is below the provider's patience of 15 s, so that it learns to try again.
const signalTimeout = 10 * time.Second

// serveCallback checks the token before it looks at anything else of a request.
func (b *bridge) serveCallback(w http.ResponseWriter, r *http.Request) {
	defer b.metrics.enter()()
	claims, err := b.keyring.Verify(r.PathValue("token"), time.Now())
	if err != nil {
		b.refuse(r.Context(), w, b.log.With("remote", r.RemoteAddr), unauthorized(err))
		return
	}
	ctx, span := b.startSpan(r, claims)
	defer span.End()
	log := withTrace(b.log, span).
		With("namespace", claims.Namespace, "workflowId", claims.WorkflowID, "runId", claims.RunID)
	callback, refused := b.read(w, r)
	if refused != nil {
		b.refuse(ctx, w, log.With("remote", r.RemoteAddr), refused)
		return
	}
	describe(span, callback)
	log = log.With("separationTaskId", callback.TaskID, "code", callback.Code)
	b.deliver(ctx, w, log, claims, callback)
}

// read is the callback of a request that may signal.
func (b *bridge) read(w http.ResponseWriter, r *http.Request) (stemflow.Callback, *refusal) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return stemflow.Callback{}, &refusal{http.StatusMethodNotAllowed, "method", "a callback is a POST", nil}
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return stemflow.Callback{}, &refusal{
			http.StatusUnsupportedMediaType,
			"content_type",
			"a callback has the content type application/json",
			nil,
		}
	}
	body, done, err := b.readBody(w, r)
	defer done()
	if errors.Is(err, errBusy) {
		return stemflow.Callback{}, &refusal{http.StatusServiceUnavailable, "busy", err.Error(), nil}
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		// Notes of a transcription are read from its record. The callback says which.
		if unverified, ok := kie.ReadMIDICallback(body); ok {
			drain(w, r)
			return b.verified(r, unverified)
		}
		text := fmt.Sprintf("the callback's body is larger than %d bytes", tooLarge.Limit)
		return stemflow.Callback{}, &refusal{http.StatusRequestEntityTooLarge, "too_large", text, nil}
	}
	if err != nil {
		return stemflow.Callback{}, &refusal{
			http.StatusBadRequest,
			"unreadable",
			"the callback's body could not be read to its end",
			err,
		}
	}
	// The signature covers the task's id alone. So only that is read before it is verified.
	unverified, err := kie.ReadCallback(body)
	if err != nil {
		return stemflow.Callback{}, &refusal{http.StatusBadRequest, "malformed", err.Error(), nil}
	}
	return b.verified(r, unverified)
}

// verified is the callback of a body whose task is read, if its signature is right.
func (b *bridge) verified(r *http.Request, unverified kie.CallbackBody) (stemflow.Callback, *refusal) {
	if len(b.hmacKeys) > 0 {
		timestamp, signature := r.Header.Get(kie.HeaderTimestamp), r.Header.Get(kie.HeaderSignature)
		if err := kie.VerifySignature(b.hmacKeys, unverified.TaskID, timestamp, signature, time.Now(),
			b.tolerance); err != nil {
			return stemflow.Callback{}, unauthorized(err)
		}
	}
	callback, err := unverified.Decode()
	if err != nil {
		return stemflow.Callback{}, &refusal{http.StatusBadRequest, "malformed", err.Error(), nil}
	}
	b.hide(&callback, r.PathValue("token"))
	return callback, nil
}

// hide hides in what a callback says, which goes to a history, the secrets that the bridge knows
// and the token of its address. It does not know the provider's key nor the store's, so of the
// message, which is for the log only, no more than words are left.
func (b *bridge) hide(callback *stemflow.Callback, token string) {
	secrets := b.secrets.With(token)
	callback.Message = redact.Words(secrets.Outside(callback.Message))
	for i := range callback.Stems {
		callback.Stems[i].SourceID = secrets.Secrets(callback.Stems[i].SourceID)
	}
}

// isJSON takes a callback that declares nothing for what the provider documents.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
}

// deliver answers a callback that may signal. It goes on when the provider hangs up: the callback
// is in hand. A repeat of what was delivered is answered alike, and goes no further.
func (b *bridge) deliver(
	ctx context.Context, w http.ResponseWriter, log *slog.Logger, claims token.Claims, callback stemflow.Callback,
) {
	run, news := runOf(claims), newsOf(callback)
	if b.delivered.has(run, news) {
		b.answerRepeat(ctx, w, log)
		return
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), signalTimeout)
	defer cancel()
	first := false
	result, _, _ := b.flight.Do(fmt.Sprintf("%q %v", run, news), func() (any, error) {
		first = true
		return b.deliverOnce(bounded, run, news, claims, callback), nil
	})
	d := result.(delivery)
	switch {
	case d.refused != nil:
		b.refuse(ctx, w, log, d.refused)
		return
	case !first, d.outcome == outcomeRepeated:
		b.answerRepeat(ctx, w, log)
		return
	}
	answered(ctx, http.StatusOK)
	answerOK(w)
	_ = http.NewResponseController(w).Flush() // the caller need not wait for what follows
	b.metrics.received(d.outcome, "")
	switch d.outcome {
	case outcomeDelivered:
		b.metrics.signalled(d.took)
		log.Info("callback delivered", "stems", len(callback.Stems))
	case outcomeLate:
		log.Info("callback for a workflow that is not running, handed on to be recorded")
	default:
		log.Warn(
			"callback for a workflow that is not running: if it is of a separation whose stems are missing, " +
				"start the track with this separationTaskId",
		)
	}
}

// deliverOnce signals, unless another request has done so since this one looked. What Temporal did
// not take is to be taken when it comes again.
func (b *bridge) deliverOnce(
	ctx context.Context, run runKey, news news, claims token.Claims, callback stemflow.Callback,
) delivery {
	if b.delivered.has(run, news) {
		return delivery{outcome: outcomeRepeated}
	}
	if !b.delivered.reserve(run, news) {
		text := "too many different callbacks for one run, this one is dropped"
		return delivery{refused: &refusal{http.StatusTooManyRequests, "too_many", text, nil}}
	}
	taken := false
	defer func() { // also when the signal panics
		if !taken {
			b.delivered.release(run, news)
		}
	}()
	d := b.signal(ctx, claims, callback)
	if taken = d.outcome == outcomeDelivered || d.outcome == outcomeLate; taken {
		b.delivered.commit(run, news)
	}
	return d
}

func (b *bridge) answerRepeat(ctx context.Context, w http.ResponseWriter, log *slog.Logger) {
	answered(ctx, http.StatusOK)
	answerOK(w)
	b.metrics.received(outcomeRepeated, "")
	log.Debug("repeated callback, dropped")
}

// delivery is what became of a callback: an outcome of those that are answered 200, or a refusal.
type delivery struct {
	outcome string
	took    time.Duration
	refused *refusal
}

// signal brings a callback to its run. A run that is over cannot take it, and no repetition would
// find it. The callback may carry the only copy of an id that was paid for. A workflow brings it to
// the ledger, where the token says which host has one; otherwise the log keeps it.
func (b *bridge) signal(ctx context.Context, claims token.Claims, callback stemflow.Callback) delivery {
	began := time.Now()
	err := b.signaler.SignalWorkflow(
		ctx, claims.Namespace, claims.WorkflowID, stemflow.SignalSeparationCallback, callback,
	)
	if err == nil {
		return delivery{outcome: outcomeDelivered, took: time.Since(began)}
	}
	if _, ok := errors.AsType[*serviceerror.NotFound](err); !ok {
		text := "the callback cannot be delivered right now, try again"
		return delivery{refused: &refusal{http.StatusServiceUnavailable, "temporal", text, err}}
	}
	recorder, ok := b.signaler.(activityapi.CallbackRecorder)
	if !ok || claims.TaskQueue == "" || claims.RunID == "" {
		return delivery{outcome: outcomeNotRunning}
	}
	// Only the id is handed on: whose it is, and what became of it, the provider's record says.
	err = recorder.RecordCallback(ctx, claims.Namespace, claims.TaskQueue, activityapi.RecordCallbackInput{
		WorkflowID: claims.WorkflowID, Owner: claims.RunID, Track: claims.Track,
	}, stemflow.Callback{TaskID: callback.TaskID, Code: callback.Code})
	if err != nil {
		text := "the callback cannot be recorded right now, try again"
		return delivery{refused: &refusal{http.StatusServiceUnavailable, "temporal", text, err}}
	}
	return delivery{outcome: outcomeLate}
}

// refusal is an answer other than 200: what is counted, what the caller is told, and why, which
// only the log is told.
type refusal struct {
	status int
	kind   string
	text   string
	reason error
}

// unauthorizedKinds are all the reasons there are.
var unauthorizedKinds = map[error]string{
	token.ErrMalformed: "token_malformed", token.ErrSignature: "token_signature", token.ErrExpired: "token_expired",
	kie.ErrUnsigned: "signature_missing", kie.ErrSignature: "signature_wrong", kie.ErrStale: "signature_stale",
}

// unauthorized says the same whatever the reason, so that nobody can feel the way to a token that
// fits.
func unauthorized(reason error) *refusal {
	return &refusal{http.StatusUnauthorized, unauthorizedKinds[reason], "unauthorized", reason}
}

func (b *bridge) refuse(ctx context.Context, w http.ResponseWriter, log *slog.Logger, r *refusal) {
	outcome := outcomeRefused
	if r.status == http.StatusServiceUnavailable {
		outcome = outcomeUndelivered
	}
	b.metrics.received(outcome, r.kind)
	answered(ctx, r.status)
	if r.status == http.StatusUnauthorized {
		// The server would otherwise wait for what a stranger has yet to send, before it answers
		// and after it.
		w.Header().Set("Connection", "close")
		_ = http.NewResponseController(w).SetReadDeadline(time.Now()) // a server that cannot do this waits
	}
	http.Error(w, r.text, r.status)
	leftOut, ok := b.refusals.Admit(r.kind, time.Now())
	if !ok {
		return
	}
	if leftOut > 0 {
		log = log.With("leftOut", leftOut)
	}
	if r.reason != nil {
		log = log.With("reason", r.reason)
	}
	log.Warn("callback refused", "status", r.status, "answer", r.text)
}
