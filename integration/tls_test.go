package integration

import (
	"crypto/tls"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/certtest"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
)

// The worker's program, on a Temporal and a MinIO whose certificates a private authority has
// signed.
func TestPrivateAuthority(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	authority := certtest.NewAuthority(t)
	s.useTLSStore(authority)
	s.server = secured(t, authority, s.server)
	program := buildWorker(t)

	stranger := s.startProgram(program, "TEMPORAL_TLS=true", "MINIO_SECURE=true", "MINIO_CA_FILE="+authority.File)
	select {
	case <-stranger.Done():
		require.ErrorContains(t, stranger.Err(), "certificate signed by unknown authority")
	case <-time.After(patience):
		require.Fail(t, "the worker works on a Temporal that it has no reason to trust")
	}

	s.startProgram(program, "TEMPORAL_TLS=true", "TEMPORAL_TLS_SERVER_CA_CERT_PATH="+authority.File,
		"MINIO_SECURE=true", "MINIO_CA_FILE="+authority.File)
	in := track(stemflow.SplitStem)
	result := s.result(s.start(in))
	s.requireArchived(in, result)
	require.Equal(t, 1, s.billed(in))
}

// useTLSStore takes a MinIO of its own, with a certificate of the authority, in place of the shared
// one.
func (s *stack) useTLSStore(authority *certtest.Authority) {
	s.t.Helper()
	dir := s.t.TempDir()
	authority.Issue(filepath.Join(dir, "certs", "public.crt"), filepath.Join(dir, "certs", "private.key"))
	p, err := devservers.MinIO(s.t.Context(), devservers.MinIOOptions{
		Dir: dir, TLS: true, AccessKey: s.cfg.MinIO.AccessKey, SecretKey: s.cfg.MinIO.SecretKey,
	})
	require.NoError(s.t, err)
	s.t.Cleanup(p.Stop)
	s.cfg.MinIO.Endpoint = p.Addr
	s.store, err = archive.New(archive.Options{
		Endpoint: p.Addr, AccessKey: s.cfg.MinIO.AccessKey, SecretKey: s.cfg.MinIO.SecretKey, Secure: true,
		RootCAs: authority.Pool,
	})
	require.NoError(s.t, err)
	require.NoError(s.t, s.store.EnsureBucket(s.t.Context(), s.bucket))
}

// secured is the address of a proxy that speaks TLS, as HTTP/2 wants it, before a server that does
// not.
func secured(t *testing.T, authority *certtest.Authority, server string) string {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	authority.Issue(certFile, keyFile)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	listener, err := tls.Listen(
		"tcp",
		"127.0.0.1:0",
		&tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}},
	)
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go forward(conn, server)
		}
	}()
	return listener.Addr().String()
}

// forward joins two connections until either ends.
func forward(conn net.Conn, server string) {
	defer conn.Close()
	to, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer to.Close()
	go func() {
		_, _ = io.Copy(to, conn)
		to.Close()
		conn.Close()
	}()
	_, _ = io.Copy(conn, to)
}
