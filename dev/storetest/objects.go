package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"

	"stemflow/internal/archive"
)

const (
	documentSize = 4 << 10
	// stemSize is more than what is signed while it is streamed.
	stemSize = 3 << 20
	// longSize is more than two parts of an upload of unknown size.
	longSize    = 11 << 20
	unknownSize = -1
	audio       = "audio/mpeg"
)

// content is text, so that a document of it is JSON however it is damaged.
func (s *suite) content(size int) []byte {
	data := make([]byte, size)
	chance := rand.New(rand.NewPCG(s.chance.Uint64(), 0))
	for i := range data {
		data[i] = byte('a' + chance.IntN(26))
	}
	return data
}

// stream hides that data could be read again: stems come from a server and cannot.
func stream(data []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(data)} }

// upload is a way in which stemflow writes.
type upload struct {
	name string
	size int
	put  putting
}

type putting func(ctx context.Context, store *archive.Store, bucket, key string, data []byte) error

var ways = []upload{
	{"a document", documentSize, putDocument},
	{"a stem of known size", stemSize, putAs(func(size int) int64 { return int64(size) })},
	{"a stem of unknown size", longSize, putAs(func(int) int64 { return unknownSize })},
}

func putDocument(ctx context.Context, store *archive.Store, bucket, key string, data []byte) error {
	_, err := store.CreateJSON(ctx, bucket, key, document{Version: "1", Text: string(data)})
	return err
}

func putAs(announced func(size int) int64) putting {
	return func(ctx context.Context, store *archive.Store, bucket, key string, data []byte) error {
		written, err := store.PutStem(ctx, bucket, key, audio, stream(data), announced(len(data)))
		if err == nil && (written.Size != int64(len(data)) || written.SHA256 != sha256Of(data)) {
			return fmt.Errorf("the store confirms %d bytes with SHA-256 %s", written.Size, written.SHA256)
		}
		return err
	}
}

