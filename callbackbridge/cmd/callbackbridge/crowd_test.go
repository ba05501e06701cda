package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var honestCallers = flag.Int("honest", 100, "callbacks of the honest caller in BenchmarkCrowd")

// from makes connections from an address of this machine.
func from(ip string) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: time.Minute}
}

// requireLoopback skips where only one address of the loopback network can be used.
func requireLoopback(t testing.TB) {
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("this machine has no 127.0.0.2:", err)
	}
	l.Close()
}

func (s *served) dialFrom(ip string) net.Conn {
	s.t.Helper()
	conn, err := from(ip).Dial("tcp", s.addr)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// The connections of one address, of however many, cost only its own.
func TestACrowdClosesItsOwnConnections(t *testing.T) {
	requireLoopback(t)
	for name, c := range map[string]struct{ connections, perAddress int }{
		"the limit for an address": {1000, 8},
		"the limit in all":         {16, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			l := productionLimits
			l.connections, l.perAddress = c.connections, c.perAddress
			s := startServer(t, l)
			honest := s.dialFrom("127.0.0.2") // the longest-waiting of all
			_, err := io.WriteString(honest, "POST /callbacks/x HTTP/1.1\r\nHost:")
			require.NoError(t, err)
			var crowd []net.Conn
			for range 100 {
				crowd = append(crowd, s.dialFrom("127.0.0.3"))
			}
			_, err = crowd[0].Read(make([]byte, 1))
			require.Error(t, err, "the crowd's first was closed")
			_, err = io.WriteString(honest, " a\r\nContent-Length: 0\r\n\r\n")
			require.NoError(t, err)
			require.Equal(t, http.StatusUnauthorized, s.answer(honest))
			_, err = io.WriteString(crowd[99], "POST /callbacks/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
			require.NoError(t, err)
			require.Equal(t, http.StatusUnauthorized, s.answer(crowd[99]), "its latest are served")
		})
	}
}

func TestAnAddressOpensConnectionsAtABoundedRate(t *testing.T) {
	requireLoopback(t)
	l := productionLimits
	l.newPerSecond, l.newBurst = 1e-9, 10
	s := startServer(t, l)
	for i := range 20 {
		conn := s.dialFrom("127.0.0.2")
		_, _ = io.WriteString(conn, "POST /callbacks/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
		want := http.StatusUnauthorized
		if i >= 10 {
			want = 0
		}
		require.Equal(t, want, s.answer(conn))
	}
	require.Equal(t, http.StatusUnauthorized, func() int {
		conn := s.dialFrom("127.0.0.3")
		_, _ = io.WriteString(conn, "POST /callbacks/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
		return s.answer(conn)
	}(), "another address is served")
}

func TestABucketIsFilledAgain(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := limitRate(nil, limits{newPerSecond: 10, newBurst: 5}, nil)
	r.now = func() time.Time { return now }
	admitted := func(ip string) (n int) {
		for range 100 {
			if r.admit(sourceOf(&net.TCPAddr{IP: net.ParseIP(ip), Port: 1}, nil)) {
				n++
			}
		}
		return n
	}
	require.Equal(t, 5, admitted("192.0.2.1"))
	now = now.Add(200 * time.Millisecond)
	require.Equal(t, 2, admitted("192.0.2.1"))
	now = now.Add(time.Hour)
	require.Equal(t, 5, admitted("192.0.2.1"), "no more than the burst")
	require.Equal(t, 5, admitted("2001:db8:1:2::1"))
	require.Equal(t, 0, admitted("2001:db8:1:ff:ffff::7"), "the same customer")
	require.Equal(t, 5, admitted("2001:db8:1:300::1"), "another one")
	require.Equal(t, 0, admitted("::ffff:192.0.2.1"), "an IPv4 address in another form")
	for i := range 3 * rememberedAddresses {
		admitted(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
		require.LessOrEqual(t, len(r.buckets), rememberedAddresses)
	}
}

// A proxy is trusted by its whole address: others may share its network, and its network's first
// address may be trusted.
func TestATrustedProxyIsKnownByItsWholeAddress(t *testing.T) {
	for trusted, peers := range map[string]map[string]bool{
		"2001:db8::5/128": {"2001:db8::5": true, "2001:db8::6": false, "2001:db8::": false},
		"2001:db8::/128":  {"2001:db8::": true, "2001:db8::5": false},
		"2001:db8::/64":   {"2001:db8::5": true, "2001:db8:0:1::5": false},
		"2001:db8::/48":   {"2001:db8:0:ff::5": true, "2001:db8:1::5": false},
		"::1/128":         {"::1": true, "::2": false},
		"192.0.2.1/32":    {"192.0.2.1": true, "::ffff:192.0.2.1": true, "192.0.2.2": false},
	} {
		for peer, want := range peers {
			r := limitRate(nil, limits{newPerSecond: 1e-9, newBurst: 2}, []netip.Prefix{netip.MustParsePrefix(trusted)})
			admitted := 0
			for range 10 {
				if r.admit(sourceOf(&net.TCPAddr{IP: net.ParseIP(peer), Port: 1}, r.trusted)) {
					admitted++
				}
			}
			require.Equal(t, want, admitted == 10, "%s with %s trusted", peer, trusted)
		}
	}
}

// delayed is a way to the server with a latency, of which half lies in each direction.
type delayed struct {
	net.Conn
	oneWay time.Duration
}

func (d delayed) Write(p []byte) (int, error) { time.Sleep(d.oneWay); return d.Conn.Write(p) }

func (d delayed) Read(p []byte) (int, error) {
	n, err := d.Conn.Read(p)
	time.Sleep(d.oneWay)
	return n, err
}

// A crowd at two addresses opens 5,000 connections a second, holds 1,200 bodies that come in drops,
// with a genuine token, and asks for readiness without end. An honest caller at a third address,
// 200 ms away, sends one callback after the other, each over a connection of its own.
//
//	go test ./callbackbridge/cmd/callbackbridge -run '^$' -bench Crowd -benchtime 1x
func BenchmarkCrowd(b *testing.B) {
	requireLoopback(b)
	for b.Loop() {
		took, late := crowd(b, 5000, 1200, *honestCallers)
		slices.Sort(took)
		b.ReportMetric(float64(late), "late")
		b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
		b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
		b.ReportMetric(took[len(took)-1].Seconds()*1000, "max-ms")
	}
}

// The same with a smaller crowd: what counts is that every callback is answered.
func TestAnHonestCallerIsServedInACrowd(t *testing.T) {
	if testing.Short() {
		t.Skip("it keeps hundreds of connections open for seconds")
	}
	requireLoopback(t)
	_, late := crowd(t, 500, 300, 10)
	require.Zero(t, late)
}

// crowd returns how long the honest callbacks took, and how many had no answer of 200 within the 15
// s that the provider waits.
func crowd(t testing.TB, connectsPerSecond, trickling, honest int) (took []time.Duration, late int) {
	s := startServer(t, productionLimits)
	stop := make(chan struct{})
	var all sync.WaitGroup
	defer all.Wait()
	defer close(stop)
	running := func() bool {
		select {
		case <-stop:
			return false
		default:
			return true
		}
	}
	const dialers = 50
	addresses := []string{"127.0.0.2", "127.0.0.3"}
	var connects atomic.Int64
	for i := range dialers {
		all.Go(func() { // connects
			tick := time.NewTicker(time.Second * dialers / time.Duration(connectsPerSecond))
			defer tick.Stop()
			for running() {
				<-tick.C
				if conn, err := from(addresses[i%2]).Dial("tcp", s.addr); err == nil {
					connects.Add(1)
					_ = conn.(*net.TCPConn).SetLinger(0) // leaves no port behind
					time.AfterFunc(100*time.Millisecond, func() { conn.Close() })
				}
			}
		})
	}
	for i := range trickling {
		all.Go(func() { // bodies that come in drops
			for running() {
				conn, err := from(addresses[i%2]).Dial("tcp", s.addr)
				if err != nil {
					continue
				}
				_ = conn.(*net.TCPConn).SetLinger(0)
				_, err = fmt.Fprintf(conn,
					"POST /callbacks/%s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n", s.token)
				for err == nil && running() {
					time.Sleep(200 * time.Millisecond)
					_, err = conn.Write([]byte(" "))
				}
				conn.Close()
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	for i := range 8 {
		all.Go(func() { // a readiness flood
			transport := &http.Transport{DialContext: from(addresses[i%2]).DialContext}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport, Timeout: time.Second}
			for running() {
				response, err := client.Get("http://" + s.addr + "/readyz")
				if err != nil {
					time.Sleep(10 * time.Millisecond)
					continue
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		})
	}
	time.Sleep(2 * time.Second) // the crowd gathers
	began := connects.Load()
	since := time.Now()
	for i := range honest {
		body := strings.Replace(callback, "3e63b4cc88d52611159371f6af5571e7", fmt.Sprintf("%032x", i%10), 1)
		started := time.Now()
		if err := honestCallback(s, body); err != nil {
			t.Log("late:", err)
			late++
		}
		took = append(took, time.Since(started))
	}
	t.Logf("the crowd made %.0f connections a second", float64(connects.Load()-began)/time.Since(since).Seconds())
	return took, late
}

// honestCallback sends one callback over a connection of its own, as the provider does, which waits
// 15 s for the answer.
func honestCallback(s *served, body string) error {
	limit := time.Now().Add(15 * time.Second)
	dialer := from("127.0.0.4")
	dialer.Deadline = limit
	conn, err := dialer.Dial("tcp", s.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	time.Sleep(200 * time.Millisecond) // the connection's own round trip
	_ = conn.SetDeadline(limit)
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return delayed{conn, 100 * time.Millisecond}, nil
		},
	}}
	response, err := client.Post("http://"+s.addr+"/callbacks/"+s.token, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}
