package archive_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
	"stemflow/internal/devservers/serverstest"
)

const part = 5 << 20

// content is the same random bytes every time.
func content(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

// stream hides that a reader could do more than read.
type stream struct{ io.Reader }

func TestPut(t *testing.T) {
	f := newFixture(t)
	for _, size := range []int{1, 4096, 64 << 10, part - 1, part, part + 1, 17 << 20} {
		data := content(size)
		sum := sha256.Sum256(data)
		want := archive.Written{Size: int64(size), SHA256: hex.EncodeToString(sum[:])}
		for what, announced := range map[string]int64{"sized": int64(size), "unknown": -1} {
			key := fmt.Sprintf("folder/%s %d.mp3", what, size)
			for name, reader := range map[string]io.Reader{
				"reader": bytes.NewReader(data), "end with the last bytes": stream{iotest.DataErrReader(bytes.NewReader(data))},
			} {
				written, err := f.Put(t.Context(), f.bucket, key, "audio/mpeg", reader, announced)
				require.NoError(t, err, "%s, %s", key, name)
				want.Checksum = written.Checksum // TestPutStem has it
				require.Equal(t, want, written, key)
				require.Equal(t, what == "unknown", written.Checksum != "", key)
			}
			info, err := f.Stat(t.Context(), f.bucket, key)
			require.NoError(t, err)
			require.Equal(t, int64(size), info.Size)
			require.Equal(t, key, info.Key)
			if what == "sized" {
				require.Equal(t, want.SHA256, info.SHA256, "the store's own checksum")
			}
			object, opened, err := f.Open(t.Context(), f.bucket, key)
			require.NoError(t, err)
			stored, err := io.ReadAll(object)
			require.NoError(t, err)
			require.NoError(t, object.Close())
			require.True(t, bytes.Equal(data, stored), key)
			require.Equal(t, info, opened)
			raw, err := f.raw.StatObject(t.Context(), f.bucket, key, minioStat)
			require.NoError(t, err)
			require.Equal(t, "audio/mpeg", raw.ContentType)
		}
	}
	f.requireNoUpload("after uploads that succeeded")
}

// Of a stem the store keeps the checksum that costs it little, and the caller is told both, of
// whatever size it is.
func TestPutStem(t *testing.T) {
	f := newFixture(t)
	for _, size := range []int{1, 64<<10 + 1, 1 << 20, 1<<20 + 1, part + 1} {
		data := content(size)
		sum := sha256.Sum256(data)
		want := archive.Written{Size: int64(size), SHA256: hex.EncodeToString(sum[:])}
		for what, announced := range map[string]int64{"sized": int64(size), "unknown": -1} {
			if want.Checksum = "CRC32C:" + minio.ChecksumCRC32C.EncodeToString(data); what == "unknown" {
				want.Checksum = "CRC64NVME:" + minio.ChecksumCRC64NVME.EncodeToString(data)
			}
			key := fmt.Sprintf("%s %d.mp3", what, size)
			written, err := f.PutStem(t.Context(), f.bucket, key, "audio/mpeg", stream{bytes.NewReader(data)}, announced)
			require.NoError(t, err, key)
			require.Equal(t, want, written, key)
			info, err := f.Stat(t.Context(), f.bucket, key)
			require.NoError(t, err)
			require.Equal(t, want.Checksum, info.Checksum, "the store's own checksum")
			require.Empty(t, info.SHA256)
			object, opened, err := f.Open(t.Context(), f.bucket, key)
			require.NoError(t, err)
			stored, err := io.ReadAll(object)
			require.NoError(t, err)
			require.NoError(t, object.Close())
			require.True(t, bytes.Equal(data, stored), key)
			require.Equal(t, info, opened)
		}
	}
	f.requireNoUpload("after uploads that succeeded")
}

// What changes on its way is refused by the store, in every form that a stem is sent in, and of
// what it does not confirm nobody says that it is archived.
func TestPutStemThatChangesOnItsWay(t *testing.T) {
	f := newFixture(t)
	faulty := serverstest.NewFaultyStore(t, f.opts)
	store := open(t, faulty.Options)
	change := serverstest.Fault{Request: func(r *http.Request, body []byte) []byte {
		if r.Method == http.MethodPut && len(body) > 1 { // not the question for the form
			body = bytes.Clone(body)
			body[len(body)/2] ^= 1
		}
		return body
	}}
	for what, size := range map[string]int{"signed": 1000, "not signed": 3 << 20, "in parts": 6 << 20} {
		announced := int64(size)
		if what == "in parts" {
			announced = -1
		}
		put := func() error {
			_, err := store.PutStem(t.Context(), f.bucket, "key", "audio/mpeg", stream{bytes.NewReader(content(size))}, announced)
			return err
		}
		faulty.SetFaults(change)
		var refused *archive.Error
		require.ErrorAs(t, put(), &refused, what)
		f.requireNothing(what)

		for _, confirmed := range []func(http.Header, string){serverstest.NoChecksum, serverstest.AnotherChecksum} {
			faulty.SetFaults(serverstest.Confirming(serverstest.IsObjectPut, confirmed), serverstest.Fault{
				// A completed upload is confirmed in its document.
				Response: func(_ *http.Request, _ *http.Response, body []byte) []byte {
					return bytes.ReplaceAll(body, []byte("ChecksumCRC64NVME"), []byte("ChecksumOther"))
				},
			})
			require.ErrorIs(t, put(), archive.ErrUnconfirmed, what)
			require.NoError(t, f.Remove(t.Context(), f.bucket, "key"))
		}
		faulty.SetFaults()
		require.NoError(t, put(), what)
		require.NoError(t, f.Remove(t.Context(), f.bucket, "key"))
	}
}

// A checksum proves as much as is known of it, and says no more.
func TestWhatTheStoresChecksumProves(t *testing.T) {
	for name, c := range map[string]struct {
		info             archive.Info
		sha256, checksum string
		proved, differs  bool
	}{
		"none":                        {archive.Info{}, "a", "CRC32C:x", false, false},
		"the same SHA-256":            {archive.Info{SHA256: "a"}, "a", "CRC32C:x", true, false},
		"another SHA-256":             {archive.Info{SHA256: "b"}, "a", "CRC32C:x", false, true},
		"the same checksum":           {archive.Info{Checksum: "CRC32C:x"}, "a", "CRC32C:x", true, false},
		"another checksum":            {archive.Info{Checksum: "CRC32C:y"}, "a", "CRC32C:x", false, true},
		"of another algorithm":        {archive.Info{Checksum: "CRC64NVME:x"}, "a", "CRC32C:x", false, false},
		"of an algorithm that begins": {archive.Info{Checksum: "CRC32:x"}, "a", "CRC32C:x", false, false},
		"an unknown checksum":         {archive.Info{Checksum: "CRC32C:x"}, "a", "", false, false},
		"both, and it is another":     {archive.Info{SHA256: "a", Checksum: "CRC32C:y"}, "a", "CRC32C:x", false, true},
		"both, and another SHA-256":   {archive.Info{SHA256: "b", Checksum: "CRC32C:x"}, "a", "CRC32C:x", false, true},
	} {
		proved, differs := c.info.Proves(c.sha256, c.checksum)
		require.Equal(t, c.proved, proved, name)
		require.Equal(t, c.differs, differs, name)
	}
}

// sourceError is an error as a downloader has them, which callers look for with errors.As.
type sourceError struct{ text string }

func (e *sourceError) Error() string { return e.text }

// Half of these readers end in a way that minio-go by itself takes for the end of the object, or
// whose error it replaces.
func TestPutFailsWithItsBody(t *testing.T) {
	f := newFixture(t)
	const small = 100_000
	for _, good := range []int{0, 1, small, part, part + 1, 2*part + 1} {
		for i, cause := range []error{
			&sourceError{"the source stalled"}, &sourceError{"unexpected EOF"}, io.ErrUnexpectedEOF,
			fmt.Errorf("wrapped: %w", io.ErrUnexpectedEOF), io.ErrClosedPipe, context.DeadlineExceeded,
		} {
			if i > 0 && good > small { // every cause after few bytes, and every size with one cause
				continue
			}
			for _, announced := range []int64{3 * part, -1} {
				what := fmt.Sprintf("%d bytes of %d, then %q", good, announced, cause)
				reader := io.MultiReader(bytes.NewReader(content(good)), iotest.ErrReader(cause))
				_, err := f.Put(t.Context(), f.bucket, "key", "audio/mpeg", reader, announced)
				require.ErrorIs(t, err, cause, what)
				var own *sourceError
				require.Equal(t, errors.As(cause, &own), errors.As(err, &own), what)
				var refused *archive.Error
				require.NotErrorAs(t, err, &refused, "it is not the store's failure")
			}
		}
	}
	f.requireNothing("after failed bodies")
}

func TestPutRefusesAnotherSizeThanAnnounced(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		size, announced int
		message         string
	}{
		{0, 1, "the body is empty"},
		{99_999, 100_000, "the body ended after 99999 of the 100000 bytes announced"},
		{20 << 20, 20<<20 + 1, "the body ended after 20971520 of the 20971521 bytes announced"},
		{0, 0, "the body is empty"},
		{0, -1, "the body is empty"},
		{100_001, 100_000, "the body is longer than the 100000 bytes announced"},
		{64<<10 + 1, 64 << 10, "the body is longer than the 65536 bytes announced"},
		{200_000, 100_000, "the body is longer than the 100000 bytes announced"},
	} {
		for name, reader := range map[string]io.Reader{
			"whole": bytes.NewReader(content(c.size)), "end with the last bytes": stream{iotest.DataErrReader(bytes.NewReader(content(c.size)))},
			"byte by byte": iotest.OneByteReader(bytes.NewReader(content(min(c.size, 100_001)))),
		} {
			if name == "byte by byte" && c.size > 100_001 {
				continue
			}
			_, err := f.Put(t.Context(), f.bucket, "key", "audio/mpeg", reader, int64(c.announced))
			require.ErrorContains(t, err, c.message, name)
		}
	}
	f.requireNothing("after bodies of another size")
}

