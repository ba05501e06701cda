package main

import (
	"context"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devservers"
	"stemflow/internal/devtools"
)

// sleeperVariable makes this test binary play a process that runs until it is told to end.
const sleeperVariable = "STEMFLOW_TEST_SLEEPER"

func TestMain(m *testing.M) {
	if os.Getenv(sleeperVariable) != "" {
		select {}
	}
	os.Exit(m.Run())
}

// sleeper is a member that is up until the test ends.
func sleeper(t *testing.T) *member {
	t.Helper()
	m := &member{kind: "sleeper", name: "sleeper", log: io.Discard}
	m.start = func(ctx context.Context) (*devservers.Process, error) {
		return devservers.Start(ctx, devservers.Command{
			Name: "sleeper", Path: os.Args[0], Env: devtools.Environment(nil, sleeperVariable+"=1"),
		})
	}
	life, end := context.WithCancel(context.Background())
	var supervisors sync.WaitGroup
	require.NoError(t, m.up(t.Context(), life, &supervisors))
	t.Cleanup(func() {
		end()
		supervisors.Wait()
		m.process.Kill()
	})
	return m
}

func TestMemberThatIsKilledComesBack(t *testing.T) {
	m := sleeper(t)
	before, _ := m.current()
	require.NoError(t, m.kill(t.Context()))
	after, _ := m.current()
	require.NotEqual(t, before.PID(), after.PID())
	<-before.Done()
	require.Zero(t, m.unwanted(), "it was to end")
}

func TestMemberThatEndsByItselfIsStartedAgainAndCounted(t *testing.T) {
	m := sleeper(t)
	process, back := m.current()
	require.NoError(t, syscall.Kill(process.PID(), syscall.SIGKILL))
	<-back
	require.Equal(t, 1, m.unwanted())
	require.NoError(t, m.freeze(t.Context(), time.Millisecond), "the one that runs now")
}
