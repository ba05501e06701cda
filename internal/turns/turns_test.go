package turns_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/turns"
)

// memoryStore keeps documents as an object store does that takes a while to answer.
type memoryStore struct {
	latency func() time.Duration
	// fail may fail a request: before it is carried out, or after, when its answer is lost.
	fail func() (before, after error)

	mu        sync.Mutex
	documents map[string][]byte
	etags     map[string]int
	writes    int
	reads     int
}

func newMemoryStore() *memoryStore {
	return &memoryStore{
		latency:   func() time.Duration { return 20 * time.Millisecond },
		fail:      func() (before, after error) { return nil, nil },
		documents: map[string][]byte{}, etags: map[string]int{},
	}
}

func (s *memoryStore) do(ctx context.Context, request func() error) error {
	select {
	case <-time.After(s.latency()):
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before, after := s.fail()
	if before != nil {
		return before
	}
	if err := request(); err != nil {
		return err
	}
	return after
}

func (s *memoryStore) ReadJSON(ctx context.Context, _, key string, v any) (etag string, err error) {
	return etag, s.do(ctx, func() error {
		s.reads++
		if s.documents[key] == nil {
			return archive.ErrNotFound
		}
		etag = strconv.Itoa(s.etags[key])
		if err := json.Unmarshal(s.documents[key], v); err != nil {
			return fmt.Errorf("%w: %w", archive.ErrCorrupt, err)
		}
		return nil
	})
}

func (s *memoryStore) CreateJSON(ctx context.Context, bucket, key string, v any) (etag string, err error) {
	return s.ReplaceJSON(ctx, bucket, key, "0", v)
}

func (s *memoryStore) ReplaceJSON(ctx context.Context, _, key, old string, v any) (etag string, err error) {
	return etag, s.do(ctx, func() error {
		if old != strconv.Itoa(s.etags[key]) {
			return archive.ErrPrecondition
		}
		s.writes++
		s.etags[key]++
		etag = strconv.Itoa(s.etags[key])
		s.documents[key], err = json.Marshal(v)
		return err
	})
}

func (s *memoryStore) worker(rate float64) *turns.Turns {
	return turns.New(turns.Options{Store: s, Bucket: "stems", Prefix: "/p/", Queue: "q", Rate: rate})
}

// together lets workers take so many turns between them, as fast as they come, and returns when
// they came.
func together(t *testing.T, count int, workers ...*turns.Turns) []time.Time {
	t.Helper()
	var group sync.WaitGroup
	var mu sync.Mutex
	var came []time.Time
	left := count
	for _, w := range workers {
		for range 2 {
			group.Go(func() {
				for {
					mu.Lock()
					left--
					more := left >= 0
					mu.Unlock()
					if !more {
						return
					}
					for w.Take(t.Context(), "default") != nil { // a store that fails is asked again
						time.Sleep(time.Millisecond)
					}
					mu.Lock()
					came = append(came, time.Now())
					mu.Unlock()
				}
			})
		}
	}
	group.Wait()
	slices.SortFunc(came, time.Time.Compare)
	return came
}

// most is the largest number of turns in any ten seconds.
func most(came []time.Time) int {
	n, first := 0, 0
	for i := range came {
		for came[i].Sub(came[first]) >= 10*time.Second {
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}

func TestWorkersKeepToTheRateTogether(t *testing.T) {
	for _, rate := range []float64{0.1, 0.3, 1, 1.5, 1.9, 4, 100} {
		for _, workers := range []int{1, 3, 10} {
			t.Run(fmt.Sprint(rate, " a second, workers ", workers), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := newMemoryStore()
					all := make([]*turns.Turns, workers)
					for i := range all {
						all[i] = store.worker(rate)
					}
					count := int(max(150*rate, 40)) // over two changes of the minute
					came := together(t, count, all...)
					require.Len(t, came, count)
					require.LessOrEqual(t, most(came), int(10*rate)+1+int(rate/2)+workers/3)
					// Between two minutes a turn may be lost.
					took, minutes := came[count-1].Sub(came[0]).Seconds()*rate, 3
					require.InDelta(t, count-1, took, float64(count)*0.05+float64(minutes))
				})
			})
		}
	}
}

// Whatever the store answers, and however late, no more than twenty come in ten seconds.
func TestRateHoldsWithAStoreThatIsSlowAndFails(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 0))
				var mu sync.Mutex
				chance := func() float64 { mu.Lock(); defer mu.Unlock(); return random.Float64() }
				store := newMemoryStore()
				store.latency = func() time.Duration { return time.Duration(chance() * float64(time.Second)) }
				store.fail = func() (before, after error) {
					switch c := chance(); {
					case c < 0.1:
						return errors.New("not carried out"), nil
					case c < 0.2:
						return nil, errors.New("the answer is lost")
					}
					return nil, nil
				}
				came := together(t, 200, store.worker(1.5), store.worker(1.5), store.worker(1.5))
				require.LessOrEqual(t, most(came), 18)
			})
		})
	}
}

func TestOneWriteForTheTurnsOfAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		w := store.worker(1.5)
		for range 10 {
			require.NoError(t, w.Take(t.Context(), "default"))
		}
		require.Equal(t, 10, store.writes)
		together(t, 80, w)
		require.LessOrEqual(t, store.writes, 10+45)
		require.Zero(t, store.reads)
		require.LessOrEqual(t, len(store.documents), 2, "a minute has one document")
	})
}

// The next minute does not know of turns that this one gave, so none of them is in it.
func TestRateHoldsOverTheMinuteForManyWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute - 10*time.Second)))
		var group sync.WaitGroup
		var mu sync.Mutex
		var came []time.Time
		for range 3 {
			w := store.worker(1.5)
			for range 20 {
				group.Go(func() {
					if err := w.Take(t.Context(), "default"); err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					came = append(came, time.Now())
				})
			}
		}
		group.Wait()
		slices.SortFunc(came, time.Time.Compare)
		require.LessOrEqual(t, most(came), 18)
	})
}

func TestNoTurnComesEarlyWhereTheMinuteChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute - 4500*time.Millisecond)))
		came := together(t, 6, store.worker(0.5), store.worker(0.5))
		for i := range came[1:] {
			require.Greater(t, came[i+1].Sub(came[i]), 1900*time.Millisecond, "the store may delay a turn a little")
		}
	})
}

func TestDocumentNamesWhoseTurnsItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		require.NoError(t, store.worker(1).Take(t.Context(), "default"))
		next, err := json.Marshal(time.Now().Add(time.Second - store.latency()).UTC())
		require.NoError(t, err)
		for _, document := range store.documents {
			require.JSONEq(t, `{"version":1,"namespace":"default","queue":"q","nextTurn":`+string(next)+`}`,
				string(document))
		}
	})
}

func TestFailureOfTheStoreGivesNoTurn(t *testing.T) {
	failure := errors.New("the store is away")
	for name, shown := range map[string]error{"write": nil, "read after a refused write": archive.ErrPrecondition} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				store := newMemoryStore()
				store.fail = func() (before, after error) {
					before, shown = shown, nil
					if before == nil {
						before = failure
					}
					return before, nil
				}
				require.ErrorIs(t, store.worker(1.5).Take(ctx, "default"), failure)
			})
		})
	}
}

// The worker goes on asking: it must not wait for a store that never answers.
func TestStoreThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		store.latency = func() time.Duration { return time.Hour }
		began := time.Now()
		require.ErrorIs(t, store.worker(1.5).Take(t.Context(), "default"), context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(began))
	})
}

// Whether a store that confirms no checksum may be paid on is up to the ledger.
func TestStoreThatConfirmsNothingGivesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		store.fail = func() (before, after error) { return nil, archive.ErrUnconfirmed }
		require.NoError(t, store.worker(1.5).Take(t.Context(), "default"))
	})
}

// A slow answer delays the turns that come with it, and none after them.
func TestStoreThatIsFastAgainDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		w := store.worker(1.5)
		fast := store.latency
		store.latency = func() time.Duration { return 4 * time.Second }
		require.NoError(t, w.Take(t.Context(), "default"))
		store.latency = fast
		for range 2 { // the first one still expects a slow store
			time.Sleep(10 * time.Second)
			require.NoError(t, w.Take(t.Context(), "default"))
		}
		time.Sleep(10 * time.Second)
		began := time.Now()
		require.NoError(t, w.Take(t.Context(), "default"))
		require.Less(t, time.Since(began), time.Second)
	})
}

func TestFirstTurnComesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		require.NoError(t, newMemoryStore().worker(0.1).Take(t.Context(), "default"))
		require.Less(t, time.Since(began), time.Second)
	})
}

func TestQueuesHaveTurnsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		began := time.Now()
		require.NoError(t, store.worker(0.1).Take(t.Context(), "default"))
		require.NoError(t, store.worker(0.1).Take(t.Context(), "other"))
		require.NoError(t, turns.New(turns.Options{Store: store, Queue: "r", Rate: 0.1}).Take(t.Context(), "default"))
		require.Less(t, time.Since(began), time.Second)
	})
}

func TestNoTurnIsTakenThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		first, second := store.worker(0.1), store.worker(0.1)
		require.NoError(t, first.Take(t.Context(), "default"))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		writes := store.writes
		require.ErrorIs(t, second.Take(ctx, "default"), turns.ErrNoTurn)
		require.Equal(t, writes, store.writes)
	})
}

// One write gives two turns at this rate. The second one is for the next who has the time.
func TestTurnThatComesTooLateIsLeftToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		w := store.worker(4)
		began := time.Now()
		require.NoError(t, w.Take(t.Context(), "default"))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, w.Take(ctx, "default"), turns.ErrNoTurn)
		require.NoError(t, ctx.Err(), "it says so at once")
		require.NoError(t, w.Take(t.Context(), "default"))
		require.Equal(t, 1, store.writes)
		require.Equal(t, 250*time.Millisecond, time.Since(began))
	})
}