func TestPutThatFailsLeavesTheOldObject(t *testing.T) {
	f := newFixture(t)
	_, err := f.Put(t.Context(), f.bucket, "key", "audio/mpeg", bytes.NewReader(content(10)), 10)
	require.NoError(t, err)
	for _, announced := range []int64{2 * part, -1} {
		_, err = f.Put(
			t.Context(),
			f.bucket,
			"key",
			"audio/mpeg",
			io.MultiReader(bytes.NewReader(content(part+1)), iotest.ErrReader(io.ErrUnexpectedEOF)),
			announced,
		)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		info, err := f.Stat(t.Context(), f.bucket, "key")
		require.NoError(t, err)
		require.EqualValues(t, 10, info.Size)
	}
	f.requireNoUpload("after failed uploads")
}

// A source that stalls in the middle is an HTTP response whose request has the same context, as the
// downloader's are.
func TestPutEndsWithItsContext(t *testing.T) {
	f := newFixture(t)
	sent := make(chan struct{}, 1)
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(content(part + 1000))
		w.(http.Flusher).Flush()
		sent <- struct{}{}
		<-r.Context().Done()
	}))
	defer source.Close()
	for _, announced := range []int64{2 * part, -1} {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, source.URL, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		go func() { <-sent; cancel() }()
		_, err = f.Put(ctx, f.bucket, "key", "audio/mpeg", resp.Body, announced)
		require.ErrorIs(t, err, context.Canceled)
		resp.Body.Close()
	}
	f.requireNothing("after uploads that were given up")
}

