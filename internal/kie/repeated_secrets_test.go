package kie

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/redact"
)

// Not only messages repeat what was sent: what net/http says of an answer that is none does too.
func TestErrorsOfTheTransportHideSecrets(t *testing.T) {
	const key = "0f9e8d7c6b5a49382716"
	for _, answer := range []string{
		"HTTP/1.1 2" + key + " OK\r\n\r\n", "Bearer " + key + "\r\n\r\n", "HTTP/1.1 200 OK\r\n" + key + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: " + key + "\r\n\r\n",
		"HTTP/1.1 401 no\r\nContent-Length: 43\r\n\r\nthe key 0f9e8d7c6b5a49382716 is not welcome.",
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Read(make([]byte, 4096))
				fmt.Fprint(conn, answer)
				_ = conn.Close()
			}
		}()
		c, err := New(Options{BaseURL: "http://" + listener.Addr().String(), APIKey: key})
		require.NoError(t, err)
		_, err = c.Record(t.Context(), "3e63")
		require.Error(t, err)
		for ; err != nil; err = errors.Unwrap(err) {
			require.NotContains(t, err.Error(), key[:12], answer)
			require.NotContains(t, err.Error(), key[8:], answer)
		}
		require.NoError(t, listener.Close())
	}
}

func TestRecordsHideTheSecretsThatTheyRepeat(t *testing.T) {
	const other = "wJalrXUtnFEMI/K7MDENG"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"code":200,"data":{"taskId":"t","callbackUrl":"https://b/callbacks/some-t0ken-0f-ours","successFlag":"key-`+other+`",
			"errorMessage":"no answer from %73ome-t0ken-0f-ours with `+other+`","response":{"vocalUrl":"https://f/v.mp3"}}}`)
	}))
	defer server.Close()
	c, err := New(Options{BaseURL: server.URL, APIKey: "key", Redactor: redact.New(other)})
	require.NoError(t, err)
	record, err := c.Record(t.Context(), "t")
	require.NoError(t, err)
	require.Equal(t, "no answer from [hidden] with [hidden]", record.ErrorMessage)
	require.Equal(t, "key-[hidden]", record.Flag)
	require.Equal(t, "https://b/callbacks/some-t0ken-0f-ours", record.CallbackURL, "the caller compares it")
}
