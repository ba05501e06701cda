package kie

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/egress"
	"stemflow/internal/egress/egresstest"
)

// Free and paid calls go through the proxy, which alone knows the provider's name here.
func TestCallsGoThroughTheProxy(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data := "7"
		if r.Method == http.MethodPost {
			data = `{"taskId":"id"}`
		}
		_, _ = w.Write([]byte(`{"code":200,"msg":"success","data":` + data + `}`))
	}))
	t.Cleanup(server.Close)
	proxy := egresstest.New(t, map[string]string{"api.provider.example:80": server.Listener.Addr().String()})
	client := clientBehind(t, proxy, "http://api.provider.example", "")
	_, err := client.Credits(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"api.provider.example:80"}, proxy.Asked())

	straight := clientBehind(t, egresstest.New(t, nil), server.URL, "127.0.0.0/8")
	_, err = straight.Credits(t.Context())
	require.NoError(t, err)
}

// A proxy that does not connect has sent the paid call to nobody: the call may be repeated.
func TestProxyThatRefusesThePaidCall(t *testing.T) {
	for _, status := range []int{403, 407, 502, 503} {
		proxy := egresstest.New(t, nil)
		proxy.Deny("api.provider.example:443", status)
		client := clientBehind(t, proxy, "https://api.provider.example", "")
		_, err := client.Generate(t.Context(), GenerateRequest{})
		require.Equal(t, Busy, VerdictOf(err), status)
		require.ErrorContains(t, err, "the egress proxy answered")
		require.NotContains(t, err.Error(), "secret")
	}
	p, err := egress.New(egress.Settings{HTTPS: "http://user:secret@127.0.0.1:1"})
	require.NoError(t, err)
	client, err := New(Options{BaseURL: "https://api.provider.example", Proxy: p})
	require.NoError(t, err)
	_, err = client.Generate(t.Context(), GenerateRequest{})
	require.Equal(t, Busy, VerdictOf(err))
	require.NotContains(t, err.Error(), "secret")
}

func clientBehind(t *testing.T, proxy *egresstest.Proxy, baseURL, noProxy string) *Client {
	t.Helper()
	address := "http://user:secret@" + proxy.Addr
	p, err := egress.New(egress.Settings{HTTPS: address, HTTP: address, NoProxy: noProxy})
	require.NoError(t, err)
	client, err := New(Options{BaseURL: baseURL, APIKey: "key", Proxy: p})
	require.NoError(t, err)
	return client
}
