// Package kiesim is a stand-in for the vocal-removal API of KIE.AI: the endpoints that a
// separation, the transcription of its stems and a conversion to WAV need, its callbacks, its file
// host and its bill. It
// is written from the provider's documents, shares no code with the client it is meant to test, and
// misbehaves on demand: see [Scenario].
package kiesim

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options configure a simulator. The zero value works: it takes any API key and signs nothing.
type Options struct {
	// APIKey is the only bearer token accepted; empty accepts every one, but not none.
	APIKey string
	// WebhookHMACKey signs the callbacks; empty sends them unsigned, as the provider does until a
	// key is made.
	WebhookHMACKey string
	// Credits is the balance to begin with; 0 is DefaultCredits.
	Credits float64
	// PublicURL is the base of the links to files; empty is the host under which a separation was
	// submitted.
	PublicURL string
	// Defaults is the scenario of every track that has none of its own.
	Defaults Scenario
	// RetrySchedule is the wait before each retry of a callback; nil is DefaultRetrySchedule, empty
	// is no retry.
	RetrySchedule []time.Duration
	// CallbackTimeout is how long a receiver may take; 0 is the documented 15 seconds.
	CallbackTimeout time.Duration
	RateLimit       RateLimit
	// Logger is slog's default if nil.
	Logger *slog.Logger
}

// DefaultCredits is what an account has unless Options say otherwise: a balance that was seen, and
// a fraction, as they are.
const DefaultCredits = 5916.25

// DefaultRetrySchedule is the published one.
func DefaultRetrySchedule() []time.Duration {
	return []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}
}

// Simulator is the provider. It is an http.Handler, safe for concurrent use.
type Simulator struct {
	options  Options
	log      *slog.Logger
	mux      *http.ServeMux
	delivery *http.Client

	// closing ends everything that waits: pending callbacks, and answers and files that hang.
	closing context.Context
	stop    context.CancelFunc
	pending sync.WaitGroup

	mu        sync.Mutex
	server    *http.Server
	scenarios scenarioStore
	limiter   *limiter
	bill      Bill
	tasks     map[string]*task
	midis     map[string]*midiTask
	// stateFile is where tasks and bill are kept; empty: nowhere.
	stateFile string
	// paths and tempLinks lead to files by the path of their link.
	paths     map[string]*stem
	tempLinks map[string]tempLink
	// uploads are files that were handed over, by the path of their link.
	uploads map[string]uploaded
}

// New makes a simulator. It panics if the default scenario is not valid, which [Scenario.Validate]
// reports.
func New(options Options) *Simulator {
	if err := options.Defaults.Validate(); err != nil {
		panic(err)
	}
	options.Credits = cmp.Or(options.Credits, DefaultCredits)
	options.CallbackTimeout = cmp.Or(options.CallbackTimeout, 15*time.Second)
	options.PublicURL = strings.TrimSuffix(options.PublicURL, "/")
	if options.RetrySchedule == nil {
		options.RetrySchedule = DefaultRetrySchedule()
	}
	s := &Simulator{
		options:   options,
		log:       cmp.Or(options.Logger, slog.Default()),
		delivery:  newDeliveryClient(options.CallbackTimeout),
		scenarios: scenarioStore{defaults: options.Defaults, tracks: map[string]*trackScenarios{}},
		limiter:   newLimiter(options.RateLimit),
		bill:      Bill{Balance: options.Credits, Charges: []Charge{}, Refunds: []Refund{}, Requests: map[string]int{}},
		tasks:     map[string]*task{},
		midis:     map[string]*midiTask{},
		paths:     map[string]*stem{},
		tempLinks: map[string]tempLink{},
		uploads:   map[string]uploaded{},
	}
	s.closing, s.stop = context.WithCancel(context.Background())
	s.mux = s.routes()
	return s
}

