package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"stemflow/internal/archive"
)

// contested is how many objects the writers compete for.
const contested = 4

// finalReads is how often the last read of an object is tried.
const finalReads = 5

// conditionalWrites lets all writers create, replace and read a few objects at once, while answers
// are lost, and asks whether what they saw is linearizable.
func conditionalWrites(ctx context.Context, s *suite) result {
	var (
		stores []*archive.Store
		losses []*losing
	)
	for _, address := range append([]string{s.user.Endpoint}, s.also...) {
		to := s.user
		to.Endpoint = address
		chance := rand.New(rand.NewPCG(s.chance.Uint64(), 0))
		var l *losing
		p, err := newProxy(to, func(wire http.RoundTripper) http.RoundTripper {
			l = &losing{RoundTripper: wire, chance: chance}
			return l
		})
		if err != nil {
			return fail("%v", err)
		}
		defer p.close()
		store, err := s.through(p)
		if err != nil {
			return fail("%v", err)
		}
		defer store.Close()
		stores, losses = append(stores, store), append(losses, l)
	}
	keys := make([]string, contested)
	for i := range keys {
		keys[i] = s.key("conditional", fmt.Sprintf("%d.json", i))
	}
	begun := time.Now()
	writers := make([]*writer, s.writers)
	var group sync.WaitGroup
	for i := range writers {
		w := &writer{
			id: i, store: stores[i%len(stores)], bucket: s.bucket, keys: keys, begun: begun,
			chance: rand.New(rand.NewPCG(s.chance.Uint64(), 0)), known: map[string]known{},
		}
		writers[i] = w
		group.Go(func() { w.run(ctx, s.operations) })
	}
	group.Wait()
	var lost, delayed int64
	for _, l := range losses {
		l.late.Wait() // the last reads see what came late
		lost, delayed = lost+l.lost.Load(), delayed+l.delayed.Load()
	}
	var history []operation
	for _, w := range writers {
		if w.broken != "" {
			return fail("%s", w.broken)
		}
		history = append(history, w.history...)
	}
	// By the address of the first and of the others: each has to show the same.
	for i, store := range stores {
		last := &writer{id: s.writers + i, store: store, bucket: s.bucket, begun: begun, known: map[string]known{}}
		for _, key := range keys {
			if err := last.readAtLast(ctx, key); err != nil {
				return fail("the last read of %s: %v", key, err)
			}
		}
		if last.broken != "" {
			return fail("%s", last.broken)
		}
		history = append(history, last.history...)
	}
	if why := noReplacement(history, writers); why != "" {
		return fail("%s", why)
	}
	d, err := s.decide(ctx, history)
	if err != nil {
		return skip("%v", err)
	}
	tried := fmt.Sprintf("%d writers, %d operations on %d objects, %d answers lost, %d writes late, addresses: %d",
		s.writers, len(history), contested, lost, delayed, len(stores))
	switch d.Verdict {
	case "linearizable":
		return pass("%s: linearizable", tried)
	case "undecided":
		return skip("%s: it could not be decided whether they are linearizable; try again with fewer -operations",
			tried)
	default:
		return fail("%s: not linearizable: %s", tried, explain(history, d.Key))
	}
}

// noReplacement says what became of conditional replacements where not one succeeded: such a
// history may be linearizable.
func noReplacement(history []operation, writers []*writer) string {
	counts := map[outcome]int{}
	for _, o := range history {
		if o.Kind == replace {
			counts[o.Outcome]++
		}
	}
	if counts[done] > 0 {
		return ""
	}
	why := fmt.Sprintf("no conditional replacement succeeded: %d were refused as if the object had another ETag, "+
		"and the outcome of %d is unknown", counts[refused], counts[unknown])
	for _, w := range writers {
		if w.failure != nil {
			return fmt.Sprintf("%s, as after: %v", why, w.failure)
		}
	}
	return why
}

// known is the version of an object that a writer knows.
type known struct{ version, etag string }

// writer does what a worker does with a ledger, in any order.
type writer struct {
	id      int
	store   *archive.Store
	bucket  string
	keys    []string
	begun   time.Time
	chance  *rand.Rand
	known   map[string]known
	history []operation
	// broken says what no store may answer, whatever else happens at the time.
	broken string
	// failure is an error of unknown outcome.
	failure error
}

func (w *writer) run(ctx context.Context, operations int) {
	for i := range operations {
		if ctx.Err() != nil || w.broken != "" {
			return
		}
		key := w.keys[w.chance.IntN(len(w.keys))]
		version := document{Version: fmt.Sprintf("%d-%d", w.id, i)}
		known, knows := w.known[key]
		switch dice := w.chance.Float64(); {
		case !knows && i == 0, dice < 0.1:
			w.write(key, version, "", func() (string, error) {
				return w.store.CreateJSON(ctx, w.bucket, key, version)
			})
		case !knows, dice < 0.3:
			_ = w.read(ctx, key) // an answer that is lost says nothing
		default:
			w.write(key, version, known.version, func() (string, error) {
				return w.store.ReplaceJSON(ctx, w.bucket, key, known.etag, version)
			})
		}
	}
}

func (w *writer) now() int64 { return int64(time.Since(w.begun)) }

// write writes a version where another is expected; an empty one is no object.
func (w *writer) write(key string, d document, expected string, send func() (string, error)) {
	o := operation{Client: w.id, Key: key, Kind: replace, Writes: d.Version, Expects: expected, Call: w.now()}
	if expected == "" {
		o.Kind = create
	}
	etag, err := send()
	o.Return = w.now()
	delete(w.known, key)
	switch {
	// Without a checksum the store still says that it has written.
	case err == nil, errors.Is(err, archive.ErrUnconfirmed) && etag != "":
		o.Outcome = done
		w.known[key] = known{d.Version, etag}
	case errors.Is(err, archive.ErrPrecondition):
		o.Outcome = refused
	default:
		o.Outcome = unknown
		if answer, ok := errors.AsType[*archive.Error](err); w.failure == nil || ok && answer.Code != "" {
			w.failure = err // rather an answer than one that is lost
		}
	}
	w.history = append(w.history, o)
}

func (w *writer) read(ctx context.Context, key string) error {
	o := operation{Client: w.id, Key: key, Kind: read, Outcome: done, Call: w.now()}
	var d document
	etag, err := w.store.ReadJSON(ctx, w.bucket, key, &d)
	o.Return = w.now()
	switch {
	case err == nil:
		o.Found = d.Version
		w.known[key] = known{d.Version, etag}
	case errors.Is(err, archive.ErrNotFound):
	case errors.Is(err, archive.ErrCorrupt):
		w.broken = fmt.Sprintf("client %d read what nobody wrote: %v", w.id, err)
		return nil
	default:
		return err
	}
	w.history = append(w.history, o)
	return nil
}

// readAtLast reads through the losing proxy until an answer comes.
func (w *writer) readAtLast(ctx context.Context, key string) (err error) {
	for range finalReads {
		if err = w.read(ctx, key); err == nil {
			return nil
		}
	}
	return err
}
