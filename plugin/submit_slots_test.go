package plugin

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"

	"stemflow/internal/archive"
	"stemflow/internal/turns"
)

// grantingStore grants whatever turn is asked for.
type grantingStore struct{ document []byte }

func (s *grantingStore) ReadJSON(_ context.Context, _, _ string, v any) (string, error) {
	if s.document == nil {
		return "", archive.ErrNotFound
	}
	return "etag", json.Unmarshal(s.document, v)
}

func (s *grantingStore) CreateJSON(ctx context.Context, bucket, key string, v any) (string, error) {
	return s.ReplaceJSON(ctx, bucket, key, "", v)
}

func (s *grantingStore) ReplaceJSON(_ context.Context, _, _, _ string, v any) (etag string, err error) {
	s.document, err = json.Marshal(v)
	return "etag", err
}

// slotsAt are the slots of a worker at a rate.
func slotsAt(rate float64) *submitSlots {
	return newSubmitSlots(turns.New(turns.Options{Store: &grantingStore{}, Queue: "q", Rate: rate}), rate)
}

// reserveAll reserves what slots there are.
func reserveAll(s *submitSlots) (n int) {
	for s.TryReserveSlot(nil) != nil {
		n++
	}
	return n
}

func TestBacklogOfSubmitsStaysInTemporal(t *testing.T) {
	for rate, ahead := range map[float64]int{0.2: 2, 0.5: 2, 1.5: 4, 3: 7, 100: 8} {
		require.Equal(t, ahead, reserveAll(slotsAt(rate)), rate)
	}
	require.Equal(t, submitConcurrency, reserveAll(newSubmitSlots(nil, 0.001)))
}

func TestSubmitThatCallsMakesRoomForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slotsAt(1.5)
		require.Equal(t, 4, reserveAll(s))
		var leaves []func()
		for range 8 {
			leave, err := s.Take(t.Context(), "default")
			require.NoError(t, err)
			leaves = append(leaves, leave)
			reserveAll(s)
		}
		require.Equal(t, submitConcurrency, s.reserved, "no more than that are under way")
		for _, leave := range leaves {
			leave()
			s.ReleaseSlot(nil)
		}
		require.Equal(t, 4, reserveAll(s))
		require.Zero(t, s.calling)
	})
}

func TestPollWaitsForASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slotsAt(1.5)
		reserveAll(s)
		permits := make(chan *worker.SlotPermit)
		go func() {
			permit, _ := s.ReserveSlot(t.Context(), nil)
			permits <- permit
		}()
		synctest.Wait()
		require.Empty(t, permits)
		s.ReleaseSlot(nil)
		require.NotNil(t, <-permits)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.ReserveSlot(ctx, nil)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestWorkersThatWaitLongForTheirTurnsAskForOneSubmitAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slotsAt(0.5)
		require.Equal(t, 2, reserveAll(s))
		for range 2 {
			leave, err := s.Take(t.Context(), "default")
			require.NoError(t, err)
			defer leave()
		}
		store := &grantingStore{}
		store.document, _ = json.Marshal(map[string]any{"nextTurn": time.Now().Add(8 * time.Second)})
		s.turns = turns.New(turns.Options{Store: busyStore{store}, Queue: "q", Rate: 0.5})
		leave, err := s.Take(t.Context(), "default")
		require.NoError(t, err)
		require.Equal(t, 1, s.ahead)
		leave()
		leave, err = s.Take(t.Context(), "default")
		require.NoError(t, err)
		require.Equal(t, 2, s.ahead)
		leave()
	})
}

// busyStore has the document that others have written.
type busyStore struct{ *grantingStore }

func (s busyStore) CreateJSON(context.Context, string, string, any) (string, error) {
	return "", archive.ErrPrecondition
}
