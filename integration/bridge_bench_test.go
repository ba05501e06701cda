package integration

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/kie"
)

const (
	benchWorkflows = 256
	benchRounds    = 5 // of four blocks: direct, bridge, bridge, direct
)

// block is what one block of signals took.
type block struct {
	rate      float64 // signals a second
	latencies []time.Duration
}

// BenchmarkBridge sends callbacks over HTTP through the bridge's program to a real Temporal server
// and, in turn with it, the same number of signals of the same content to the same workflows by the
// SDK itself, at the same concurrency.
//
//	go test ./integration -run '^$' -bench Bridge -benchtime 1x
func BenchmarkBridge(b *testing.B) {
	p := startBridge(b, serverstest.Temporal(b).Addr, benchWorkflows)
	for b.Loop() {
		var sent []string
		table := &strings.Builder{}
		fmt.Fprintf(
			table,
			"connections  direct/s  bridge/s  ratio      direct p50/p90/p99 ms      bridge p50/p90/p99 ms\n",
		)
		for _, c := range []struct{ connections, signals int }{{1, 400}, {16, 1600}, {64, 3200}} {
			var direct, bridged []block
			for range benchRounds {
				for _, throughBridge := range []bool{false, true, true, false} {
					tasks := make([]string, c.signals)
					for i := range tasks {
						tasks[i] = newID()
					}
					sent = append(sent, tasks...)
					if throughBridge {
						bridged = append(bridged, p.throughBridge(tasks, c.connections))
					} else {
						direct = append(direct, p.directly(tasks, c.connections))
					}
				}
			}
			d, br := median(direct), median(bridged)
			fmt.Fprintf(
				table,
				"%11d  %8.0f  %8.0f  %5.2f  %25s  %25s\n",
				c.connections,
				d,
				br,
				br/d,
				percentiles(direct),
				percentiles(bridged),
			)
			b.ReportMetric(br/d, fmt.Sprintf("ratio@%d", c.connections))
		}
		fmt.Fprintf(table, "peak resident memory of the bridge: %d KiB", memory(b, p.process.PID(), "VmHWM"))
		b.Log("\n" + table.String())
		inHistory := p.signalled()
		for _, task := range sent {
			require.Equal(b, 1, inHistory[task], "a signal was lost or doubled: %s", task)
		}
	}
}

// run lets connections workers send one task after the other.
func (b *bridgeProgram) run(tasks []string, connections int, send func(worker int) func(i int, task string)) block {
	latencies := make([]time.Duration, len(tasks))
	var next atomic.Int64
	var workers sync.WaitGroup
	began := time.Now()
	for w := range connections {
		one := send(w)
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(tasks) {
					return
				}
				at := time.Now()
				one(i, tasks[i])
				latencies[i] = time.Since(at)
			}
		})
	}
	workers.Wait()
	return block{float64(len(tasks)) / time.Since(began).Seconds(), latencies}
}

func (b *bridgeProgram) directly(tasks []string, connections int) block {
	callbacks := make([]stemflow.Callback, len(tasks))
	for i, task := range tasks {
		_, body, _ := strings.Cut(string(b.request(0, task)), "\r\n\r\n")
		read, err := kie.ReadCallback([]byte(body))
		require.NoError(b.t, err)
		callbacks[i], err = read.Decode()
		require.NoError(b.t, err)
	}
	return b.run(tasks, connections, func(int) func(int, string) {
		return func(i int, _ string) {
			run := b.runs[i%len(b.runs)]
			err := b.client.SignalWorkflow(
				context.Background(),
				run.GetID(),
				"",
				stemflow.SignalSeparationCallback,
				callbacks[i],
			)
			if err != nil {
				b.t.Error(err)
			}
		}
	})
}

func (b *bridgeProgram) throughBridge(tasks []string, connections int) block {
	requests := make([][]byte, len(tasks))
	for i, task := range tasks {
		requests[i] = b.request(i%len(b.runs), task)
	}
	conns := make([]net.Conn, connections)
	for i := range conns {
		conn, err := net.Dial("tcp", b.addr)
		require.NoError(b.t, err)
		defer conn.Close()
		conns[i] = conn
	}
	return b.run(tasks, connections, func(worker int) func(int, string) {
		answer := make([]byte, 1024)
		return func(i int, _ string) {
			if err := exchange(conns[worker], requests[i], answer); err != nil {
				b.t.Error(err)
			}
		}
	})
}

// exchange is as little of an HTTP client as will do, so that the bridge is not charged for its own
// caller.
func exchange(conn net.Conn, request, answer []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	n := 0
	for !bytes.HasSuffix(answer[:n], []byte("}\n")) {
		read, err := conn.Read(answer[n:])
		if err != nil {
			return err
		}
		n += read
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("answered %q", answer[:n])
	}
	return nil
}

func median(blocks []block) float64 {
	rates := make([]float64, len(blocks))
	for i, block := range blocks {
		rates[i] = block.rate
	}
	slices.Sort(rates)
	return (rates[(len(rates)-1)/2] + rates[len(rates)/2]) / 2
}

// percentiles of all blocks together, in milliseconds.
func percentiles(blocks []block) string {
	var all []time.Duration
	for _, block := range blocks {
		all = append(all, block.latencies...)
	}
	slices.Sort(all)
	at := func(p float64) float64 { return float64(all[int(p*float64(len(all)-1))].Microseconds()) / 1000 }
	return fmt.Sprintf("%.2f / %.2f / %.2f", at(.5), at(.9), at(.99))
}
