package integration

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devservers/serverstest"
)

// Thousands of strangers neither fill the bridge's memory nor keep the provider out.
func TestBridgeAmongStrangers(t *testing.T) {
	b := startBridge(t, serverstest.Temporal(t).Addr, 4)
	provider := &sender{addr: b.addr}
	defer provider.close()
	sent := 0
	serve := func() {
		t.Helper()
		// The longest-waiting connection may be closed by the bridge, and the provider opens a new
		// one each time.
		provider.close()
		status, err := provider.send(b.request(sent%4, newID()))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		sent++
	}
	for range 100 {
		serve()
	}
	before := memory(t, b.process.PID(), "VmRSS")

	var strangers []net.Conn
	defer func() {
		for _, conn := range strangers {
			conn.Close()
		}
	}()
	beginnings := []string{
		"", // idle
		"POST /callbacks/x HTTP/1.1\r\nHost: a\r\nX-Slow: ",
		"POST /callbacks/" + b.tokens[0] + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n" + strings.Repeat(
			" ",
			64<<10,
		),
	}
	const crowd = 6000
	for i := range crowd {
		// They come from many addresses: one alone may not open so many.
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1+byte(i/50), 2)}}
		conn, err := from.Dial("tcp", b.addr)
		require.NoError(t, err)
		strangers = append(strangers, conn)
		_, _ = io.WriteString(conn, beginnings[i%len(beginnings)]) // may be hung up on already
		if i%100 == 0 {
			serve()
			for _, hostile := range []string{
				"POST /callbacks/x HTTP/1.1\r\nHost: a\r\nX-Fill: " + strings.Repeat("a", 1<<20),
				fmt.Sprintf("POST /callbacks/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", b.tokens[1], 250_000, strings.Repeat("[", 250_000)),
			} {
				s := &sender{addr: b.addr}
				status, err := s.send([]byte(hostile))
				require.True(t, err != nil || status >= 400, "answered %d", status)
				s.close()
			}
		}
	}
	peak := memory(t, b.process.PID(), "VmHWM")
	t.Logf("resident memory: %d KiB before, %d KiB at its peak", before, peak)
	require.Less(t, peak-before, 96<<10, "KiB: memory grows with the strangers")
	require.Len(t, b.signalled(), sent)
}
