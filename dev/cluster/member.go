package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"stemflow/internal/devservers"
)

const (
	// killedFor is how long a process that was killed stays away.
	killedFor = 5 * time.Second
	// startPause is between two tries to start a process again: one that was killed may have left
	// something that has to end first.
	startPause = time.Second
	// backWithin is how long a process may take to be there again.
	backWithin = 2 * time.Minute
)

// member is a process of the cluster. One that ends is started again, as systemd or Kubernetes
// would do.
type member struct {
	// kind is what it is one of, name which one.
	kind, name string
	start      func(context.Context) (*devservers.Process, error)
	// away is how long it stays away when it was killed.
	away time.Duration
	// freezing, where given, freezes and thaws in place of the process's own methods.
	freezing func(process *devservers.Process, frozen bool) error

	mu      sync.Mutex
	process *devservers.Process
	// back is closed when the process runs again, after it has ended.
	back chan struct{}
	// killed says that the end was wanted.
	killed bool
	// ended counts the ends that nobody wanted.
	ended int
	// log takes a line about each of those.
	log io.Writer
}

// up starts the process and keeps it up until the context ends.
func (m *member) up(ctx, life context.Context, supervisors *sync.WaitGroup) error {
	process, err := m.start(ctx)
	if err != nil {
		return fmt.Errorf("start %s: %w", m.name, err)
	}
	m.process, m.back = process, make(chan struct{})
	supervisors.Go(func() { m.supervise(life) })
	return nil
}

func (m *member) supervise(ctx context.Context) {
	for {
		process, _ := m.current()
		select {
		case <-ctx.Done():
			return
		case <-process.Done():
		}
		pause := m.takeNote(process)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			again, err := m.start(ctx)
			if err == nil {
				m.mu.Lock()
				m.process, m.killed = again, false
				close(m.back)
				m.back = make(chan struct{})
				m.mu.Unlock()
				break
			}
			fmt.Fprintf(m.log, "%s does not start again yet: %v\n", m.name, err)
			pause = startPause
		}
	}
}

// takeNote counts an end that nobody wanted, and returns how long the process stays away.
func (m *member) takeNote(process *devservers.Process) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.killed {
		return m.away
	}
	m.ended++
	fmt.Fprintf(m.log, "%v\n", process.Err())
	return startPause
}

// current is the process, and what is closed when another one runs in its place.
func (m *member) current() (process *devservers.Process, back <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.process, m.back
}

// unwanted is how often the process ended although nobody had killed it.
func (m *member) unwanted() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ended
}

// kill ends the process as a crash would, and returns when it is there again.
func (m *member) kill(ctx context.Context) error {
	m.mu.Lock()
	m.killed = true
	process, back := m.process, m.back
	m.mu.Unlock()
	process.Kill()
	select {
	case <-back:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(backWithin):
		return fmt.Errorf("%s was killed and is not back within %v", m.name, backWithin)
	}
}

// freeze stops the process where it is, and lets it go on after a time.
func (m *member) freeze(ctx context.Context, duration time.Duration) error {
	freezing := m.freezing
	if freezing == nil {
		freezing = func(process *devservers.Process, frozen bool) error {
			if frozen {
				return process.Freeze()
			}
			return process.Thaw()
		}
	}
	process, back := m.current()
	if err := freezing(process, true); err != nil { // it has just ended by itself
		select {
		case <-back:
			return m.freeze(ctx, duration)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(backWithin):
			return fmt.Errorf("%w, and is not back within %v", err, backWithin)
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
	return freezing(process, false)
}
