package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"stemflow/internal/config"
)

// certificate is a certificate in files, which are read again when they change: certificates are
// renewed while the bridge runs.
type certificate struct {
	files config.CertificateFiles

	mu     sync.Mutex
	loaded *tls.Certificate
	// read is the state of the files that was read last, whether they fitted or not.
	read [2]time.Time
}

// secure speaks TLS on a listener, with HTTP/1.1 alone: callbacks come one by one, and need none of
// what strangers could do with the streams of HTTP/2.
func secure(listener net.Listener, files config.CertificateFiles) (net.Listener, error) {
	c, err := newCertificate(files)
	if err != nil {
		return nil, fmt.Errorf(
			"the certificate cannot be read, check STEMFLOW_BRIDGE_TLS_CERT_FILE and STEMFLOW_BRIDGE_TLS_KEY_FILE: %w",
			err,
		)
	}
	return tls.NewListener(listener, &tls.Config{
		GetCertificate: c.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	}), nil
}

func newCertificate(files config.CertificateFiles) (*certificate, error) {
	c := &certificate{files: files}
	c.read = c.changed()
	loaded, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	c.loaded = &loaded
	return c, err
}

// get implements tls.Config.GetCertificate. Files that do not fit, in the middle of a renewal,
// leave the certificate as it was.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := c.changed()
	if changed == c.read {
		return c.loaded, nil
	}
	c.read = changed
	renewed, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		slog.Warn("the changed certificate is not taken, the one before stays", "error", err)
		return c.loaded, nil
	}
	c.loaded = &renewed
	slog.Info("certificate renewed", "notAfter", renewed.Leaf.NotAfter)
	return c.loaded, nil
}

// changed is when each file was changed last; no time for one that is not there.
func (c *certificate) changed() (times [2]time.Time) {
	for i, name := range []string{c.files.Cert, c.files.Key} {
		if info, err := os.Stat(name); err == nil {
			times[i] = info.ModTime()
		}
	}
	return times
}
