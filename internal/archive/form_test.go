package archive_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/storegate"
)

// An upload whose context ends does not wait for the answer that another one asks the store for.
func TestAnUploadDoesNotOutliveItsContextWhileAnotherAsks(t *testing.T) {
	asked, end := make(chan struct{}, 8), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-end
	}))
	defer server.Close()
	defer close(end)
	store, err := archive.New(archive.Options{
		Endpoint: server.Listener.Addr().String(), AccessKey: "key", SecretKey: "secret of the store", Region: "here",
	})
	require.NoError(t, err)
	put := func(ctx context.Context) <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := store.PutStem(ctx, "stems", "key", "audio/mpeg", bytes.NewReader(content(2<<20)), 2<<20)
			done <- err
		}()
		return done
	}
	first, cancelFirst := context.WithCancel(t.Context())
	defer cancelFirst()
	asking := put(first)
	<-asked

	second, cancelSecond := context.WithCancel(t.Context())
	waiting := put(second)
	cancelSecond()
	select {
	case err := <-waiting:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(5 * time.Second):
		require.Fail(t, "a cancelled upload waits for another one's answer")
	}
	cancelFirst()
	require.ErrorIs(t, <-asking, context.Canceled)
}

// What the form of uploads has to be is found out again when it has changed, or was no answer of
// the store's.
func TestTheFormOfUploadsIsAskedForAgain(t *testing.T) {
	f := newFixture(t)
	gate := storegate.New(&url.URL{Scheme: "http", Host: f.opts.Endpoint})
	var open http.Handler = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: f.opts.Endpoint})
	var front atomic.Pointer[http.Handler]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*front.Load()).ServeHTTP(w, r)
	}))
	defer server.Close()
	opts := f.opts
	opts.Endpoint, opts.Region = server.Listener.Addr().String(), "us-east-1" // which is not asked for then
	put := func(store *archive.Store) error {
		_, err := store.PutStem(t.Context(), f.bucket, "stem", "audio/mpeg",
			stream{bytes.NewReader(content(2 << 20))}, 2<<20)
		return err
	}

	t.Run("a proxy that refuses unsigned uploads comes later", func(t *testing.T) {
		store, err := archive.New(opts)
		require.NoError(t, err)
		front.Store(&open)
		require.NoError(t, put(store))
		front.Store(&gate)
		require.ErrorContains(t, put(store), "AccessDenied")
		require.NoError(t, put(store))
	})
	t.Run("a proxy that refuses unsigned uploads comes before the test of the store", func(t *testing.T) {
		store, err := archive.New(opts)
		require.NoError(t, err)
		front.Store(&open)
		require.NoError(t, put(store))
		front.Store(&gate)
		require.ErrorContains(t, writeAndProve(t.Context(), store, f.bucket, "refused"), "AccessDenied")
		require.NoError(t, writeAndProve(t.Context(), store, f.bucket, "asked again"))
	})
	t.Run("the store was away behind the proxy", func(t *testing.T) {
		store, err := archive.New(opts)
		require.NoError(t, err)
		away := http.NotFoundHandler()
		front.Store(&away)
		require.Error(t, put(store))
		front.Store(&gate)
		require.NoError(t, put(store))
	})
}
