package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/archive"
)

type document struct {
	Writer int    `json:"writer"`
	Text   string `json:"text,omitempty"`
}

func (f fixture) read(key string) (document, string) {
	f.t.Helper()
	var d document
	etag, err := f.ReadJSON(f.t.Context(), f.bucket, key, &d)
	require.NoError(f.t, err)
	return d, etag
}

func TestConditionalWrites(t *testing.T) {
	f := newFixture(t)
	first, err := f.CreateJSON(t.Context(), f.bucket, "ledger.json", document{Writer: 1, Text: "<a & b>"})
	require.NoError(t, err)
	d, etag := f.read("ledger.json")
	require.Equal(t, document{Writer: 1, Text: "<a & b>"}, d)
	require.Equal(t, first, etag)

	_, err = f.CreateJSON(t.Context(), f.bucket, "ledger.json", document{Writer: 2})
	require.ErrorIs(t, err, archive.ErrPrecondition)

	second, err := f.ReplaceJSON(t.Context(), f.bucket, "ledger.json", first, document{Writer: 3})
	require.NoError(t, err)
	_, err = f.ReplaceJSON(t.Context(), f.bucket, "ledger.json", first, document{Writer: 4})
	require.ErrorIs(t, err, archive.ErrPrecondition)
	d, etag = f.read("ledger.json")
	require.Equal(t, 3, d.Writer)
	require.Equal(t, second, etag)

	_, err = f.ReplaceJSON(t.Context(), f.bucket, "gone.json", first, document{Writer: 5})
	require.ErrorIs(t, err, archive.ErrPrecondition)
	_, err = f.Stat(t.Context(), f.bucket, "gone.json")
	require.ErrorIs(t, err, archive.ErrNotFound)

	require.NoError(t, f.PutJSON(t.Context(), f.bucket, "ledger.json", document{Writer: 6}))
	d, _ = f.read("ledger.json")
	require.Equal(t, 6, d.Writer)
}

func TestDocumentsAreWrittenForPeople(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.PutJSON(t.Context(), f.bucket, "d.json", document{Writer: 1, Text: "a&b"}))
	object, _, err := f.Open(t.Context(), f.bucket, "d.json")
	require.NoError(t, err)
	defer object.Close()
	text, err := io.ReadAll(object)
	require.NoError(t, err)
	require.Equal(t, "{\n  \"writer\": 1,\n  \"text\": \"a&b\"\n}\n", string(text))
	raw, err := f.raw.StatObject(t.Context(), f.bucket, "d.json", minioStat)
	require.NoError(t, err)
	require.Equal(t, "application/json", raw.ContentType)
}

// The payment depends on these: of all that try at the same time one wins, and what stands there is
// the winner's.
func TestOneConcurrentWriterWins(t *testing.T) {
	f := newFixture(t)
	const writers = 8
	race := func(write func(writer int) error) (winner int) {
		t.Helper()
		type outcome struct {
			writer int
			err    error
		}
		begin, outcomes := make(chan struct{}), make(chan outcome)
		for writer := range writers {
			go func() {
				<-begin
				outcomes <- outcome{writer, write(writer)}
			}()
		}
		close(begin)
		winners := 0
		for range writers {
			o := <-outcomes
			if o.err == nil {
				winner, winners = o.writer, winners+1
			} else {
				require.ErrorIs(t, o.err, archive.ErrPrecondition)
			}
		}
		require.Equal(t, 1, winners)
		return winner
	}
	for round := range 10 {
		key := fmt.Sprintf("ledger-%d.json", round)
		winner := race(func(writer int) error {
			_, err := f.CreateJSON(t.Context(), f.bucket, key, document{Writer: writer})
			return err
		})
		d, etag := f.read(key)
		require.Equal(t, winner, d.Writer)
		winner = race(func(writer int) error {
			_, err := f.ReplaceJSON(t.Context(), f.bucket, key, etag, document{Writer: 100 + writer})
			return err
		})
		d, _ = f.read(key)
		require.Equal(t, 100+winner, d.Writer)
	}
}

// A repeated conditional write would find its own first try and report that another was quicker.
func TestConditionalWritesAreMadeOnce(t *testing.T) {
	var writes atomic.Int32
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if writes.Add(1)%2 == 1 {
			panic(http.ErrAbortHandler) // cuts the connection where the answer is awaited
		}
		w.Header().Set("X-Amz-Request-Id", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer store.Close()
	s, err := archive.New(
		archive.Options{Endpoint: store.Listener.Addr().String(), AccessKey: "a", SecretKey: "s", Region: "us-east-1"},
	)
	require.NoError(t, err)
	for n := range int32(4) {
		_, err = s.CreateJSON(t.Context(), "bucket", "key", document{})
		var failed *archive.Error
		require.ErrorAs(t, err, &failed)
		require.False(t, failed.Final)
		require.False(t, errors.Is(err, archive.ErrPrecondition))
		require.Equal(t, n+1, writes.Load())
	}
}

func TestCorruptDocuments(t *testing.T) {
	f := newFixture(t)
	for name, text := range map[string]string{
		"cut": `{"writer": 1`, "page": "<html>", "shape": `{"writer": "one"}`, "huge": `"` + strings.Repeat("a", 5<<20) + `"`,
	} {
		_, err := f.Put(
			t.Context(),
			f.bucket,
			name,
			"application/json",
			bytes.NewReader([]byte(text)),
			int64(len(text)),
		)
		require.NoError(t, err)
		var d document
		_, err = f.ReadJSON(t.Context(), f.bucket, name, &d)
		require.ErrorIs(t, err, archive.ErrCorrupt, name)
		require.ErrorContains(t, err, f.bucket+"/"+name)
	}
}
