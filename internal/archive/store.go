// Package archive keeps stems and the documents about them in S3-compatible object storage. It
// alone knows minio-go.
//
// Requests are repeated once at most, and conditional ones never: the engine retries, and it knows
// better what a lost answer means.
package archive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"stemflow/internal/config"
	"stemflow/internal/naming"
	"stemflow/internal/redact"
)

// attempts is how often minio-go makes a request whose body it can send again.
const attempts = 2

// Options say which store, and who asks.
type Options struct {
	// Endpoint is "host" or "host:port".
	Endpoint             string
	AccessKey, SecretKey string
	// LinkAccessKey and LinkSecretKey sign links; empty is as AccessKey and SecretKey say. All who
	// are given a link learn the access key, so it is best one that may only read.
	LinkAccessKey, LinkSecretKey string
	// PublicEndpoint and PublicSecure are how those reach the store who are given links to it;
	// empty is as Endpoint and Secure say.
	PublicEndpoint string
	PublicSecure   bool
	// Region is for stores that insist on one; empty asks the store.
	Region string
	// Secure uses TLS, and RootCAs are trusted in place of the system's where given.
	Secure  bool
	RootCAs *x509.CertPool
}

// OptionsOf are the options for the store that the environment names.
func OptionsOf(m config.MinIO) Options {
	return Options{
		Endpoint: m.Endpoint, AccessKey: m.AccessKey, SecretKey: m.SecretKey.Reveal(),
		LinkAccessKey: m.LinkAccessKey, LinkSecretKey: m.LinkSecretKey.Reveal(),
		PublicEndpoint: m.PublicEndpoint, PublicSecure: m.PublicSecure,
		Region: m.Region, Secure: m.Secure, RootCAs: m.RootCAs,
	}
}

// Store is an object store. It is safe for concurrent use.
type Store struct {
	api       minio.Core
	opts      Options
	transport *http.Transport
	// buffers are taken by the uploads of unknown size.
	buffers chan struct{}
	proofs  proofs
	form    form
	// secrets are hidden in what the store says.
	secrets *redact.Redactor
}

// New returns a store without asking it anything.
func New(opts Options) (*Store, error) {
	// A store on the own network is named in NO_PROXY where there is an egress proxy
	// (docs/operations.md).
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		TLSClientConfig:       &tls.Config{RootCAs: opts.RootCAs, MinVersion: tls.VersionTLS12},
		ResponseHeaderTimeout: time.Minute,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   32,
		DisableCompression:    true, // objects are read as they are
	}
	s := &Store{
		opts:      opts,
		transport: transport,
		buffers:   make(chan struct{}, buffered),
		form:      form{asking: make(chan struct{}, 1)},
		secrets:   redact.New(opts.SecretKey, opts.LinkSecretKey),
	}
	endpoint := opts.Endpoint
	if opts.Secure {
		endpoint = strings.TrimSuffix(endpoint, ":443") // the default port has no place in the Host header
	}
	client, err := minio.New(endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(opts.AccessKey, opts.SecretKey, ""),
		// Of TLS minio-go must not know: it would leave the content of all uploads unsigned, which
		// some proxies refuse.
		Secure:             false,
		BucketLookupViaURL: lookup(opts.Secure),
		Region:             opts.Region,
		Transport:          spans{answers{newWire(opts, transport)}, s},
		// Checksums travel behind the body, so that it can be streamed.
		TrailingHeaders: true,
		MaxRetries:      attempts,
	})
	if err != nil {
		return nil, fmt.Errorf("object store endpoint %q (MINIO_ENDPOINT): %w", opts.Endpoint, err)
	}
	s.api = minio.Core{Client: client}
	return s, nil
}

// Hide hides further secrets in what the store says. It is called before the store is used.
func (s *Store) Hide(secrets *redact.Redactor) {
	s.secrets = secrets.With(s.opts.SecretKey, s.opts.LinkSecretKey)
}

// Endpoint returns where the store is asked, for messages.
func (s *Store) Endpoint() string { return s.opts.Endpoint }

// Close closes the connections that no request uses. The store may be used again.
func (s *Store) Close() { s.transport.CloseIdleConnections() }

// EnsureBucket makes the bucket unless it is there.
func (s *Store) EnsureBucket(ctx context.Context, bucket string) error {
	if err := naming.CheckBucket(bucket); err != nil {
		return &Error{
			Op:       "look for bucket",
			Code:     minio.InvalidBucketName,
			Final:    true,
			Remedy:   checkName,
			Err:      err,
			endpoint: s.opts.Endpoint,
		}
	}
	exists, err := s.api.BucketExists(ctx, bucket)
	if err != nil {
		return s.failure("look for bucket", bucket, "", err)
	}
	if exists {
		return nil
	}
	err = s.api.MakeBucket(ctx, bucket, minio.MakeBucketOptions{Region: s.opts.Region})
	if response, ok := errors.AsType[minio.ErrorResponse](err); ok && response.Code == minio.BucketAlreadyOwnedByYou {
		return nil // another worker was quicker
	}
	if err != nil {
		return s.failure("make bucket", bucket, "", err)
	}
	return nil
}
