package activities

import "context"

// Slots bounds how much is done at once: memory grows with it, and with nothing else.
type Slots chan struct{}

// NewSlots makes n slots.
func NewSlots(n int) Slots { return make(Slots, n) }

func (s Slots) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err // a free slot is not for what nobody waits for any more
	}
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s Slots) release() { <-s }
