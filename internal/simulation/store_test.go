package simulation

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"stemflow/internal/archive"
	"stemflow/internal/ledger"
)

// store is an object store in memory, with what archive.Store documents. Each request is a step.
type store struct {
	sim       *sim
	awayUntil time.Time
	buckets   map[string]map[string][]byte
	// proved is what the workers' process has seen of the buckets.
	proved map[string]bool
	// unconditional makes conditional writes ignore their conditions, to see that the simulation
	// finds that.
	unconditional bool
	// intents are the steps at which intents were first written, by nonce.
	intents map[string]intent
}

// intent is one that was written.
type intent struct {
	step  int
	owner string
	runID string
	// attempt counts the submits of the run.
	attempt int
}

func newStore(s *sim) *store {
	return &store{sim: s, buckets: map[string]map[string][]byte{}, proved: map[string]bool{},
		intents: map[string]intent{}}
}

func etagOf(data []byte) string {
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:])
}

func (s *store) do(ctx context.Context, op, key string, apply func() error) error {
	err := executionOf(ctx).effect(ctx, "store "+op+" "+path.Base(key), apply)
	if err != nil && (errors.Is(err, errLost) || errors.Is(err, errAway) || ctx.Err() != nil) {
		return &archive.Error{Op: op, Key: key, Err: err}
	}
	return err
}

func (s *store) bucket(name string) (map[string][]byte, error) {
	objects, ok := s.buckets[name]
	if !ok {
		return nil, &archive.Error{Op: "look for", Bucket: name, Code: minio.NoSuchBucket, Final: true,
			Err: errors.New("no such bucket")}
	}
	return objects, nil
}

func (s *store) get(bucket, key string) ([]byte, error) {
	objects, err := s.bucket(bucket)
	if err != nil {
		return nil, err
	}
	data, ok := objects[key]
	if !ok {
		return nil, fmt.Errorf("get %s/%s: %w", bucket, key, archive.ErrNotFound)
	}
	return data, nil
}

func (s *store) put(bucket, key string, data []byte) error {
	objects, err := s.bucket(bucket)
	if err != nil {
		return err
	}
	objects[key] = data
	if strings.HasSuffix(key, "submission.json") {
		s.noteLedger(data)
	}
	return nil
}

// maxEntries is far above what any seed has submits.
const maxEntries = 100

// noteLedger keeps when intents were written, and shows the ledger in the trace.
func (s *store) noteLedger(data []byte) {
	var l ledger.Ledger
	if err := json.Unmarshal(data, &l); err != nil {
		panic(err)
	}
	if len(l.Entries()) > maxEntries {
		s.sim.mu.Lock()
		s.sim.endless = true
		s.sim.mu.Unlock()
		s.sim.end()
		return
	}
	var states []string
	for _, e := range l.Entries() {
		states = append(states, fmt.Sprintf("%s %s of %s", e.State, e.SeparationTaskID, e.Owner))
		if _, known := s.intents[e.Nonce]; !known && e.Nonce != "" {
			s.intents[e.Nonce] = intent{s.sim.steps, e.Owner, e.RunID, e.Attempt}
		}
	}
	s.sim.note("    ledger: %s", strings.Join(states, "; "))
}

// EnsureBucket implements activities.Store.
func (s *store) EnsureBucket(ctx context.Context, bucket string) error {
	return s.do(ctx, "make", bucket, func() error {
		if s.buckets[bucket] == nil {
			s.buckets[bucket] = map[string][]byte{}
		}
		return nil
	})
}

// Stat implements activities.Store.
func (s *store) Stat(ctx context.Context, bucket, key string) (info archive.Info, err error) {
	err = s.do(ctx, "stat", key, func() error {
		data, err := s.get(bucket, key)
		info = infoOf(key, data)
		return err
	})
	return info, err
}

func infoOf(key string, data []byte) archive.Info {
	sum := sha256.Sum256(data)
	return archive.Info{Key: key, Size: int64(len(data)), ETag: etagOf(data), SHA256: hex.EncodeToString(sum[:])}
}

// List implements activities.Store.
func (s *store) List(ctx context.Context, bucket, prefix string) (found []archive.Info, err error) {
	err = s.do(ctx, "list", prefix, func() error {
		objects, err := s.bucket(bucket)
		for _, key := range slices.Sorted(maps.Keys(objects)) {
			if strings.HasPrefix(key, prefix) {
				found = append(found, infoOf(key, objects[key]))
			}
		}
		return err
	})
	return found, err
}

// Open implements activities.Store.
func (s *store) Open(ctx context.Context, bucket, key string) (io.ReadCloser, archive.Info, error) {
	return s.OpenFrom(ctx, bucket, key, "", 0)
}

