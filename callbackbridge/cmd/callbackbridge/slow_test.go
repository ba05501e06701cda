package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The bridge does not wait for a stranger's body: the refusal comes while it is still being sent.
func TestStrangersAreAnsweredAtOnce(t *testing.T) {
	l := brisk()
	l.read = time.Hour
	s := startServer(t, l)
	conn := s.dial()
	_, err := io.WriteString(
		conn,
		"POST /callbacks/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nnine hundred and ninety are missing",
	)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, s.answer(conn))
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
	var slow net.Error
	require.False(t, errors.As(err, &slow) && slow.Timeout(), "the connection stays open")
}

func TestSlowCallersAreCutOff(t *testing.T) {
	s := startServer(t, brisk())
	for name, beginning := range map[string]string{
		"nothing at all":   "",
		"half a header":    "POST /callbacks/x HTTP/1.1\r\nHost:",
		"a header too few": "POST /callbacks/x HTTP/1.1\r\nHost: a\r\n",
		"half a body":      "POST /callbacks/" + s.token + " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"half a chunk":     "POST /callbacks/" + s.token + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
		"a callback, then silence": "POST /callbacks/" + s.token + " HTTP/1.1\r\nHost: a\r\nContent-Length: " +
			fmt.Sprint(len(callback)) + "\r\n\r\n" + callback,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &served{t, s.addr, s.token}
			conn := s.dial()
			_, err := io.WriteString(conn, beginning)
			require.NoError(t, err)
			drip, stop := time.NewTicker(50*time.Millisecond), make(chan struct{})
			defer drip.Stop()
			defer close(stop)
			go func() { // a byte now and then does not keep the door open
				for name != "a callback, then silence" {
					select {
					case <-drip.C:
						if _, err := io.WriteString(conn, "a"); err != nil {
							return
						}
					case <-stop:
						return
					}
				}
			}()
			s.requireServed()
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
			answer, err := io.ReadAll(conn)
			var slow net.Error
			require.False(t, errors.As(err, &slow) && slow.Timeout(), "the connection stays open")
			if len(answer) > 0 && name != "a callback, then silence" {
				require.Regexp(t, "^HTTP/1.1 4", string(answer))
			}
		})
	}
}
