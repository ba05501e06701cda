package integration

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/certtest"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/egress/egresstest"
	"stemflow/kiesim"
)

// A file that is not there yet is awaited, even if the provider has no other link to it.
func TestPassing404(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for name, times := range map[string]int{"once": 1, "for longer than the provider is asked": 7} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.on(t)
			in := track(stemflow.SeparateVocal)
			s.sim.SetScenario(in.AudioID, kiesim.Scenario{
				DownloadURL: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 422, Message: "url is wrong"},
				Files: map[string]kiesim.File{
					"vocals": {Fault: kiesim.FileStatus, Status: 404, Times: times},
				},
			})
			result := s.result(s.start(in))
			require.Len(t, result.Stems, 2)
			s.requireArchived(in, result)
			require.Equal(t, 1, s.billed(in))
		})
	}
}

const (
	proxiedAPI   = "api.provider.example"
	proxiedFiles = "files.provider.example"
)

// proxied is a worker's program on a network from which only a proxy reaches the provider and its
// file host: their names do not resolve otherwise. All guards are up.
type proxied struct {
	*stack
	proxy  *egresstest.Proxy
	worker *devservers.Process
	log    bytes.Buffer
}

func newProxied(t *testing.T) *proxied {
	t.Helper()
	p := &proxied{stack: newStackAt(t, serverstest.Temporal(t).Addr)}
	p.sim = kiesim.New(kiesim.Options{
		APIKey: apiKey, WebhookHMACKey: webhookKey, Credits: 1_000_000, RateLimit: kiesim.RateLimit{Tasks: -1},
		Logger: slog.New(slog.DiscardHandler), PublicURL: "https://" + proxiedFiles,
	})
	t.Cleanup(func() { _ = p.sim.Close() })
	authority, dir := certtest.NewAuthority(t), t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	authority.Issue(certFile, keyFile, proxiedAPI, proxiedFiles)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	provider := httptest.NewUnstartedServer(p.sim)
	provider.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	provider.StartTLS()
	t.Cleanup(provider.Close)
	address := provider.Listener.Addr().String()
	p.proxy = egresstest.New(t, map[string]string{proxiedAPI + ":443": address, proxiedFiles + ":443": address})
	p.proxy.Demand("worker:proxy-password")
	p.cfg.BaseURL, p.workerLog = "https://"+proxiedAPI, &p.log
	p.worker = p.startProgram(buildWorker(t), "SSL_CERT_FILE="+authority.File,
		"HTTPS_PROXY=http://worker:proxy-password@"+p.proxy.Addr,
		"STEMFLOW_SOURCE_HOSTS="+proxiedFiles, "STEMFLOW_ALLOW_INSECURE_SOURCES=false")
	return p
}

// requireQuiet stops the worker and demands that its log does not have the proxy's password.
func (p *proxied) requireQuiet() {
	p.t.Helper()
	p.worker.Stop()
	require.NotEmpty(p.t, p.log.String())
	require.NotContains(p.t, p.log.String(), "proxy-password")
}

func TestEverythingGoesThroughTheProxy(t *testing.T) {
	t.Parallel()
	p := newProxied(t)
	in := track(stemflow.SeparateVocal)
	result := p.result(p.start(in))
	p.requireArchived(in, result)
	require.Equal(t, 1, p.billed(in))
	require.Equal(t, []string{proxiedAPI + ":443", proxiedFiles + ":443"}, p.proxy.Asked())
	p.requireQuiet()
}

// The proxy lets the API through and not the files. Nobody knew before paying; the run says what to
// change, and the next one is unpaid.
func TestProxyThatRefusesTheFileHost(t *testing.T) {
	t.Parallel()
	p := newProxied(t)
	p.proxy.Deny(proxiedFiles+":443", http.StatusForbidden)
	in := track(stemflow.SeparateVocal)
	kind, message, details := p.failure(p.start(in))
	require.Equal(t, stemflow.ErrorSourceBlocked, kind, message)
	require.Contains(t, message, "the egress proxy answered 403 for "+proxiedFiles+":443")
	require.NotContains(t, message, "force")
	require.NotEmpty(t, details.SeparationTaskID)

	p.proxy.Deny(proxiedFiles+":443", 0)
	p.requireArchived(in, p.result(p.start(in)))
	require.Equal(t, 1, p.billed(in))
	p.requireQuiet()
}

func TestWorkerRefusesAWrongProxy(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	var log bytes.Buffer
	s.workerLog = &log
	worker := s.startProgram(buildWorker(t), "HTTPS_PROXY=http://worker:proxy-pass#word@proxy.example:3128")
	select {
	case <-worker.Done():
	case <-time.After(patience):
		require.Fail(t, "the worker runs past its proxy")
	}
	require.ErrorContains(t, worker.Err(), "HTTPS_PROXY: is not a proxy's address")
	require.NotContains(t, worker.Err().Error()+log.String(), "proxy-pass")
}
