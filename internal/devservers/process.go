package devservers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"stemflow/internal/devtools"
)

const (
	// readyWithin is generous: a cold disk or a busy machine makes a server slow, and one that
	// fails is noticed by its exit.
	readyWithin = time.Minute
	readyPause  = 50 * time.Millisecond
	stopWithin  = 10 * time.Second
)

// Command describes a child process.
type Command struct {
	// Name is what messages call it.
	Name string
	Path string
	Args []string
	// Env is the whole environment; nil hands on the parent's.
	Env []string
	Dir string
	// Credential is the user that the child runs as; nil is the parent's.
	Credential *syscall.Credential
	// Log takes the child's standard output and error, where given.
	Log io.Writer
	// Ports are those that it will listen on. They are checked before the start.
	Ports []Port
	// Ready is called again and again until it returns nil; without it the child counts as ready at
	// once.
	Ready func(context.Context) error
	// StopWithin is how long it may take to stop before it is killed; 0 is 10 s.
	StopWithin time.Duration
}

// Process is a child process that was ready when it was returned.
type Process struct {
	// Addr is the host and port of a server, UIAddr those of its web interface; empty where there
	// is none.
	Addr, UIAddr string

	command Command
	cmd     *exec.Cmd
	tail    tail
	asked   atomic.Bool // whether it was told to end
	done    chan struct{}
	exit    error // set before done is closed
}

// Start starts the command and waits until it is ready. The context bounds the start only. A child
// that ends early fails the start at once, with the last lines of its log in the error.
func Start(ctx context.Context, command Command) (*Process, error) {
	for _, port := range command.Ports {
		if err := port.check(); err != nil {
			return nil, err
		}
	}
	p := &Process{command: command, done: make(chan struct{})}
	p.cmd = exec.Command(command.Path, command.Args...)
	p.cmd.Env = command.Env
	p.cmd.Dir = command.Dir
	if command.Credential != nil {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: command.Credential}
	}
	p.cmd.Stdout = &p.tail
	if command.Log != nil {
		p.cmd.Stdout = io.MultiWriter(&p.tail, command.Log)
	}
	p.cmd.Stderr = p.cmd.Stdout
	// A grandchild that kept the pipe open would otherwise hold up Wait for ever.
	p.cmd.WaitDelay = time.Second
	if err := devtools.StartChild(p.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Name, err)
	}
	go func() {
		p.exit = p.cmd.Wait()
		close(p.done)
	}()
	if err := p.awaitReady(ctx); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

func (p *Process) awaitReady(ctx context.Context) error {
	if p.command.Ready == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(
		ctx,
		readyWithin,
		fmt.Errorf("%s was not ready within %v", p.command.Name, readyWithin),
	)
	defer cancel()
	for {
		err := p.command.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.Err()
		case <-ctx.Done():
			return fmt.Errorf("%w (last check: %v)%s", context.Cause(ctx), err, p.tail.quoted())
		case <-time.After(readyPause):
		}
	}
}

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says why the child ended unasked, with the last lines of its log. It is nil while the
// child runs and when it was told to end.
func (p *Process) Err() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	if p.asked.Load() {
		return nil
	}
	how := "exit status 0"
	if p.exit != nil {
		how = p.exit.Error()
	}
	return fmt.Errorf("%s has ended: %s%s", p.command.Name, how, p.tail.quoted())
}

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop asks the child to end, as Ctrl-C does, waits for it, and kills it when it takes too long.
func (p *Process) Stop() {
	p.asked.Store(true)
	p.signal(syscall.SIGINT)
	patience := p.command.StopWithin
	if patience == 0 {
		patience = stopWithin
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		p.Kill()
	}
}

// Kill ends the child as a crash would, and waits until it is gone.
func (p *Process) Kill() {
	p.asked.Store(true)
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Freeze stops the child where it is: it keeps its memory and its connections and does nothing, as
// on a machine that swaps or whose virtual host is paused.
func (p *Process) Freeze() error { return p.send(syscall.SIGSTOP) }

// Thaw lets a child that was frozen go on.
func (p *Process) Thaw() error { return p.send(syscall.SIGCONT) }

func (p *Process) send(s syscall.Signal) error {
	select {
	case <-p.done:
		return fmt.Errorf("%s has ended", p.command.Name)
	default:
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil {
		return fmt.Errorf("send %v to %s: %w", s, p.command.Name, err)
	}
	return nil
}

// Restart starts the same program again, on the same ports and data. A child that still runs is
// stopped first.
func (p *Process) Restart(ctx context.Context) (*Process, error) {
	p.Stop()
	again, err := Start(ctx, p.command)
	if err != nil {
		return nil, err
	}
	again.Addr, again.UIAddr = p.Addr, p.UIAddr
	return again, nil
}

// signal reaches the child's whole process group: what was found on PATH may be a script around the
// real program.
func (p *Process) signal(s syscall.Signal) {
	select {
	case <-p.done:
		return // its id may belong to another process by now
	default:
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		_ = p.cmd.Process.Signal(s)
	}
}
