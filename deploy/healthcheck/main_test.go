package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ready" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte("temporal_worker_start_total 3\n"))
	})
	plain, secure := httptest.NewServer(serve), httptest.NewTLSServer(serve)
	defer plain.Close()
	defer secure.Close()

	require.NoError(t, check(plain.URL+"/ready", ""))
	require.NoError(t, check(plain.URL+"/ready", "temporal_worker_start"))
	require.NoError(t, check(secure.URL+"/ready", ""), "a certificate for another name")
	require.ErrorContains(t, check(plain.URL+"/ready", "temporal_num_pollers"), "answers without temporal_num_pollers")
	require.ErrorContains(t, check(plain.URL+"/", ""), "503 Service Unavailable")

	plain.Close()
	require.ErrorContains(t, check(plain.URL+"/ready", ""), "connection refused")
}
