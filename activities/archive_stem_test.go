package activities

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
)

func (h *harness) archiveStem(stem stemflow.SourceStem) (*stemflow.Stem, error) {
	return call[stemflow.Stem](h, activityapi.ActivityArchiveStem, activityapi.ArchiveStemInput{
		Location: h.loc, SeparationTaskID: "sep", Stem: stem,
	})
}

// serve answers every request for a file with the handler.
func serve(t *testing.T, handler http.HandlerFunc) stemflow.SourceStem {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return stemflow.SourceStem{Name: "drums", URL: server.URL + "/s/1_Drums.mp3", SourceID: "1"}
}

func drums(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile("../internal/tune/stems/drums.mp3")
	require.NoError(t, err)
	return data
}

func TestArchiveStem(t *testing.T) {
	content := drums(t)
	for name, handler := range map[string]http.HandlerFunc{
		"length known": func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		},
		"length unknown": func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(content)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			asked := 0
			source := serve(t, func(rw http.ResponseWriter, r *http.Request) { asked++; handler(rw, r) })
			stem, err := h.archiveStem(source)
			require.NoError(t, err)
			require.Equal(t, h.loc.Dir+"sep/drums.mp3", stem.Key)
			require.Equal(t, int64(len(content)), stem.Size)
			require.Equal(t, "audio/mpeg", stem.ContentType)
			require.InDelta(t, 12, stem.DurationSeconds, 3, "it is read from the audio where the provider gives none")

			again, err := h.archiveStem(source)
			require.NoError(t, err)
			require.Equal(t, stem, again)
			require.Equal(t, 1, asked, "what is there is not fetched again")
		})
	}
}

func TestArchiveStemRefusesWhatIsNoStem(t *testing.T) {
	content := drums(t)
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
		final   bool
	}{
		"an error page":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<!doctype html><p>sorry")) }, stemflow.ErrorSourceNotAudio, false},
		"nothing":        {status(200), stemflow.ErrorSourceNotAudio, false},
		"a server error": {status(503), stemflow.ErrorProviderUnavailable, false},
		"forbidden":      {status(403), stemflow.ErrorSourceExpired, true},
		"a bot block": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Server", "cloudflare")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("error code: 1010"))
		}, stemflow.ErrorSourceBlocked, false},
		"an expired signature": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte("<Error><Code>ExpiredToken</Code></Error>"))
		}, stemflow.ErrorSourceExpired, true},
		"gone":      {status(410), stemflow.ErrorSourceExpired, true},
		"not there": {status(404), stemflow.ErrorSourceExpired, false},
		"a page about the link": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<!doctype html><p>This link has expired"))
		}, stemflow.ErrorSourceExpired, true},
		"a cut body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(content)
		}, stemflow.ErrorProviderUnavailable, false},
		"too large": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "2000000") }, stemflow.ErrorSourceTooLarge, true},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		}, stemflow.ErrorSourceForbidden, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			_, err := h.archiveStem(serve(t, c.handler))
			require.Equal(t, c.final, requireType(t, err, c.want).NonRetryable())
			objects, err := h.store.List(t.Context(), h.loc.Bucket, h.loc.Dir)
			require.NoError(t, err)
			require.Empty(t, objects)
		})
	}
}

func TestArchiveStemGivesUpOnASourceAfterItsAttempts(t *testing.T) {
	h := newHarness(t)
	source := serve(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
	h.env.SetHeartbeatDetails(activityapi.ArchiveStemHeartbeat{SourceFailures: sourceAttempts - 2})
	_, err := h.archiveStem(source)
	require.False(t, requireType(t, err, stemflow.ErrorProviderUnavailable).NonRetryable())
	h.env.SetHeartbeatDetails(activityapi.ArchiveStemHeartbeat{SourceFailures: sourceAttempts - 1})
	_, err = h.archiveStem(source)
	require.True(t, requireType(t, err, stemflow.ErrorProviderUnavailable).NonRetryable())
}

// A file that is not there is tried again, for longer when there is no other link, and the workflow
// learns that it was missing.
func TestArchiveStemGivesUpOnAMissingFile(t *testing.T) {
	for lastLink, attempts := range map[bool]int{false: missingAttempts, true: sourceAttempts} {
		h := newHarness(t)
		in := activityapi.ArchiveStemInput{
			Location: h.loc, SeparationTaskID: "id", LastLink: lastLink,
			Stem: serve(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNotFound) }),
		}
		h.env.SetHeartbeatDetails(activityapi.ArchiveStemHeartbeat{SourceFailures: attempts - 2})
		_, err := call[stemflow.Stem](h, activityapi.ActivityArchiveStem, in)
		require.False(t, requireType(t, err, stemflow.ErrorSourceExpired).NonRetryable())
		h.env.SetHeartbeatDetails(activityapi.ArchiveStemHeartbeat{SourceFailures: attempts - 1})
		_, err = call[stemflow.Stem](h, activityapi.ActivityArchiveStem, in)
		failure := requireType(t, err, stemflow.ErrorSourceExpired)
		require.True(t, failure.NonRetryable())
		var details activityapi.ArchiveStemFailure
		require.NoError(t, failure.Details(&details))
		require.True(t, details.Missing)
	}
}