// A store that does not read on is left as soon as the context ends.
func TestPutLeavesAStoreThatHangs(t *testing.T) {
	store, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer store.Close()
	asked := make(chan struct{})
	go func() {
		for {
			conn, err := store.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = conn.Read(make([]byte, 1))
			asked <- struct{}{}
		}
	}()
	for _, announced := range []int64{8 * part, -1} {
		s, err := archive.New(
			archive.Options{Endpoint: store.Addr().String(), AccessKey: "a", SecretKey: "s", Region: "us-east-1"},
		)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-asked; cancel() }()
		_, err = s.Put(ctx, "bucket", "key", "audio/mpeg", bytes.NewReader(content(8*part)), announced)
		require.ErrorIs(t, err, context.Canceled)
	}
}

// slowReader has a Read under way until it is released.
type slowReader struct {
	begun, released chan struct{}
	reading         atomic.Bool
}

func (r *slowReader) Read(p []byte) (int, error) {
	r.reading.Store(true)
	defer r.reading.Store(false)
	select {
	case <-r.released:
	default:
		close(r.begun)
		<-r.released
	}
	return len(p), nil
}

// A store that refuses before it has the body leaves the HTTP client with a read of it under way.
func TestPutReturnsWhenItsBodyIsNotReadAnyMore(t *testing.T) {
	reader := &slowReader{begun: make(chan struct{}), released: make(chan struct{})}
	store, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer store.Close()
	go func() {
		// The first request asks whether content has to be signed, and has a body of its own.
		for _, begun := range []<-chan struct{}{closedChannel(), reader.begun} {
			conn, err := store.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
				return
			}
			<-begun
			_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\nX-Amz-Request-Id: 1\r\nConnection: close\r\n"+
				"Content-Length: 0\r\n\r\n")
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	s, err := archive.New(
		archive.Options{Endpoint: store.Addr().String(), AccessKey: "a", SecretKey: "s", Region: "us-east-1"},
	)
	require.NoError(t, err)
	returned := make(chan error)
	go func() {
		_, err := s.Put(t.Context(), "bucket", "key", "audio/mpeg", reader, 1<<20+1)
		returned <- err
	}()
	select {
	case err = <-returned:
		require.False(t, reader.reading.Load(), "the caller may use the body again, and it is still being read")
	case <-time.After(300 * time.Millisecond): // it waits for the read, as it should
		close(reader.released)
		err = <-returned
	}
	requireError(t, err, "AccessDenied", true)
	require.False(t, reader.reading.Load())
}

func closedChannel() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// The buffers of an upload of unknown size are one part; a sized one has none to speak of.
func TestPutNeedsLittleMemory(t *testing.T) {
	f := newFixture(t)
	const size = 64 << 20
	for what, c := range map[string]struct{ announced, allowed int64 }{
		"sized":   {size, 8 << 20},
		"unknown": {-1, 32 << 20},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := f.Put(t.Context(), f.bucket, "large "+what, "audio/mpeg", io.LimitReader(zeros{}, size), c.announced)
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		// All that was ever allocated bounds what was held at once.
		require.Less(t, int64(after.TotalAlloc-before.TotalAlloc), c.allowed, what)
	}
}
