package main

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/internal/certtest"
	"stemflow/internal/config"
)

func TestCertificateIsReadAgainWhenItChanges(t *testing.T) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	dir := t.TempDir()
	files := config.CertificateFiles{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	first := certtest.Write(t, files.Cert, files.Key)

	plain, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listener, err := secure(plain, files)
	require.NoError(t, err)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Proto)) })
	go func() { _ = serve(t.Context(), listener, handler, productionLimits, nil) }()

	get := func(trusted *x509.CertPool) error {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		response, err := (&http.Client{Transport: transport}).Get("https://" + plain.Addr().String())
		if err != nil {
			return err
		}
		defer response.Body.Close()
		require.Equal(t, 1, response.ProtoMajor)
		return nil
	}
	require.NoError(t, get(first))

	// In the middle of a renewal the files do not fit: the certificate before stays.
	other := filepath.Join(dir, "other.pem")
	second := certtest.Write(t, files.Cert, other)
	later(t, files.Cert)
	require.NoError(t, get(first))
	require.NoError(t, os.Rename(other, files.Key))
	later(t, files.Key)
	require.NoError(t, get(second))
	require.Error(t, get(first))

	_, err = tls.Dial("tcp", plain.Addr().String(), &tls.Config{RootCAs: second, MaxVersion: tls.VersionTLS11})
	require.Error(t, err)
}

// later makes sure that a file's time has changed, however coarse the clock of the file system is.
func later(t *testing.T, name string) {
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(name, time.Time{}, info.ModTime().Add(time.Minute)))
}

func TestCertificateThatCannotBeRead(t *testing.T) {
	_, err := secure(nil, config.CertificateFiles{Cert: "none.pem", Key: "none.pem"})
	require.ErrorContains(t, err, "STEMFLOW_BRIDGE_TLS_CERT_FILE")
}
