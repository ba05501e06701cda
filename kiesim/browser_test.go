package kiesim_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

var writes = []string{"/sim/knobs", "/sim/callback", "/sim/settle", "/api/v1/vocal-removal/generate", "/api/v1/common/download-url"}

func TestPagesOfOtherSitesWriteNothing(t *testing.T) {
	sim := kiesim.New(kiesim.Options{})
	defer sim.Close()
	ask := func(method, path string, header map[string]string) int {
		r := httptest.NewRequest(method, "http://127.0.0.1:8090"+path, strings.NewReader(`{"taskId":"t","audioId":"a"}`))
		r.Header.Set("Authorization", "Bearer any")
		r.Header.Set("User-Agent", "test") // the provider's edge refuses who has none
		for name, value := range header {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		return w.Code
	}
	for _, path := range writes {
		for _, header := range []map[string]string{
			{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:9999"},
			{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
			{"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8090"},
		} {
			require.Equal(t, http.StatusForbidden, ask(http.MethodPost, path, header), "%s %v", path, header)
		}
		for _, header := range []map[string]string{
			nil, {"Origin": "http://127.0.0.1:8090"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"},
		} {
			require.NotEqual(t, http.StatusForbidden, ask(http.MethodPost, path, header), "%s %v", path, header)
		}
	}
	require.Equal(t, http.StatusOK, ask(http.MethodGet, "/sim/bill", map[string]string{"Origin": "https://evil.example"}),
		"a page of another site may ask, and its browser keeps the answer from it")
}

func TestNamesThatLeadHereByDeceitAreRefused(t *testing.T) {
	sim := kiesim.New(kiesim.Options{})
	defer sim.Close()
	base, err := sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	ask := func(host string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/sim/bill", nil)
		require.NoError(t, err)
		r.Host = host
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		return response.StatusCode
	}
	for _, host := range []string{"", "localhost", "LOCALHOST:8090", "127.0.0.1", "127.0.0.2:1", "[::1]:8090", "sim.localhost", "localhost."} {
		require.Equal(t, http.StatusOK, ask(host), host)
	}
	for _, host := range []string{"evil.example", "evil.example:8090", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "kiesim"} {
		require.Equal(t, http.StatusMisdirectedRequest, ask(host), host)
	}
}

// In containers it is called by its service's name.
func TestOtherNamesGoWhereOthersMayCall(t *testing.T) {
	sim := kiesim.New(kiesim.Options{})
	defer sim.Close()
	base, err := sim.Start(":0")
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.Replace(base, "[::]", "127.0.0.1", 1)+"/sim/bill", nil)
	require.NoError(t, err)
	r.Host = "kiesim:8090"
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}
