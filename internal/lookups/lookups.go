// Package lookups asks, now and then, for what no event says: the account's balance, which runs are
// open, and which catalogues are paused. Prometheus gets the latest answers.
package lookups

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stemflow/internal/kie"
)

const (
	// lookTimeout bounds one lookup, with all its calls.
	lookTimeout = time.Minute
	// refusedEvery is how often the balance is asked for while the provider refuses the key: such a
	// key is one that may not, or one that a person has to replace.
	refusedEvery = time.Hour
)

// The lookups, as the label of [MetricUp] names them.
const (
	lookupBalance  = "balance"
	lookupRuns     = "open_runs"
	lookupCatalogs = "paused_catalogs"
)

// The metrics.
const (
	MetricUp       = "stemflow_lookup_up"
	MetricBalance  = "stemflow_balance_credits"
	MetricOpenRuns = "stemflow_open_runs"
	MetricOldest   = "stemflow_oldest_open_run_age_seconds"
	MetricPaused   = "stemflow_paused_catalogs"
)

var (
	descUp = prometheus.NewDesc(MetricUp,
		"1 if the latest lookup succeeded, 0 if it failed and what it asks for is not shown.",
		[]string{"lookup"}, nil)
	descBalance = prometheus.NewDesc(MetricBalance, "Credits that the provider's account has.", nil, nil)
	descOpen    = prometheus.NewDesc(MetricOpenRuns, "Runs of the worker's task queue that are open, by workflow type.",
		[]string{"namespace", "task_queue", "workflow_type"}, nil)
	descOldest = prometheus.NewDesc(MetricOldest,
		"How many seconds ago the oldest open run of the worker's task queue was started; 0 if none is open.",
		[]string{"namespace", "task_queue", "workflow_type"}, nil)
	descPaused = prometheus.NewDesc(MetricPaused,
		"Catalogues of the worker's task queue that are paused: requested by a person, or for an error type.",
		[]string{"namespace", "task_queue", "reason"}, nil)
)

// Options say what is asked for, and of whom.
type Options struct {
	// Every is the time between two lookups.
	Every time.Duration
	// Balance asks the provider for the account's credits; nil: there is no key to ask with.
	Balance func(context.Context) (float64, error)
	// Temporal is where runs are.
	Temporal Temporal
	// Namespace and TaskQueue are the worker's.
	Namespace, TaskQueue string
	// WorkflowTypes are those whose open runs are counted.
	WorkflowTypes []string
	// PauseReasons are those that a pause is shown with; any other is shown as "other".
	PauseReasons []string
}

// Lookups keeps the latest answers. It is a collector of Prometheus.
type Lookups struct {
	Options
	now func() time.Time

	mu sync.Mutex
	// up has a lookup once it has been made.
	up      map[string]bool
	balance *float64
	// open, oldest and paused are nil while they are not known. An oldest run that is the zero time
	// is none.
	open   map[string]int64
	oldest map[string]time.Time
	paused map[string]int
	// balanceAfter is when the balance may be asked for again.
	balanceAfter time.Time
}

// New makes lookups that have not been made yet.
func New(o Options) *Lookups { return &Lookups{Options: o, now: time.Now, up: map[string]bool{}} }

// Run looks at once and then time and again, until ctx ends. Workers that were started together
// drift apart.
func (l *Lookups) Run(ctx context.Context) {
	for {
		l.look(ctx)
		wait := l.Every + rand.N(l.Every/4+1)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (l *Lookups) look(ctx context.Context) {
	if l.Balance != nil && !l.now().Before(l.balanceAfter) {
		l.lookup(ctx, lookupBalance, l.lookAtBalance)
	}
	l.lookup(ctx, lookupRuns, l.lookAtRuns)
	l.lookup(ctx, lookupCatalogs, l.lookAtCatalogs)
}

// lookup makes one lookup. The log has a failure when it begins.
func (l *Lookups) lookup(ctx context.Context, name string, look func(context.Context) error) {
	bounded, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err := look(bounded)
	if ctx.Err() != nil {
		return // the program ends
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	was, made := l.up[name]
	l.up[name] = err == nil
	switch {
	case err != nil && (was || !made):
		slog.Warn("a lookup for the metrics fails, and is made again", "lookup", name, "error", err)
	case err == nil && made && !was:
		slog.Info("a lookup for the metrics succeeds again", "lookup", name)
	}
}

func (l *Lookups) lookAtBalance(ctx context.Context) error {
	credits, err := l.Balance(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.balance = nil
	switch verdict := kie.VerdictOf(err); {
	case err == nil:
		l.balance = &credits
	case verdict == kie.InsufficientCredits: // it says so in place of a number
		l.balance = new(float64)
	case verdict == kie.Unauthorized || verdict == kie.Rejected:
		l.balanceAfter = l.now().Add(refusedEvery)
		return fmt.Errorf("the provider does not tell this key the balance, which is asked for again in %v: %w",
			refusedEvery, err)
	default:
		return err
	}
	return nil
}

func (l *Lookups) lookAtRuns(ctx context.Context) error {
	open, oldest := map[string]int64{}, map[string]time.Time{}
	var errs []error
	for _, workflowType := range l.WorkflowTypes {
		var err error
		open[workflowType], oldest[workflowType], err = l.openRuns(ctx, workflowType)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", workflowType, err))
			delete(open, workflowType)
			delete(oldest, workflowType)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open, l.oldest = open, oldest
	return errors.Join(errs...)
}

// Describe implements prometheus.Collector.
func (l *Lookups) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descUp, descBalance, descOpen, descOldest, descPaused} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector. What is not known has no series.
func (l *Lookups) Collect(metrics chan<- prometheus.Metric) {
	l.mu.Lock()
	defer l.mu.Unlock()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for name, up := range l.up {
		value := 0.0
		if up {
			value = 1
		}
		gauge(descUp, value, name)
	}
	if l.balance != nil {
		gauge(descBalance, *l.balance)
	}
	for workflowType, n := range l.open {
		gauge(descOpen, float64(n), l.Namespace, l.TaskQueue, workflowType)
	}
	for workflowType, started := range l.oldest {
		age := 0.0
		if !started.IsZero() {
			age = max(l.now().Sub(started).Seconds(), 0)
		}
		gauge(descOldest, age, l.Namespace, l.TaskQueue, workflowType)
	}
	for reason, n := range l.paused {
		gauge(descPaused, float64(n), l.Namespace, l.TaskQueue, reason)
	}
}
