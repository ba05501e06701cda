package integration

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devservers"
)

// restartPause is how long a supervisor waits before it starts a program again that has ended.
const restartPause = 300 * time.Millisecond

// supervised is a program that is started again whenever it ends, as it is in production. While it
// is down it stays so.
type supervised struct {
	command devservers.Command

	mu      sync.Mutex
	changed *sync.Cond
	process *devservers.Process
	down    bool
	closed  bool
	ended   chan struct{}
}

// supervise starts a program. The command must have no check of readiness: the servers that it
// needs may be away.
func supervise(t testing.TB, command devservers.Command) *supervised {
	t.Helper()
	process, err := devservers.Start(t.Context(), command)
	require.NoError(t, err)
	s := &supervised{command: command, process: process, ended: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	go s.keep()
	t.Cleanup(func() { s.close((*devservers.Process).Kill) })
	return s
}

func (s *supervised) keep() {
	defer close(s.ended)
	for {
		<-s.process.Done()
		time.Sleep(restartPause)
		s.mu.Lock()
		for s.down && !s.closed {
			s.changed.Wait()
		}
		if s.closed {
			s.mu.Unlock()
			return
		}
		if process, err := devservers.Start(context.Background(), s.command); err == nil {
			s.process = process
		}
		s.mu.Unlock()
	}
}

// kill ends the program, which stays down until it is revived.
func (s *supervised) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = true
	s.process.Kill()
}

func (s *supervised) revive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = false
	s.changed.Broadcast()
}

func (s *supervised) freeze(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NoError(t, s.process.Freeze())
}

func (s *supervised) thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.process.Thaw() // it may have been killed since
}

// stop lets the program finish what it has begun.
func (s *supervised) stop() { s.close((*devservers.Process).Stop) }

func (s *supervised) close(end func(*devservers.Process)) {
	s.mu.Lock()
	s.closed = true
	s.changed.Broadcast()
	process := s.process
	s.mu.Unlock()
	end(process)
	<-s.ended
}
