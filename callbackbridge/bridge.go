// Package callbackbridge turns the provider's callbacks into Temporal signals. It is an
// http.Handler that checks who is calling, signals the workflow that the callback's address names,
// and answers at once. It remembers what it has delivered, so that repeats cost nothing, and needs
// no memory to be right: any number of bridges may run side by side. It can be mounted in any
// server; limits on connections are up to that server.
//
//	POST /callbacks/{token}  the provider's callback
//	GET  /healthz            200 while the process is up
//	GET  /readyz             200 while Temporal can be reached, 503 otherwise
package callbackbridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"stemflow/internal/config"
	"stemflow/internal/program"
	"stemflow/internal/redact"
	"stemflow/internal/token"
)

// DefaultTolerance is how old the timestamp of the provider's signature may be: as old as a token
// gets.
const DefaultTolerance = config.DefaultTolerance

// Config is what [New] needs. Signaler and Secrets must be given.
type Config struct {
	// Signaler delivers the callbacks; [NewSignaler] makes one of a Temporal client.
	Signaler Signaler
	// Secrets verify the tokens in callback addresses: those of the workers, at least one, each of
	// at least 16 bytes.
	Secrets []string
	// HMACKeys verify the provider's signature, each of at least 8 bytes. With none it is not
	// demanded, unless RequireSignature is set: [New] refuses to make a handler then.
	HMACKeys         []string
	RequireSignature bool
	// Hidden are further secrets that are hidden in what a callback says, beside those above.
	Hidden []string
	// Tolerance is how old the signature's timestamp may be; 0 is [DefaultTolerance]. It may be
	// ahead of now by no more than five minutes.
	Tolerance time.Duration
	// Ready reports whether callbacks can be delivered now; nil: always. It is asked once a second
	// at most.
	Ready func(context.Context) error
	// Logger is slog's default if nil. Neither tokens nor bodies are logged.
	Logger *slog.Logger
	// TracerProvider takes a span of each callback whose token is valid, in the trace of the submit
	// that asked for it; nil: none is made.
	TracerProvider trace.TracerProvider
	// Metrics takes the counter [MetricReceived], the timer [MetricSignalLatency] and the gauge
	// [MetricInFlight]; nil: nobody looks.
	Metrics client.MetricsHandler
}

// New makes the handler. It refuses to without a secret, since everybody could signal then.
func New(cfg Config) (http.Handler, error) {
	if cfg.Signaler == nil {
		return nil, errors.New("callbackbridge: no Signaler is given")
	}
	if cfg.Tolerance < 0 {
		return nil, fmt.Errorf(
			"callbackbridge: a tolerance of %v would refuse every signature, give one above 0",
			cfg.Tolerance,
		)
	}
	if cfg.RequireSignature && len(cfg.HMACKeys) == 0 {
		return nil, errors.New("callbackbridge: signatures are required and no webhook key is given: " +
			"give the one of https://kie.ai/settings")
	}
	for i, key := range cfg.HMACKeys {
		if len(key) < config.MinWebhookKey {
			return nil, fmt.Errorf("callbackbridge: webhook key %d is %d bytes long: give the one of "+
				"https://kie.ai/settings, of at least %d", i+1, len(key), config.MinWebhookKey)
		}
	}
	keyring, err := token.NewKeyring(cfg.Secrets)
	if err != nil {
		return nil, fmt.Errorf("callbackbridge: %w", err)
	}
	b := &bridge{
		signaler:  cfg.Signaler,
		keyring:   keyring,
		hmacKeys:  cfg.HMACKeys,
		secrets:   redact.New(slices.Concat(cfg.Secrets, cfg.HMACKeys, cfg.Hidden)...),
		tolerance: cmp.Or(cfg.Tolerance, DefaultTolerance),
		ready:     readiness{ask: cfg.Ready},
		delivered: newDelivered(),
		smallBody: smallBodyTimeout,
		log:       cmp.Or(cfg.Logger, slog.Default()),
		metrics:   newMetrics(cfg.Metrics),
		tracer:    newTracer(cfg.TracerProvider),
		large:     semaphore.NewWeighted(maxLarge),
	}
	mux := http.NewServeMux()
	mux.HandleFunc(route, b.serveCallback)
	mux.HandleFunc("GET /healthz", b.serveHealth)
	mux.HandleFunc("GET /readyz", b.serveReady)
	return plainPaths(mux), nil
}

type bridge struct {
	signaler  Signaler
	keyring   *token.Keyring
	hmacKeys  []string
	secrets   *redact.Redactor
	tolerance time.Duration
	ready     readiness
	delivered *delivered
	// flight lets repeats wait for the delivery under way instead of signalling as well.
	flight singleflight.Group
	// refusals bounds the log lines that strangers cause.
	refusals  program.Sampler
	smallBody time.Duration
	log       *slog.Logger
	metrics   *metrics
	tracer    trace.Tracer
	// large bounds the callbacks with a large body that are being read.
	large *semaphore.Weighted
}

// plainPaths answers 404 where a ServeMux redirects to what it takes a path for: no caller of ours
// writes one in two ways.
func plainPaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path.Clean(r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (b *bridge) serveHealth(w http.ResponseWriter, _ *http.Request) { answerOK(w) }

func (b *bridge) serveReady(w http.ResponseWriter, r *http.Request) {
	fresh, err := b.ready.check(r.Context())
	if fresh && err != nil {
		b.log.Warn("not ready", "error", err)
	}
	if err != nil {
		http.Error(w, "Temporal cannot be reached", http.StatusServiceUnavailable)
		return
	}
	answerOK(w)
}

func answerOK(w http.ResponseWriter) {
	const ok = `{"status":"ok"}` + "\n"
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(ok)))
	_, _ = io.WriteString(w, ok) // who hung up reads no answer
}