// OpenFrom implements activities.Store.
func (s *store) OpenFrom(ctx context.Context, bucket, key, etag string, offset int64) (io.ReadCloser, archive.Info,
	error) {
	var data []byte
	err := s.do(ctx, "get", key, func() (err error) {
		if data, err = s.get(bucket, key); err == nil && etag != "" && etag != etagOf(data) {
			err = archive.ErrPrecondition
		}
		return err
	})
	if err != nil {
		return nil, archive.Info{}, err
	}
	return io.NopCloser(bytes.NewReader(data[offset:])), infoOf(key, data), nil
}

// Put implements activities.Store.
func (s *store) Put(ctx context.Context, bucket, key, _ string, body io.Reader, size int64) (archive.Written, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return archive.Written{}, fmt.Errorf("put %s/%s: %w", bucket, key, err)
	}
	if len(data) == 0 || size >= 0 && int64(len(data)) != size {
		return archive.Written{}, fmt.Errorf("put %s/%s: %d bytes of %d", bucket, key, len(data), size)
	}
	err = s.do(ctx, "put", key, func() error { return s.put(bucket, key, data) })
	if err != nil {
		return archive.Written{}, err
	}
	return archive.Written{Size: int64(len(data)), SHA256: infoOf(key, data).SHA256}, nil
}

// PutStem implements activities.Store.
func (s *store) PutStem(
	ctx context.Context, bucket, key, contentType string, body io.Reader, size int64,
) (archive.Written, error) {
	return s.Put(ctx, bucket, key, contentType, body, size)
}

// ReadJSON implements activities.Store.
func (s *store) ReadJSON(ctx context.Context, bucket, key string, v any) (etag string, err error) {
	var data []byte
	err = s.do(ctx, "get", key, func() (err error) {
		data, err = s.get(bucket, key)
		return err
	})
	if err != nil {
		return "", err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return "", fmt.Errorf("%w: %s/%s: %w", archive.ErrCorrupt, bucket, key, err)
	}
	return etagOf(data), nil
}

// CreateJSON implements activities.Store.
func (s *store) CreateJSON(ctx context.Context, bucket, key string, v any) (string, error) {
	return s.write(ctx, "create", bucket, key, v, func(_ []byte, err error) bool {
		return errors.Is(err, archive.ErrNotFound)
	})
}

// ReplaceJSON implements activities.Store.
func (s *store) ReplaceJSON(ctx context.Context, bucket, key, etag string, v any) (string, error) {
	return s.write(ctx, "replace", bucket, key, v, func(found []byte, err error) bool {
		return err == nil &&
			etagOf(found) == etag
	})
}

// PutJSON implements activities.Store.
func (s *store) PutJSON(ctx context.Context, bucket, key string, v any) error {
	_, err := s.write(ctx, "put", bucket, key, v, func([]byte, error) bool { return true })
	return err
}

func (s *store) write(ctx context.Context, op, bucket, key string, v any, allowed func([]byte, error) bool) (string,
	error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", err
	}
	err = s.do(ctx, op, key, func() error {
		found, err := s.get(bucket, key)
		if errors.Is(err, archive.ErrNoBucket) {
			return err
		}
		if !s.unconditional && !allowed(found, err) {
			return fmt.Errorf("%s %s/%s: %w", op, bucket, key, archive.ErrPrecondition)
		}
		return s.put(bucket, key, data)
	})
	if err != nil {
		return "", err
	}
	return etagOf(data), nil
}

// Proved implements activities.Store.
func (s *store) Proved(bucket string) bool {
	s.sim.mu.Lock()
	defer s.sim.mu.Unlock()
	return s.proved[bucket]
}

// Prove implements activities.Store. This store is in order.
func (s *store) Prove(ctx context.Context, bucket, key, etag string, _ any) error {
	return s.do(ctx, "prove", key, func() error {
		data, err := s.get(bucket, key)
		if err != nil {
			return err
		}
		if etagOf(data) != etag {
			return archive.ErrPrecondition
		}
		s.sim.mu.Lock()
		defer s.sim.mu.Unlock()
		s.proved[bucket] = true
		return nil
	})
}

// nonceOf is that of the intent that a submit wrote, if it wrote one.
func (s *store) nonceOf(runID string, attempt int) string {
	for nonce, i := range s.intents {
		if i.runID == runID && i.attempt == attempt {
			return nonce
		}
	}
	return ""
}

// ledgers are the ledgers of all tracks, by key.
func (s *store) ledgers() map[string]ledger.Ledger {
	found := map[string]ledger.Ledger{}
	for bucket, objects := range s.buckets {
		for key, data := range objects {
			if strings.HasSuffix(key, "submission.json") {
				var l ledger.Ledger
				if err := json.Unmarshal(data, &l); err != nil {
					panic(err)
				}
				found[bucket+"/"+key] = l
			}
		}
	}
	return found
}
