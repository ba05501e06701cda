package codec

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

// serve serves a codec that answers with what it is sent, after so many failures.
func serve(t *testing.T, failures int32, fail http.HandlerFunc) (endpoint string, seen *atomic.Value) {
	t.Helper()
	var failed atomic.Int32
	seen = &atomic.Value{}
	echo := converter.NewPayloadCodecHTTPHandler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failed.Add(1) <= failures {
			fail(w, r)
			return
		}
		seen.Store(r.Header.Get("X-Namespace"))
		echo.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, seen
}

func answer(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, status) }
}

func roundTrip(dc converter.DataConverter) error {
	p, err := dc.ToPayloads("a", 2)
	if err != nil {
		return err
	}
	var a string
	var b int
	if err := dc.FromPayloads(p, &a, &b); err != nil {
		return err
	}
	if a != "a" || b != 2 {
		return errors.New("something else came back")
	}
	return nil
}

func TestPayloadsAreEncodedByTheServer(t *testing.T) {
	endpoint, seen := serve(t, 0, nil)
	dc := NewDataConverter(Options{Endpoint: endpoint, Namespace: "home"})
	require.NoError(t, roundTrip(dc))
	require.Equal(t, "home", seen.Load())
	for _, of := range []converter.SerializationContext{
		converter.WorkflowSerializationContext{Namespace: "other"},
		converter.ActivitySerializationContext{Namespace: "other"},
	} {
		require.NoError(t, roundTrip(converter.WithDataConverterSerializationContext(dc, of)))
		require.Equal(t, "other", seen.Load(), "a callback for another namespace is encoded for that one")
	}
	nexus := converter.WithDataConverterSerializationContext(dc, converter.NexusSerializationContext{})
	require.NoError(t, roundTrip(nexus))
	require.Equal(t, "home", seen.Load())
}

func TestAServerThatComesBackIsAwaited(t *testing.T) {
	t.Parallel()
	for _, status := range []int{500, 502, 503, 429, 404, 401} {
		endpoint, _ := serve(t, 2, answer(status, "not now"))
		require.NoError(t, roundTrip(NewDataConverter(Options{Endpoint: endpoint})), status)
	}
}

func TestARefusalIsNotRepeatedAndNotLong(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "not encrypted "+strings.Repeat("x", 1_000_000), http.StatusBadRequest)
	}))
	t.Cleanup(server.Close)
	dc := newDataConverter(Options{Endpoint: server.URL}).WithWorkflowContext(nil)
	_, err := dc.ToPayload("a")
	require.ErrorContains(t, err, "not encrypted")
	require.Less(t, len(err.Error()), 2*mostExplanation)
	require.EqualValues(t, 1, asked.Load())
}

// A workflow must not take the absence of the codec for the failure of what it asked for.
func TestAServerThatStaysAway(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits out the pauses between tries")
	}
	t.Parallel()
	server := httptest.NewServer(answer(500, "away"))
	endpoint := server.URL
	server.Close()
	dc := newDataConverter(Options{Endpoint: endpoint, Namespace: "home"})
	began := time.Now()
	var away *UnavailableError
	require.ErrorAs(t, roundTrip(dc), &away)
	require.ErrorContains(t, roundTrip(dc.WithContext(context.Background())), "TEMPORAL_CODEC_ENDPOINT")
	require.Less(t, time.Since(began), 12*retryFor)
	var within workflow.ContextAware = dc
	require.Panics(t, func() { _ = roundTrip(within.WithWorkflowContext(nil)) })
	other := converter.WithDataConverterSerializationContext(
		within.WithWorkflowContext(nil), converter.WorkflowSerializationContext{Namespace: "other"})
	require.Panics(t, func() { _ = roundTrip(other) })
}

// Nobody sends payloads elsewhere by a redirect.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var taken atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { taken.Store(true) }))
	t.Cleanup(elsewhere.Close)
	endpoint, _ := serve(t, 1000, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	require.Error(t, roundTrip(NewDataConverter(Options{Endpoint: endpoint})))
	require.False(t, taken.Load())
}
