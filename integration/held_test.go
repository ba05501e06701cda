package integration

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/stretchr/testify/require"

	"stemflow"
)

// heldAnswers stands before the provider and keeps its answers to the submits of some tracks back
// until they are released: what is to happen between acceptance and answer then does, however slow
// the machine is.
type heldAnswers struct {
	provider http.Handler
	mu       sync.Mutex
	byTrack  map[string]chan struct{}
}

func (h *heldAnswers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !generate(r) {
		h.provider.ServeHTTP(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	var request struct{ AudioID string }
	_ = json.Unmarshal(body, &request)
	h.mu.Lock()
	released := h.byTrack[request.AudioID]
	h.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	if released == nil {
		h.provider.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	h.provider.ServeHTTP(answer, r)
	select {
	case <-released:
	case <-r.Context().Done():
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = answer.Body.WriteTo(w)
}

// holdAnswer keeps the answer to a track's submit back until it is released, at the latest when the
// test ends.
func (s *stack) holdAnswer(in stemflow.SeparateStemsInput) (release func()) {
	s.t.Helper()
	released := make(chan struct{})
	release = sync.OnceFunc(func() { close(released) })
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	s.held.byTrack[in.AudioID] = released
	s.t.Cleanup(release)
	return release
}

// settle lets the provider come to an end with a track, once it is paid for, whatever its scenario
// says.
func (s *stack) settle(in stemflow.SeparateStemsInput) {
	s.t.Helper()
	s.await("the track is paid for", func() bool { return s.billed(in) > 0 })
	charges := s.charges(in)
	require.NoError(s.t, s.sim.Settle(charges[len(charges)-1].TaskID))
}