func (s *Simulator) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/vocal-removal/generate", s.endpoint("generate", s.generate))
	mux.HandleFunc("GET /api/v1/vocal-removal/record-info", s.endpoint("record-info", s.recordInfo))
	mux.HandleFunc("GET /api/v1/generate/record-info", s.endpoint("music-record-info", s.musicRecordInfo))
	mux.HandleFunc("POST /api/v1/jobs/createTask", s.endpoint("createTask", s.createTask))
	mux.HandleFunc("GET /api/v1/jobs/recordInfo", s.endpoint("recordInfo", s.jobsRecordInfo))
	mux.HandleFunc("POST /api/v1/midi/generate", s.endpoint("midi-generate", s.midiGenerate))
	mux.HandleFunc("GET /api/v1/midi/record-info", s.endpoint("midi-record-info", s.midiRecordInfo))
	mux.HandleFunc("POST /api/v1/wav/generate", s.endpoint("wav-generate", s.wavGenerate))
	mux.HandleFunc("GET /api/v1/wav/record-info", s.endpoint("wav-record-info", s.wavRecordInfo))
	mux.HandleFunc("GET /api/v1/chat/credit", s.endpoint("credit", s.credit))
	mux.HandleFunc("POST /api/v1/common/download-url", s.endpoint("download-url", s.downloadURL))
	mux.HandleFunc("POST /api/file-stream-upload", s.endpoint("file-stream-upload", s.streamUpload))
	mux.HandleFunc("GET "+uploadsFolder+"{id}/{name}", s.serveUpload)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, r, http.StatusNotFound, refusal(http.StatusNotFound, ""))
	})
	for _, folder := range []string{"/s/", "/r/", "/t/"} {
		mux.HandleFunc("GET "+folder+"{name}", s.serveFile)
	}
	mux.HandleFunc("POST /sim/knobs", s.controlScenario)
	mux.HandleFunc("POST /sim/callback", s.controlCallback)
	mux.HandleFunc("POST /sim/settle", s.controlSettle)
	mux.HandleFunc("GET /sim/bill", s.controlBill)
	return mux
}

// ServeHTTP implements http.Handler.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := crossOrigin.Check(r); err != nil {
		controlAnswer(w, http.StatusForbidden, controlError{err.Error()})
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Start listens on addr ("127.0.0.1:0" for any free port), serves in the background until Close,
// and returns its base URL.
func (s *Simulator) Start(addr string) (string, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	var handler http.Handler = s
	if at, ok := listener.Addr().(*net.TCPAddr); ok && at.IP.IsLoopback() {
		handler = localNamesOnly(s)
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	s.mu.Lock()
	s.server = server
	s.mu.Unlock()
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("serving ended", "error", err)
		}
	}()
	return "http://" + listener.Addr().String(), nil
}

// Close drops the callbacks that are still to be sent, ends the answers that hang, and stops what
// Start began. Where the simulator is served by another server, close the simulator first.
func (s *Simulator) Close() error {
	s.mu.Lock()
	s.stop()
	server := s.server
	s.mu.Unlock()
	defer s.pending.Wait()
	if server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return server.Close()
	}
	return nil
}

// SetScenario sets the scenario of a track for every separation of it from now on. It replaces the
// defaults as a whole, except for a dialect and a delay that are not given. It panics if the
// scenario is not valid.
func (s *Simulator) SetScenario(audioID string, scenario Scenario) {
	if err := scenario.Validate(); err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scenarios.set(audioID, scenario)
}

// QueueScenarios sets the scenarios of the next calls of generate for a track, one each, ahead of
// that of SetScenario. It panics if one is not valid.
func (s *Simulator) QueueScenarios(audioID string, scenarios ...Scenario) {
	for _, k := range scenarios {
		if err := k.Validate(); err != nil {
			panic(err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scenarios.queue(audioID, scenarios...)
}

// Bill returns what was asked of the simulator so far and what it cost.
func (s *Simulator) Bill() Bill {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bill.clone()
}

// Balance is the account's, in credits.
func (s *Simulator) Balance() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bill.Balance
}

// background runs what outlives a request, unless the simulator is closing.
func (s *Simulator) background(run func(context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Err() == nil {
		s.pending.Go(func() { run(s.closing) })
	}
}

// pause waits and reports whether the wait was over before ctx was.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