// A document that a wrong clock or a person has written stops nobody for longer than its minute.
func TestDocumentFromTheFutureCostsAMinuteAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		minute := time.Now().Truncate(time.Minute)
		key := archive.TurnsKey("p", "default", "q", minute)
		const content = `{"nextTurn":"9999-01-01T00:00:00Z"}`
		store.documents[key], store.etags[key] = []byte(content), 1
		require.NoError(t, store.worker(1.5).Take(t.Context(), "default"))
		require.Equal(t, content, string(store.documents[key]), "a minute without a turn is not written")
		require.LessOrEqual(t, time.Since(minute), time.Minute+time.Second)
	})
}

func TestDocumentThatIsNoneCostsAMinuteAtMost(t *testing.T) {
	for _, content := range []string{"", "none", "[]", `{"nextTurn":1}`, `{"nextTurn":"soon"}`} {
		synctest.Test(t, func(t *testing.T) {
			store := newMemoryStore()
			minute := time.Now().Truncate(time.Minute)
			key := archive.TurnsKey("p", "default", "q", minute)
			store.documents[key], store.etags[key] = []byte(content), 1
			require.NoError(t, store.worker(1.5).Take(t.Context(), "default"), content)
			require.WithinDuration(t, minute.Add(time.Minute), time.Now(), time.Second)
			require.Equal(t, content, string(store.documents[key]))
		})
	}
}

// MinIO that was killed in the middle of a replacement shows a document, and refuses to replace it
// until it is healed.
func TestDocumentThatCannotBeReplacedCostsAMinuteAtMost(t *testing.T) {
	for name, shown := range map[string]bool{"shown": true, "not shown": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newMemoryStore()
				w := store.worker(1.5)
				require.NoError(t, w.Take(t.Context(), "default"))
				minute := time.Now().Truncate(time.Minute)
				refusing := &refusingStore{store, archive.TurnsKey("p", "default", "q", minute), shown}
				w = turns.New(turns.Options{Store: refusing, Bucket: "stems", Prefix: "/p/", Queue: "q", Rate: 1.5})
				require.NoError(t, w.Take(t.Context(), "default"))
				require.WithinDuration(t, minute.Add(time.Minute), time.Now(), time.Second)
				require.LessOrEqual(t, store.reads, 2, "it is not asked again and again")
			})
		})
	}
}

// refusingStore refuses every write of a key.
type refusingStore struct {
	*memoryStore
	key   string
	shown bool
}

func (s *refusingStore) ReadJSON(ctx context.Context, bucket, key string, v any) (etag string, err error) {
	etag, err = s.memoryStore.ReadJSON(ctx, bucket, key, v)
	if key == s.key && !s.shown {
		return "", archive.ErrNotFound
	}
	return etag, err
}

func (s *refusingStore) CreateJSON(ctx context.Context, bucket, key string, v any) (etag string, err error) {
	return s.ReplaceJSON(ctx, bucket, key, "0", v)
}

func (s *refusingStore) ReplaceJSON(ctx context.Context, bucket, key, old string, v any) (etag string, err error) {
	if key == s.key {
		return "", s.do(ctx, func() error { return archive.ErrPrecondition })
	}
	return s.memoryStore.ReplaceJSON(ctx, bucket, key, old, v)
}

func TestCancelledWaitGivesTheNextItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newMemoryStore().worker(0.1)
		require.NoError(t, w.Take(t.Context(), "default"))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		var behind sync.WaitGroup
		for range 2 { // one waits for its turn, the other for the first one
			behind.Go(func() {
				if err := w.Take(ctx, "default"); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		behind.Wait()
		began := time.Now()
		require.NoError(t, w.Take(t.Context(), "default"))
		require.Less(t, time.Since(began), 20*time.Second)
	})
}

// A store that takes longer than a turn is good for still gives turns, and all of the rate to those
// who wait together.
func TestSlowStoreGivesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		store.latency = func() time.Duration { return 2500 * time.Millisecond }
		w := store.worker(1.5)
		require.NoError(t, w.Take(t.Context(), "default"))
		require.LessOrEqual(t, store.writes, 2)
		var group sync.WaitGroup
		began := time.Now()
		for range 5 {
			group.Go(func() {
				for range 10 {
					if err := w.Take(t.Context(), "default"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		require.Greater(t, 50/time.Since(began).Minutes(), 45.0)
	})
}

// A worker that was frozen between its turn and its wake-up takes another one.
func TestTurnThatIsOverIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemoryStore()
		frozen := false
		latency := store.latency
		store.latency = func() time.Duration {
			if !frozen {
				frozen = true
				return 4 * time.Second
			}
			return latency()
		}
		require.NoError(t, store.worker(1.5).Take(t.Context(), "default"))
		require.Equal(t, 2, store.writes, "the first turn was over when it was granted")
	})
}
