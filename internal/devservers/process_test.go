package devservers

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devtools"
)

// listener is a command that listens on a free port, and its address.
func listener(t *testing.T) (Command, string) {
	t.Helper()
	port, err := FreePort(0)
	require.NoError(t, err)
	command := child("listener", address(port))
	command.Ports = []Port{{port, "the listener"}}
	command.Ready = func(context.Context) error { return dial(address(port)) }
	return command, address(port)
}

func dial(addr string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

func TestStartWaitsUntilReadyAndStopEnds(t *testing.T) {
	command, addr := listener(t)
	var log bytes.Buffer
	command.Log = &log
	p, err := Start(t.Context(), command)
	require.NoError(t, err)
	require.NoError(t, dial(addr))
	require.NoError(t, p.Err())

	p.Stop()
	<-p.Done()
	require.NoError(t, p.Err(), "a child that was told to end did not end by itself")
	require.True(t, p.cmd.ProcessState.Success(), "it was to end by itself, not to be killed")
	require.Error(t, dial(addr))
	require.Contains(t, log.String(), "a line of the listener's log")
	p.Stop() // a second time changes nothing
}

func TestRestartAfterKill(t *testing.T) {
	command, addr := listener(t)
	p, err := Start(t.Context(), command)
	require.NoError(t, err)
	p.Addr = addr
	for range 3 {
		p.Kill()
		require.Error(t, dial(addr))
		p, err = p.Restart(t.Context())
		require.NoError(t, err)
		require.Equal(t, addr, p.Addr)
		require.NoError(t, dial(addr))
	}
	p.Stop()
}

func TestFrozenUntilThawedOrKilled(t *testing.T) {
	command, addr := listener(t)
	p, err := Start(t.Context(), command)
	require.NoError(t, err)
	ask := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr, nil)
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
	require.NoError(t, p.Freeze())
	// The signal may still be on its way when the first request is answered.
	require.Eventually(t, func() bool {
		return errors.Is(ask(200*time.Millisecond), context.DeadlineExceeded)
	}, readyWithin, time.Millisecond)
	require.NoError(t, p.Thaw())
	require.NoError(t, ask(readyWithin))

	require.NoError(t, p.Freeze())
	p.Kill()
	require.ErrorContains(t, p.Freeze(), "listener has ended")
	require.ErrorContains(t, p.Thaw(), "listener has ended")
}

// stubborn is a command that has to be killed.
func stubborn() Command {
	command := child("stubborn")
	var log tail
	command.Log = &log
	command.Ready = func(context.Context) error {
		if log.String() == "" {
			return errors.New("it does not ignore interrupts yet")
		}
		return nil
	}
	return command
}

func TestStopKillsWhatDoesNotEnd(t *testing.T) {
	command := stubborn()
	command.StopWithin = 50 * time.Millisecond
	p, err := Start(t.Context(), command)
	require.NoError(t, err)
	p.Stop()
	require.Equal(t, syscall.SIGKILL, p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())
}

func TestKillEndsAStopThatTakesLong(t *testing.T) {
	command := stubborn()
	command.StopWithin = time.Hour
	p, err := Start(t.Context(), command)
	require.NoError(t, err)
	stopped := make(chan struct{})
	go func() { p.Stop(); close(stopped) }()
	p.Kill()
	<-stopped
}

func TestStartTellsWhyAChildEnded(t *testing.T) {
	command := child("failing")
	command.Ready = func(context.Context) error { return errors.New("not yet") }
	_, err := Start(t.Context(), command)
	require.ErrorContains(t, err, "failing has ended: exit status 3\n    the reason is this")
}

func TestErrTellsWhyAChildEnded(t *testing.T) {
	p, err := Start(t.Context(), child("failing"))
	require.NoError(t, err)
	<-p.Done()
	require.ErrorContains(t, p.Err(), "failing has ended: exit status 3\n    the reason is this")
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	command := child("stubborn")
	checked := 0
	command.Ready = func(context.Context) error {
		if checked++; checked == 2 {
			cancel(interrupted)
		}
		return errors.New("not yet")
	}
	_, err := Start(ctx, command)
	require.ErrorIs(t, err, interrupted)
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", address(0))
	require.NoError(t, err)
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port

	command := child("listener", address(port))
	command.Ports = []Port{{port, "the callback bridge"}}
	_, err = Start(t.Context(), command)
	var inUse *PortInUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, command.Ports[0], inUse.Port)
	require.Regexp(t, `^port \d+, wanted for the callback bridge, is in use by another program: `, err)

	other, err := FreePort(port)
	require.NoError(t, err)
	require.NotEqual(t, port, other)
	same, err := FreePort(other)
	require.NoError(t, err)
	require.Equal(t, other, same)
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	command, addr := listener(t)
	cmd := exec.Command(command.Path, command.Args...)
	cmd.Env = command.Env
	ended := make(chan error, 1)
	go func() { ended <- devtools.Run(ctx, cmd) }()
	require.Eventually(t, func() bool { return dial(addr) == nil }, readyWithin, readyPause)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Error(t, dial(addr))
}

func TestTailKeepsTheEnd(t *testing.T) {
	var tl tail
	require.Empty(t, tl.quoted())
	for range 10_000 {
		_, _ = tl.Write([]byte("0123456789\n"))
	}
	_, _ = tl.Write([]byte("the end\n"))
	require.Len(t, tl.String(), tailBytes)
	require.Equal(
		t,
		"\n    0123456789\n    the end",
		tl.quoted()[len(tl.quoted())-len("\n    0123456789\n    the end"):],
	)
	require.Equal(t, tailLines, bytes.Count([]byte(tl.quoted()), []byte("\n")))
}
