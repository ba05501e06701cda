package devtools

import (
	"context"
	"os/exec"
	"syscall"
	"time"
)

// stopWithin is how long a program that is told to end may take before it is killed.
const stopWithin = 10 * time.Second

// Run runs a program to its end. Like every child it does not outlive this program; when the
// context ends first, it and what it started are asked to end, then killed, and the context's error
// is returned.
func Run(ctx context.Context, cmd *exec.Cmd) error {
	cmd.WaitDelay = time.Second
	if err := StartChild(cmd); err != nil {
		return err
	}
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-done:
			return
		case <-ctx.Done():
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		}
		select {
		case <-done:
		case <-time.After(stopWithin):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	}()
	err := cmd.Wait()
	close(done)
	<-stopped
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
