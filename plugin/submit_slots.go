package plugin

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/worker"

	"stemflow/internal/turns"
)

const (
	// One submit is mostly waiting for the provider and the store: a few at once use up any rate
	// that the provider allows.
	submitConcurrency = 8
	// submitsAhead is for how long a worker asks Temporal for submits ahead of their turns, two at
	// least: some wait for their turns while others are fetched, which takes a while on a busy
	// server. More would only wait here, where a cancellation reaches them late.
	submitsAhead = 2 * time.Second
	// manyWorkers is a wait for a turn that says that many workers share the rate. Then each asks
	// for one submit at a time.
	manyWorkers = 5 * time.Second
)

// submitSlots are the slots of a submit worker. They keep a backlog in Temporal: submits are
// fetched as their turns come.
type submitSlots struct {
	turns *turns.Turns // nil: Temporal alone limits the rate

	mu sync.Mutex
	// reserved are the slots that are polled with or in use, calling those whose turn has come.
	reserved, calling int
	// ahead is how many of them may be neither calling nor over.
	ahead, mostAhead int
	// changed is closed when there may be room.
	changed chan struct{}
}

// newSubmitSlots takes the rate that the turns keep to.
func newSubmitSlots(t *turns.Turns, rate float64) *submitSlots {
	ahead := submitConcurrency
	if t != nil {
		ahead = int(min(max(rate*submitsAhead.Seconds()+1, 2), submitConcurrency))
	}
	return &submitSlots{turns: t, ahead: ahead, mostAhead: ahead, changed: make(chan struct{})}
}

// tuner makes a submit worker use the slots. It has no other tasks than activities.
func (s *submitSlots) tuner() worker.WorkerTuner {
	others, err := worker.NewFixedSizeTuner(worker.FixedSizeTunerOptions{
		NumWorkflowSlots: 2, NumActivitySlots: 1, NumLocalActivitySlots: 1, NumNexusSlots: 1,
	})
	if err != nil {
		panic(err) // the numbers above are right
	}
	return submitTuner{others, s}
}

type submitTuner struct {
	worker.WorkerTuner
	slots *submitSlots
}

// GetActivityTaskSlotSupplier implements worker.WorkerTuner.
func (t submitTuner) GetActivityTaskSlotSupplier() worker.SlotSupplier { return t.slots }

// Take implements activities.Turns.
func (s *submitSlots) Take(ctx context.Context, namespace string) (leave func(), err error) {
	began := time.Now()
	if err := s.turns.Take(ctx, namespace); err != nil {
		return nil, err
	}
	s.change(func() {
		s.calling++
		s.ahead = s.mostAhead
		if time.Since(began) > manyWorkers {
			s.ahead = 1
		}
	})
	return func() { s.change(func() { s.calling-- }) }, nil
}

// ReserveSlot implements worker.SlotSupplier.
func (s *submitSlots) ReserveSlot(ctx context.Context, _ worker.SlotReservationInfo) (*worker.SlotPermit, error) {
	for {
		permit, changed := s.tryReserve()
		if permit != nil {
			return permit, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// TryReserveSlot implements worker.SlotSupplier.
func (s *submitSlots) TryReserveSlot(worker.SlotReservationInfo) *worker.SlotPermit {
	permit, _ := s.tryReserve()
	return permit
}

func (s *submitSlots) tryReserve() (permit *worker.SlotPermit, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reserved >= submitConcurrency || s.reserved-s.calling >= s.ahead {
		return nil, s.changed
	}
	s.reserved++
	return &worker.SlotPermit{}, nil
}

// MarkSlotUsed implements worker.SlotSupplier.
func (s *submitSlots) MarkSlotUsed(worker.SlotMarkUsedInfo) {}

// ReleaseSlot implements worker.SlotSupplier.
func (s *submitSlots) ReleaseSlot(worker.SlotReleaseInfo) {
	s.change(func() { s.reserved-- })
}

// MaxSlots implements worker.SlotSupplier.
func (s *submitSlots) MaxSlots() int { return submitConcurrency }

// change makes a change and wakes those that wait for one.
func (s *submitSlots) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.changed)
	s.changed = make(chan struct{})
}