func sha256Of(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// damaged is the store behind a proxy that changes a bit.
func (s *suite) damaged(uploads, answers bool) (store *archive.Store, d *damaging, done func(), err error) {
	p, err := newProxy(s.user, func(wire http.RoundTripper) http.RoundTripper {
		d = &damaging{RoundTripper: wire, uploads: uploads, answers: answers}
		return d
	})
	if err != nil {
		return nil, nil, nil, err
	}
	if store, err = s.through(p); err != nil {
		p.close()
		return nil, nil, nil, err
	}
	return store, d, func() { store.Close(); p.close() }, nil
}

func damagedUploads(ctx context.Context, s *suite) result {
	store, d, done, err := s.damaged(true, false)
	if err != nil {
		return fail("%v", err)
	}
	defer done()
	for i, way := range ways {
		key := s.key("damaged", fmt.Sprint(i))
		before := d.done.Load()
		err := way.put(ctx, store, s.bucket, key, s.content(way.size))
		if err == nil {
			return fail("the store took %s with a bit changed on its way, and confirmed it", way.name)
		}
		if errors.Is(err, archive.ErrUnconfirmed) {
			return fail("the store took %s with a bit changed on its way: it verifies no checksum", way.name)
		}
		if d.done.Load() == before {
			return fail("%s did not come as far as to be damaged: %v", way.name, err)
		}
		_, err = s.Stat(ctx, s.bucket, key)
		if err == nil {
			return fail("the store refused %s with a bit changed on its way, and kept it", way.name)
		}
		if !errors.Is(err, archive.ErrNotFound) {
			return fail("%v", err)
		}
	}
	return pass("one bit changed in a document, in a stem of known and in one of unknown size")
}

func uploads(ctx context.Context, s *suite) result {
	for _, size := range []int{1, stemSize, longSize} {
		for _, announced := range []int64{int64(size), unknownSize} {
			key := s.key("kept", fmt.Sprintf("%d %d", size, announced))
			data := s.content(size)
			written, err := s.PutStem(ctx, s.bucket, key, audio, stream(data), announced)
			if err != nil {
				return fail("%d bytes, announced as %d: %v", size, announced, err)
			}
			if want := sha256Of(data); written.Size != int64(size) || written.SHA256 != want {
				return fail("the store confirms %v in place of %d bytes with SHA-256 %s", written, size, want)
			}
			back, info, err := s.Open(ctx, s.bucket, key)
			if err != nil {
				return fail("%v", err)
			}
			found, err := io.ReadAll(back)
			back.Close()
			switch {
			case err != nil:
				return fail("read %d bytes: %v", size, err)
			case !bytes.Equal(found, data):
				return fail("of %d bytes, announced as %d, the store gives back others", size, announced)
			case info.Checksum != written.Checksum:
				return fail("the store keeps the checksum %q in place of %q", info.Checksum, written.Checksum)
			case info.Size != int64(size) || info.ETag == "":
				return fail("the store describes %d bytes as %d with ETag %q", size, info.Size, info.ETag)
			}
		}
	}
	return pass("1 byte to %d MiB, with a size and without", longSize>>20)
}

// errBroken is that of a source that breaks off.
var errBroken = errors.New("the source broke off")

func failedUploads(ctx context.Context, s *suite) result {
	kept := s.content(documentSize)
	key := s.key("failed")
	if _, err := s.PutStem(ctx, s.bucket, key, audio, stream(kept), int64(len(kept))); err != nil {
		return unprepared(err)
	}
	for _, announced := range []int64{longSize, unknownSize} {
		body := io.MultiReader(stream(s.content(longSize-1)), brokenReader{})
		if _, err := s.PutStem(ctx, s.bucket, key, audio, body, announced); !errors.Is(err, errBroken) {
			return fail("an upload whose source breaks off ends with: %v", err)
		}
	}
	object, _, err := s.Open(ctx, s.bucket, key)
	if err != nil {
		return fail("after uploads that failed: %v", err)
	}
	defer object.Close()
	if found, err := io.ReadAll(object); err != nil || !bytes.Equal(found, kept) {
		return fail("an upload that failed changed the object that it was to replace (%v)", err)
	}
	client, err := rawClient(s.user)
	if err != nil {
		return fail("%v", err)
	}
	// MinIO finds those of a whole key only.
	left, err := minio.Core{Client: client}.ListMultipartUploads(ctx, s.bucket, key, "", "", "", 0)
	if err != nil {
		return skip("what is left unfinished cannot be listed: %v", err)
	}
	if len(left.Uploads) > 0 {
		return fail("the store keeps the parts of an upload that was aborted")
	}
	return pass("sources that break off, with a size and without; the object that was there is kept")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

func damagedReads(ctx context.Context, s *suite) result {
	store, d, done, err := s.damaged(false, true)
	if err != nil {
		return fail("%v", err)
	}
	defer done()
	for i, way := range ways {
		key := s.key("read", fmt.Sprint(i))
		if err := way.put(ctx, s.Store, s.bucket, key, s.content(way.size)); err != nil {
			return unprepared(err)
		}
		before := d.done.Load()
		object, _, err := store.Open(ctx, s.bucket, key)
		if err != nil {
			return fail("%v", err)
		}
		_, err = io.Copy(io.Discard, object)
		object.Close()
		if d.done.Load() == before {
			return fail("%s was not read as far as to be damaged: %v", way.name, err)
		}
		if err == nil {
			return fail("%s is read with a bit changed on its way, and no error: "+
				"the store gives no checksum with it", way.name)
		}
	}
	return pass("one bit changed in a document, in a stem of known and in one of unknown size")
}

func ranges(ctx context.Context, s *suite) result {
	data := s.content(stemSize)
	key := s.key("range")
	if _, err := s.PutStem(ctx, s.bucket, key, audio, stream(data), stemSize); err != nil {
		return unprepared(err)
	}
	info, err := s.Stat(ctx, s.bucket, key)
	if err != nil {
		return fail("%v", err)
	}
	for _, offset := range []int64{0, 1, stemSize / 2, stemSize - 1} {
		rest, part, err := s.OpenFrom(ctx, s.bucket, key, info.ETag, offset)
		if err != nil {
			return fail("from %d: %v", offset, err)
		}
		found, err := io.ReadAll(rest)
		rest.Close()
		if err != nil || !bytes.Equal(found, data[offset:]) || part.Size != int64(len(found)) {
			return fail("from %d on the store gives %d bytes, calls them %d, or gives others (%v)",
				offset, len(found), part.Size, err)
		}
	}
	for _, offset := range []int64{0, 1} {
		rest, _, err := s.OpenFrom(ctx, s.bucket, key, strings.Repeat("0", 32), offset)
		if err == nil {
			rest.Close()
			return fail("from %d on the store gives an object that does not have the ETag of If-Match", offset)
		}
		if !errors.Is(err, archive.ErrPrecondition) {
			return fail("from %d, with another ETag: %v", offset, err)
		}
	}
	if _, _, err := s.OpenFrom(ctx, s.bucket, key+"-none", info.ETag, 1); !errors.Is(err, archive.ErrNotFound) {
		return fail("of an object that is not there: %v", err)
	}
	return pass("from four offsets, and If-Match is kept")
}

// listers is how many objects are written at once.
const listers = 16

func lists(ctx context.Context, s *suite) result {
	prefix := s.key("list") + "/"
	// In the order of their bytes, which is not that of any language.
	var want []string
	for _, name := range []string{"A", "Z", "a b", "a+b", "a%20b", "ü", "長", "a/1", "a/2", "b/c/1"} {
		want = append(want, prefix+name)
	}
	for i := range s.listed - len(want) {
		want = append(want, fmt.Sprintf("%sn/%04d", prefix, i))
	}
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		first error
	)
	todo := make(chan string)
	for range listers {
		group.Go(func() {
			for key := range todo {
				if _, err := s.PutStem(ctx, s.bucket, key, audio, strings.NewReader("x"), 1); err != nil {
					mu.Lock()
					first = cmp.Or(first, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, key := range want {
		todo <- key
	}
	close(todo)
	group.Wait()
	if first != nil {
		return unprepared(first)
	}
	slices.Sort(want)
	for _, after := range []string{"", want[len(want)/2]} {
		var found []string
		for object, err := range s.Walk(ctx, s.bucket, prefix, after) {
			if err != nil {
				return fail("%v", err)
			}
			found = append(found, object.Key)
		}
		expected := want
		if after != "" {
			expected = want[len(want)/2+1:]
		}
		if !slices.Equal(found, expected) {
			return fail("a list after %q has %d keys, and should have %d: %s",
				after, len(found), len(expected), difference(found, expected))
		}
	}
	var folders []string
	for folder, err := range s.Folders(ctx, s.bucket, prefix) {
		if err != nil {
			return fail("%v", err)
		}
		folders = append(folders, folder)
	}
	if expected := []string{"a", "b", "n"}; !slices.Equal(folders, expected) {
		return fail("the folders are %q in place of %q", folders, expected)
	}
	return pass("%d keys of all kinds, from the beginning and after one of them; folders", len(want))
}

// difference is the first key that two lists do not share.
func difference(found, expected []string) string {
	for i, key := range expected {
		if i >= len(found) || found[i] != key {
			return fmt.Sprintf("%q is missing or not at its place", key)
		}
	}
	return fmt.Sprintf("%q is too much", found[len(expected)])
}
