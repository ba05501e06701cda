package source

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// hijack answers with raw bytes and then does with the connection what end says.
func hijack(answer string, end func(*net.TCPConn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		writeAll(buffered.Writer, answer)
		end(conn.(*net.TCPConn))
	}
}

func writeAll(w *bufio.Writer, text string) {
	if _, err := w.WriteString(text); err != nil {
		panic(err)
	}
	if err := w.Flush(); err != nil {
		panic(err)
	}
}

func hangUp(*net.TCPConn) {}

// reset makes closing tell the peer of an error, as a crashing host does.
func reset(conn *net.TCPConn) { _ = conn.SetLinger(0) }

func TestBodyEndsOnlyAtItsEnd(t *testing.T) {
	const sized, chunked, unsized = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
	for name, test := range map[string]struct {
		answer string
		end    func(*net.TCPConn)
		want   Kind
	}{
		"sized, whole":                 {sized + "0123456789", hangUp, ""},
		"sized, more than announced":   {sized + "0123456789abc", hangUp, ""},
		"sized, cut":                   {sized + "01234", hangUp, Truncated},
		"sized, cut at once":           {sized, hangUp, Truncated},
		"sized, reset":                 {sized + "01234", reset, Truncated},
		"chunked, whole":               {chunked + "a\r\n0123456789\r\n0\r\n\r\n", hangUp, ""},
		"chunked, cut in a chunk":      {chunked + "a\r\n01234", hangUp, Truncated},
		"chunked, cut between chunks":  {chunked + "5\r\n01234\r\n", hangUp, Truncated},
		"chunked, reset":               {chunked + "5\r\n01234\r\n", reset, Truncated},
		"chunked, broken":              {chunked + "5\r\n01234\r\nzz\r\n", hangUp, Truncated},
		"chunked, empty":               {chunked + "0\r\n\r\n", hangUp, Empty},
		"until the connection closes":  {unsized + "0123456789", hangUp, ""},
		"empty until connection close": {unsized, hangUp, Empty},
	} {
		t.Run(name, func(t *testing.T) {
			server := plainServer(t, hijack(test.answer, test.end))
			body, err := local(Options{}).Open(t.Context(), server.URL+secretPath)
			require.NoError(t, err)
			defer func() { require.NoError(t, body.Close()) }()
			content, err := io.ReadAll(body)
			if test.want == "" {
				require.NoError(t, err)
				require.Equal(t, "0123456789", string(content))
				return
			}
			requireKind(t, test.want, err)

			n, again := body.Read(make([]byte, 1))
			require.Zero(t, n)
			require.Equal(t, err, again, "an error stays")
		})
	}
}

func TestBodyOverMaxSize(t *testing.T) {
	server := plainServer(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(make([]byte, 1<<20))
	})
	for _, size := range []int64{1, 1000, 1<<20 - 1} {
		body, err := local(Options{MaxSize: size}).Open(t.Context(), server.URL+secretPath)
		require.NoError(t, err)
		content, err := io.ReadAll(body)
		requireKind(t, TooLarge, err)
		require.EqualValues(t, size, len(content), "no byte over the limit is passed on")
		require.NoError(t, body.Close())
	}
}

// silent sends half of a file and closes left when its client has gone.
func silent(left chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "01234")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(left)
	}
}

func TestBodyStalls(t *testing.T) {
	left := make(chan struct{})
	server := plainServer(t, silent(left))
	body, err := local(Options{StallTimeout: 20 * time.Millisecond}).Open(t.Context(), server.URL+secretPath)
	require.NoError(t, err)
	content, err := io.ReadAll(body)
	requireKind(t, Stalled, err)
	require.Equal(t, "01234", string(content))
	<-left
	require.NoError(t, body.Close())
}

func TestBodyWakesWhen(t *testing.T) {
	for name, wake := range map[string]func(*Body, context.CancelFunc){
		"its context ends": func(_ *Body, cancel context.CancelFunc) { cancel() },
		"it is closed":     func(body *Body, _ context.CancelFunc) { _ = body.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			left := make(chan struct{})
			server := plainServer(t, silent(left))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			body, err := local(Options{}).Open(ctx, server.URL+secretPath)
			require.NoError(t, err)
			_, err = io.ReadFull(body, make([]byte, 5))
			require.NoError(t, err)

			failed := make(chan error)
			go func() {
				_, err := body.Read(make([]byte, 1))
				failed <- err
			}()
			wake(body, cancel)
			err = <-failed
			require.ErrorIs(t, err, context.Canceled)
			require.NotContains(t, err.Error(), "secret")
			var failure *Error
			require.False(t, errors.As(err, &failure))
			<-left
			require.NoError(t, body.Close())
		})
	}
}

