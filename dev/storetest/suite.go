package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"stemflow/internal/archive"
)

// load is how much the writers do.
type load struct{ writers, operations int }

// suite is a store under test.
type suite struct {
	target
	*archive.Store
	load
	// chance makes the seeds of all that is random, and so the order of the checks counts.
	chance *rand.Rand
	// prefix begins the keys of all that is written.
	prefix string
	// listed is how many objects a list has: more than a page, where pages are tested.
	listed int
	// expiry is how long after its end a link may still work.
	expiry time.Duration
	// decide says whether a history is linearizable.
	decide func(context.Context, []operation) (decision, error)
}

// pageSize is how many objects S3 puts on a page of a list.
const pageSize = 1000

func newSuite(t target, work load, seed uint64) (*suite, error) {
	store, err := archive.New(t.user)
	if err != nil {
		return nil, err
	}
	return &suite{
		target: t, Store: store, load: work, listed: pageSize + 5, expiry: expiryLimit,
		chance: rand.New(rand.NewPCG(seed, 0)),
		prefix: fmt.Sprintf("_storetest/%x-%x/", time.Now().Unix(), seed),
	}, nil
}

// begin makes the bucket. A user who may not look for it uses one that is there.
func (s *suite) begin(ctx context.Context) error {
	maker := s.Store
	if s.root != nil {
		root, err := archive.New(*s.root)
		if err != nil {
			return err
		}
		defer root.Close()
		maker = root
	}
	return maker.EnsureBucket(ctx, s.bucket)
}

// end removes what was written, as far as it may be.
func (s *suite) end(ctx context.Context, announce func(string)) {
	ctx = context.WithoutCancel(ctx)
	defer s.Close()
	remover := s.Store
	if s.root != nil {
		root, err := archive.New(*s.root)
		if err != nil {
			announce(err.Error())
			return
		}
		defer root.Close()
		remover = root
	}
	left := 0
	var why error
	for object, err := range remover.Walk(ctx, s.bucket, s.prefix, "") {
		if err == nil {
			err = remover.Remove(ctx, s.bucket, object.Key)
		}
		if err != nil {
			left, why = left+1, err
		}
	}
	if left > 0 {
		announce(fmt.Sprintf("what was written to %s/%s is left there (%v): remove it", s.bucket, s.prefix, why))
	}
}

// key is that of an object of one check.
func (s *suite) key(parts ...string) string { return s.prefix + strings.Join(parts, "/") }

// through is the store behind a proxy.
func (s *suite) through(p *proxy) (*archive.Store, error) {
	opts := s.user
	opts.Endpoint, opts.Secure, opts.RootCAs = p.address, false, nil
	return archive.New(opts)
}

// rawClient does what stemflow never does, to see that it is refused.
func rawClient(opts archive.Options) (*minio.Client, error) {
	transport, err := minio.DefaultTransport(opts.Secure)
	if err != nil {
		return nil, err
	}
	if opts.RootCAs != nil {
		transport.TLSClientConfig.RootCAs = opts.RootCAs
	}
	return minio.New(opts.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(opts.AccessKey, opts.SecretKey, ""), Secure: opts.Secure,
		Region: opts.Region, Transport: transport, MaxRetries: 1,
	})
}

// document is what is written where any will do.
type document struct {
	Version string `json:"version"`
	Text    string `json:"text,omitempty"`
}

func proof(ctx context.Context, s *suite) result {
	key, first := s.key("proof", "submission.json"), document{Version: "first"}
	etag, err := s.CreateJSON(ctx, s.bucket, key, first)
	if err != nil {
		return fail("%v", err)
	}
	if err := s.Prove(ctx, s.bucket, key, etag, first); err != nil {
		return fail("%v", err)
	}
	second := document{Version: "second"}
	etag, err = s.ReplaceJSON(ctx, s.bucket, key, etag, second)
	if errors.Is(err, archive.ErrPrecondition) {
		return fail("the store refuses If-Match with the ETag that the object has")
	}
	if err != nil {
		return fail("%v", err)
	}
	if err := s.Prove(ctx, s.bucket, key, etag, second); err != nil {
		return fail("after the object was replaced: %v", err)
	}
	return pass("If-None-Match and If-Match are kept, ETags stay, SHA256, CRC32C and CRC64NVME are verified")
}
