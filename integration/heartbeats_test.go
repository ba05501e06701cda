package integration

import (
	"context"
	"log/slog"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc"

	"stemflow"
	"stemflow/internal/devservers/serverstest"
	"stemflow/kiesim"
)

// lines keeps what is logged, from any goroutine.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A heartbeat that is on its way when its activity ends is no fault, and not logged as one. The
// server is slow to answer heartbeats, so that nearly all activities end during one.
func TestHealthyRunsLogNoWarningsOfHeartbeats(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	var logged lines
	var heartbeats atomic.Int64
	slow := func(
		ctx context.Context, method string, in, out any, conn *grpc.ClientConn, next grpc.UnaryInvoker,
		options ...grpc.CallOption,
	) error {
		if path.Base(method) == "RecordActivityTaskHeartbeat" {
			heartbeats.Add(1)
			select {
			case <-time.After(400 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return next(ctx, method, in, out, conn, options...)
	}
	c, err := client.Dial(client.Options{
		HostPort: s.server, Logger: log.NewStructuredLogger(slog.New(slog.NewTextHandler(&logged, nil))),
		ConnectionOptions: client.ConnectionOptions{
			DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(slow)},
		},
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	s.client, s.cfg.Client = c, c
	s.startWorker()

	var runs []client.WorkflowRun
	for i := range 2 {
		in := track(stemflow.SplitStem)
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{Files: map[string]kiesim.File{
			kiesim.AllStems: {Size: int64(30_000 + 4_000*i), BytesPerSecond: 10_000},
		}})
		runs = append(runs, s.start(in))
	}
	for _, run := range runs {
		s.result(run)
	}
	require.Greater(t, heartbeats.Load(), int64(24), "of 24 stems")
	for line := range strings.Lines(logged.String()) {
		// A machine that is so busy that an answer takes a second is not healthy. Which side has
		// noticed first tells how that is worded.
		late := strings.Contains(line, "context deadline exceeded") ||
			strings.Contains(line, "RST_STREAM with error code: CANCEL")
		if strings.Contains(line, "RecordActivityHeartbeat") && !late {
			t.Error(line)
		}
	}
}
