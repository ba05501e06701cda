package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAcceptedCallbacksAreFinished(t *testing.T) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	accepted, finish := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(accepted)
		<-finish
		_, _ = w.Write([]byte("done"))
	})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serve(ctx, listener, handler, productionLimits, nil) }()

	answered := make(chan string, 1)
	go func() {
		response, err := http.Post("http://"+listener.Addr().String(), "application/json", nil)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		answered <- string(text)
	}()
	<-accepted
	stop()
	refused := func() error {
		for {
			c, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				return err
			}
			c.Close()
		}
	}
	require.Error(t, refused(), "a stopping bridge takes no new callbacks")
	close(finish)
	require.Equal(t, "done", <-answered)
	require.NoError(t, <-served)
}

func TestStartsWhileTemporalIsDown(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	t.Setenv("TEMPORAL_ADDRESS", closed.Addr().String())
	t.Setenv("STEMFLOW_CALLBACK_SECRETS", "0123456789abcdef")
	t.Setenv("STEMFLOW_BRIDGE_ADDR", "127.0.0.1:0")
	t.Setenv("STEMFLOW_METRICS_ADDR", "127.0.0.1:0")

	read, write := io.Pipe()
	slog.SetDefault(slog.New(slog.NewJSONHandler(write, nil)))
	log := bufio.NewScanner(read)
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() {
		ran <- run(ctx, nil)
		_ = write.Close()
	}()
	require.True(t, log.Scan())
	var line struct{ Msg, Address, MetricsAddress string }
	require.NoError(t, json.Unmarshal(log.Bytes(), &line))
	require.Equal(t, "callback bridge listening", line.Msg)
	go func() { // the log must go on for the bridge to go on
		for log.Scan() {
		}
	}()

	for path, status := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
		response, err := http.Get("http://" + line.Address + path)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, status, response.StatusCode, path)
	}
	response, err := http.Get("http://" + line.MetricsAddress + "/metrics")
	require.NoError(t, err)
	metrics, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Contains(t, string(metrics), "stemflow_callbacks_in_flight 0")
	stop()
	require.NoError(t, <-ran)
}

func TestRunNamesWhatIsWrong(t *testing.T) {
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	t.Setenv("TEMPORAL_ADDRESS", "https://temporal:7233")
	t.Setenv("STEMFLOW_CALLBACK_SECRETS", "")
	err := run(t.Context(), nil)
	require.ErrorContains(t, err, "STEMFLOW_CALLBACK_SECRETS: is required")
	require.ErrorContains(t, err, "TEMPORAL_ADDRESS")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:7233")
	t.Setenv("STEMFLOW_CALLBACK_SECRETS", "0123456789abcdef")
	t.Setenv("STEMFLOW_BRIDGE_ADDR", taken.Addr().String())
	require.ErrorContains(t, run(t.Context(), nil), "choose another STEMFLOW_BRIDGE_ADDR")
	t.Setenv("STEMFLOW_BRIDGE_ADDR", "127.0.0.1:0")
	t.Setenv("STEMFLOW_METRICS_ADDR", taken.Addr().String())
	require.ErrorContains(t, run(t.Context(), nil), "choose another STEMFLOW_METRICS_ADDR")
}
