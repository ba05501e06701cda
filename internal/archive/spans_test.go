package archive

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// That nothing is there yet, and that another was quicker, belong to every good run: a trace shows
// them as answers, not as failures.
func TestWhatAStoreAnswersInATrace(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(r.URL.Path[1:])
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "four")
	}))
	defer server.Close()
	for path, failed := range map[string]bool{"200": false, "404": false, "412": false, "403": true, "503": true, "none": true} {
		exporter := tracetest.NewInMemoryExporter()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
		ctx, _ := provider.Tracer("test").Start(t.Context(), "activity")
		request, err := http.NewRequestWithContext(
			ctx,
			http.MethodGet,
			server.URL+"/"+path+"?X-Amz-Signature=secret",
			nil,
		)
		require.NoError(t, err)
		if response, err := (spans{http.DefaultTransport, &Store{}}).RoundTrip(request); err == nil {
			require.Empty(t, exporter.GetSpans(), "the answer is yet to be read")
			_, err = io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
		}
		made := exporter.GetSpans()
		require.Len(t, made, 1, path)
		require.Equal(t, failed, made[0].Status.Code == codes.Error, path)
		for _, a := range made[0].Attributes {
			require.NotContains(t, a.Value.String(), "secret")
			require.False(t, a.Key == "http.response.body.size" && a.Value.AsInt64() != 4)
		}
	}
}