// A host that blocks this worker is final after some tries, as blocked: not as a link that must be
// renewed or paid for again.
func TestArchiveStemGivesUpOnAHostThatBlocksIt(t *testing.T) {
	h := newHarness(t)
	source := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusForbidden)
		_, _ = rw.Write([]byte("error code: 1010"))
	})
	h.env.SetHeartbeatDetails(activityapi.ArchiveStemHeartbeat{SourceFailures: blockedAttempts - 2})
	_, err := h.archiveStem(source)
	require.False(t, requireType(t, err, stemflow.ErrorSourceBlocked).NonRetryable())
	h.env.SetHeartbeatDetails(activityapi.ArchiveStemHeartbeat{SourceFailures: blockedAttempts - 1})
	_, err = h.archiveStem(source)
	app := requireType(t, err, stemflow.ErrorSourceBlocked)
	require.True(t, app.NonRetryable())
	require.Contains(t, app.Message(), "error code 1010")
}

// A body without any length ends with its connection: only its duration shows that it was cut.
func TestArchiveStemMeasuresABodyWithoutLength(t *testing.T) {
	content := drums(t)
	h := newHarness(t)
	source := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			return
		}
		_, _ = buffered.WriteString("HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n")
		_, _ = buffered.Write(content[:len(content)/2])
		_ = buffered.Flush()
		_ = conn.Close()
	})
	source.DurationSeconds = 12
	_, err := h.archiveStem(source)
	require.False(t, requireType(t, err, stemflow.ErrorProviderUnavailable).NonRetryable())
	objects, err := h.store.List(t.Context(), h.loc.Bucket, h.loc.Dir)
	require.NoError(t, err)
	require.Empty(t, objects)
}

func TestArchiveStemWaitsForTheStore(t *testing.T) {
	h := newHarness(t)
	store, err := archive.New(archive.Options{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "b"})
	require.NoError(t, err)
	h.set.ArchiveStem.Store = store
	_, err = h.archiveStem(serve(t, func(http.ResponseWriter, *http.Request) {}))
	require.False(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
}

// Of a run that paid for the separation nothing can be there: the first attempt does not look.
// Others do, and so does a run that was reset after the provider had deleted the stem.
func TestArchiveStemLooksForWhatCanBeThere(t *testing.T) {
	content := drums(t)
	h := newHarness(t)
	status, asked := http.StatusOK, 0
	source := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		asked++
		if status != http.StatusOK {
			rw.WriteHeader(status)
			return
		}
		http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(content))
	})
	fresh := func() (*stemflow.Stem, error) {
		return call[stemflow.Stem](h, activityapi.ActivityArchiveStem, activityapi.ArchiveStemInput{
			Location: h.loc, SeparationTaskID: "sep", Stem: source, Fresh: true,
		})
	}
	stem, err := fresh()
	require.NoError(t, err)
	again, err := fresh()
	require.NoError(t, err)
	require.Equal(t, 2, asked)
	require.Equal(t, stem, again)

	status = http.StatusNotFound
	again, err = fresh()
	require.NoError(t, err)
	require.Equal(t, stem, again)

	status = http.StatusServiceUnavailable
	_, err = fresh()
	requireType(t, err, stemflow.ErrorProviderUnavailable)
}

// A stem that is not what the manifest of its separation says is fetched again, though it is audio:
// to take it up would be to write its damage into the next manifest.
func TestArchiveStemReplacesWhatTheManifestDoesNotKnow(t *testing.T) {
	h := newHarness(t)
	content := drums(t)
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
	stem, err := h.archiveStem(source)
	require.NoError(t, err)
	cut := content[:len(content)/2]
	_, err = h.store.Put(t.Context(), h.loc.Bucket, stem.Key, "audio/mpeg", bytes.NewReader(cut), int64(len(cut)))
	require.NoError(t, err)
	manifest := func(separationTaskID string) {
		h.write(archive.ManifestKey(h.loc), stemflow.Manifest{
			Version: 1, SeparateStemsResult: stemflow.SeparateStemsResult{
				SeparationTaskID: separationTaskID, Stems: []stemflow.Stem{*stem},
			},
		})
	}

	manifest("another")
	found, err := h.archiveStem(source)
	require.NoError(t, err)
	require.EqualValues(t, len(cut), found.Size, "the manifest of another separation says nothing of it")

	manifest("sep")
	found, err = h.archiveStem(source)
	require.NoError(t, err)
	require.Equal(t, stem, found)
}

// The manifest has the checksum that the store keeps, whichever run or attempt writes it. One of an
// earlier release keeps another, and its stems are taken up as they are.
func TestArchiveStemTellsTheStoresChecksum(t *testing.T) {
	h := newHarness(t)
	content := drums(t)
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
	stem, err := h.archiveStem(source)
	require.NoError(t, err)
	require.Equal(t, sha256Of(content), stem.SHA256)
	info, err := h.store.Stat(t.Context(), h.loc.Bucket, stem.Key)
	require.NoError(t, err)
	require.NotEmpty(t, stem.StoreChecksum)
	require.Equal(t, info.Checksum, stem.StoreChecksum)
	again, err := h.archiveStem(source)
	require.NoError(t, err)
	require.Equal(t, stem, again)

	_, err = h.store.Put(t.Context(), h.loc.Bucket, stem.Key, "audio/mpeg", bytes.NewReader(content), stem.Size)
	require.NoError(t, err)
	earlier, err := h.archiveStem(source)
	require.NoError(t, err)
	require.Empty(t, earlier.StoreChecksum)
	earlier.StoreChecksum = stem.StoreChecksum
	require.Equal(t, stem, earlier)
}
