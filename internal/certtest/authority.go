// Package certtest makes certificates for tests.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Authority is a private certificate authority, as a company has its own.
type Authority struct {
	tb          testing.TB
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	// File is its certificate, PEM; Pool trusts it alone.
	File string
	Pool *x509.CertPool
}

// NewAuthority makes an authority that is forgotten with the test.
func NewAuthority(tb testing.TB) *Authority {
	tb.Helper()
	a := &Authority{tb: tb, File: filepath.Join(tb.TempDir(), "ca.pem"), Pool: x509.NewCertPool()}
	template := newTemplate(tb, "stemflow test authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	require.NoError(tb, err)
	a.certificate, err = x509.ParseCertificate(der)
	require.NoError(tb, err)
	writePEM(tb, a.File, "CERTIFICATE", der)
	a.Pool.AddCert(a.certificate)
	return a
}

// Write writes a new server certificate of an authority of its own, and its key. It returns a pool
// that trusts that authority.
func Write(tb testing.TB, certFile, keyFile string) *x509.CertPool {
	tb.Helper()
	a := NewAuthority(tb)
	a.Issue(certFile, keyFile)
	return a.Pool
}

// Issue writes a new server certificate of 127.0.0.1, localhost and the names, and its key, PEM.
func (a *Authority) Issue(certFile, keyFile string, names ...string) {
	a.tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.tb, err)
	template := newTemplate(a.tb, "stemflow test server")
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{
		x509.ExtKeyUsageServerAuth,
	}
	template.DNSNames, template.IPAddresses = append([]string{"localhost"}, names...), []net.IP{net.IPv4(127, 0, 0, 1)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	require.NoError(a.tb, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.tb, err)
	writePEM(a.tb, certFile, "CERTIFICATE", der)
	writePEM(a.tb, keyFile, "PRIVATE KEY", private)
}

func newTemplate(tb testing.TB, name string) *x509.Certificate {
	tb.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(tb, err)
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
}

func writePEM(tb testing.TB, file, kind string, der []byte) {
	tb.Helper()
	require.NoError(tb, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(tb, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}