// untilCancelled fails when its request is cancelled, as the transport's bodies do.
type untilCancelled struct {
	io.Reader
	ctx context.Context
}

func (u untilCancelled) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(p)
}

// bodyOf is a Body of which content is what the transport delivers.
func bodyOf(ctx context.Context, size int64, content io.Reader) *Body {
	ctx, cancel := context.WithCancelCause(ctx)
	response := &http.Response{ContentLength: size, Body: io.NopCloser(untilCancelled{content, ctx})}
	return newBody(ctx, cancel, response, "example.com", 0, defaultStallTimeout)
}

func TestBodyDoesNotCountItsReadersTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := bodyOf(t.Context(), 10, strings.NewReader("0123456789"))
		for range 10 {
			time.Sleep(10 * defaultStallTimeout)
			_, err := io.ReadFull(body, make([]byte, 1))
			require.NoError(t, err)
		}
		_, err := body.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		require.NoError(t, body.Close())
	})
}

func TestBodyThatDripsIsNotStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		body := bodyOf(t.Context(), 10, reader)
		go func() {
			for range 10 {
				time.Sleep(defaultStallTimeout - time.Nanosecond)
				_, _ = writer.Write([]byte{'.'})
			}
			_ = writer.Close()
		}()
		require.Equal(t, strings.Repeat(".", 10), read(t, body))
	})
}

func TestBodyDoesNotTrustTheTransportsEOF(t *testing.T) {
	body := bodyOf(t.Context(), 10, strings.NewReader("01234"))
	_, err := io.ReadAll(body)
	requireKind(t, Truncated, err)
	require.NoError(t, body.Close())
}

func BenchmarkFetch(b *testing.B) {
	content := make([]byte, 64<<20)
	handler := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content)
	}
	fetch := func(b *testing.B, fetcher *Fetcher, url string) {
		b.SetBytes(int64(len(content)))
		b.ReportAllocs()
		buffer := make([]byte, 32<<10)
		for b.Loop() {
			body, err := fetcher.Open(b.Context(), url)
			require.NoError(b, err)
			n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, body, buffer)
			require.NoError(b, err)
			require.EqualValues(b, len(content), n)
			require.NoError(b, body.Close())
		}
	}
	b.Run("http", func(b *testing.B) {
		fetch(b, local(Options{MaxSize: 1 << 30}), plainServer(b, handler).URL)
	})
	b.Run("https", func(b *testing.B) {
		server, roots := tlsServer(b, handler)
		fetch(b, local(Options{MaxSize: 1 << 30, RootCAs: roots}), server.URL)
	})
}

// A page that says why there is no file is no file, however it comes.
func TestBodyOfAPage(t *testing.T) {
	for page, want := range map[string]Kind{
		"<html><body>This link has expired</body></html>": Expired,
		challengePage:                  Blocked,
		storageError("NoSuchKey", "x"): Missing,
		`{"error":"token_expired"}`:    Expired,
	} {
		server := plainServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "audio/mpeg")
			for piece := range slices.Chunk([]byte(page), 7) {
				_, _ = w.Write(piece)
				_ = http.NewResponseController(w).Flush()
			}
		})
		body, err := local(Options{}).Open(t.Context(), server.URL+secretPath)
		require.NoError(t, err)
		content, err := io.ReadAll(body)
		require.Empty(t, content)
		requireKind(t, want, err)
		_, again := body.Read(make([]byte, 1))
		require.Equal(t, err, again)
		require.NoError(t, body.Close())
	}
}

// What only begins like a page comes whole, whatever the reader's buffer, and cut files stay cut.
func TestBodyThatBeginsLikeAPage(t *testing.T) {
	for _, size := range []int{1, 100, maxPage - 1, maxPage, maxPage + 1, 3 * maxPage} {
		content := "<" + strings.Repeat("x", size-1)
		server := plainServer(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/cut" {
				w.Header().Set("Content-Length", strconv.Itoa(size+1))
			}
			_, _ = io.WriteString(w, content)
		})
		for _, buffer := range []int{1, 10, 2 * maxPage} {
			for path, want := range map[string]Kind{"/whole": "", "/cut": Truncated} {
				body, err := local(Options{}).Open(t.Context(), server.URL+path)
				require.NoError(t, err)
				var got strings.Builder
				p := make([]byte, buffer)
				for err == nil {
					var n int
					n, err = body.Read(p)
					got.Write(p[:n])
				}
				require.Equal(t, content, got.String(), "%d bytes by %d", size, buffer)
				if want == "" {
					require.Equal(t, io.EOF, err)
				} else {
					requireKind(t, want, err)
				}
				require.NoError(t, body.Close())
			}
		}
	}
}
