package activities

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/source"
)

// retried executes the activity again and again, as the engine does, which hands the details of the
// last heartbeat to the next attempt. It returns how many attempts it took, and moves the time that
// the details speak of back by the pauses instead of waiting for them.
func (h *harness) retried(stem stemflow.SourceStem) (*stemflow.Stem, int, error) {
	var mu sync.Mutex
	var details activityapi.ArchiveStemHeartbeat
	h.env.SetOnActivityHeartbeatListener(func(_ *activity.Info, values converter.EncodedValues) {
		mu.Lock()
		defer mu.Unlock()
		var got activityapi.ArchiveStemHeartbeat
		require.NoError(h.t, values.Get(&got))
		details = got
	})
	for attempt := 1; ; attempt++ {
		archived, err := h.archiveStem(stem)
		if err == nil {
			return archived, attempt, nil
		}
		app, ok := errors.AsType[*temporal.ApplicationError](err)
		require.True(h.t, ok)
		if app.NonRetryable() {
			return nil, attempt, err
		}
		mu.Lock()
		before := details
		mu.Unlock()
		if before.Short != nil {
			short := *before.Short
			short.Since = short.Since.Add(-app.NextRetryDelay())
			before.Short = &short
		}
		h.env.SetHeartbeatDetails(before)
	}
}

// serveInTurn serves one content after the other, and the last one from then on.
func serveInTurn(t *testing.T, withLength bool, contents ...[]byte) stemflow.SourceStem {
	turn := 0
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		content := contents[min(turn, len(contents)-1)]
		turn++
		if withLength {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		} else {
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = w.Write(content)
	})
}

// shortFetches is how often content that stays too short is fetched: once to see that it is too
// short, and then until the same has come often enough.
const shortFetches = 1 + sameContentTimes

func TestWhatStaysTooShortIsArchivedAsMeasured(t *testing.T) {
	whole := drums(t)
	third := whole[:len(whole)/3]
	for name, test := range map[string]struct {
		content   []byte
		announced float64
		measured  float64
	}{
		"a third of the file":      {third, 12.024, 4.008},
		"announced much too long":  {whole, 600, 12.024},
		"cut in the midst of one":  {third[:len(third)-100], 12.024, 3.984},
		"announced twice too long": {whole, 24.048, 12.024},
	} {
		for length, withLength := range map[string]bool{"with its length": true, "without a length": false} {
			t.Run(name+" "+length, func(t *testing.T) {
				h := newHarness(t)
				source := serveInTurn(t, withLength, test.content)
				source.DurationSeconds = test.announced
				stem, attempts, err := h.retried(source)
				require.NoError(t, err)
				require.Equal(t, shortFetches, attempts)
				require.Equal(t, int64(len(test.content)), stem.Size)
				require.InDelta(t, test.measured, stem.DurationSeconds, 0.03)
				require.InDelta(t, test.announced, stem.AnnouncedDurationSeconds, 1e-9)

				again, err := h.archiveStem(source)
				require.NoError(t, err)
				require.Equal(t, stem, again, "read back, it is the same")
			})
		}
	}
}

func TestWhatIsTooShortAtFirstIsArchivedWhole(t *testing.T) {
	whole := drums(t)
	part := func(share int) []byte { return whole[:len(whole)*share/10] }
	for name, test := range map[string]struct {
		contents [][]byte
		attempts int
	}{
		"a part once":                    {[][]byte{part(3), whole}, 2},
		"a part twice":                   {[][]byte{part(3), part(3), whole}, 3},
		"the same part almost too often": {[][]byte{part(3), part(3), part(3), whole}, 4},
		"a growing part":                 {[][]byte{part(3), part(4), part(5), part(6), part(7), part(8), whole}, 7},
		"parts that take turns": {
			[][]byte{part(5), part(3), part(5), part(3), part(4), part(3), whole}, 7,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			source := serveInTurn(t, true, test.contents...)
			source.DurationSeconds = 12.024
			stem, attempts, err := h.retried(source)
			require.NoError(t, err)
			require.Equal(t, test.attempts, attempts)
			require.Equal(t, int64(len(whole)), stem.Size)
			require.InDelta(t, 12.024, stem.DurationSeconds, 0.001)
			require.Zero(t, stem.AnnouncedDurationSeconds)
		})
	}
}

// Of two copies the longer one is archived, whichever is served more often.
func TestTheLongestOfSeveralCopiesIsArchived(t *testing.T) {
	whole := drums(t)
	short, long := whole[:len(whole)/3], whole[:len(whole)/2]
	h := newHarness(t)
	source := serveInTurn(t, true, short, short, long, short, long, short, short, long, short)
	source.DurationSeconds = 12.024
	stem, attempts, err := h.retried(source)
	require.NoError(t, err)
	require.Equal(t, 8, attempts)
	require.Equal(t, int64(len(long)), stem.Size)
}

func TestContentThatNeverStaysTheSameIsNotBelieved(t *testing.T) {
	whole := drums(t)
	var contents [][]byte
	for i := range 2 * sourceAttempts {
		content := slices.Clone(whole[:len(whole)/3])
		content[len(content)-1] = byte(i)
		contents = append(contents, content)
	}
	h := newHarness(t)
	source := serveInTurn(t, true, contents...)
	source.DurationSeconds = 12.024
	_, attempts, err := h.retried(source)
	requireType(t, err, stemflow.ErrorProviderUnavailable)
	require.Equal(t, sourceAttempts, attempts)
	objects, err := h.store.List(t.Context(), h.loc.Bucket, h.loc.Dir)
	require.NoError(t, err)
	require.Empty(t, objects)
}

// A body that its connection cut says nothing of the content, however often it is cut at the same
// place.
func TestABodyCutByTheConnectionIsNeverBelieved(t *testing.T) {
	whole := drums(t)
	for name, header := range map[string]string{
		"with a length": "Content-Length: " + strconv.Itoa(len(whole)) + "\r\n\r\n",
		"chunked":       "Transfer-Encoding: chunked\r\n\r\n" + strconv.FormatInt(int64(len(whole)), 16) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			source := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
				conn, buffered, err := http.NewResponseController(rw).Hijack()
				if err != nil {
					return
				}
				_, _ = buffered.WriteString("HTTP/1.1 200 OK\r\n" + header)
				_, _ = buffered.Write(whole[:len(whole)/2])
				_ = buffered.Flush()
				_ = conn.Close()
			})
			source.DurationSeconds = 12.024
			_, attempts, err := h.retried(source)
			requireType(t, err, stemflow.ErrorProviderUnavailable)
			require.Equal(t, sourceAttempts, attempts)
		})
	}
}

// The same content must also come over some time: an operator can have it fetched at once.
func TestTheSameContentAtOnceIsNotBelieved(t *testing.T) {
	whole := drums(t)
	h := newHarness(t)
	source := serveInTurn(t, true, whole)
	source.DurationSeconds = 600
	sum := sha256Of(whole)
	short := activityapi.ShortContent{Size: int64(len(whole)), SHA256: sum, Times: 50, Since: time.Now()}
	h.env.SetHeartbeatDetails(activityapi.ArchiveStemHeartbeat{Short: &short})
	_, err := h.archiveStem(source)
	app := requireType(t, err, stemflow.ErrorProviderUnavailable)
	require.False(t, app.NonRetryable())
	require.Equal(t, sameContentPause, app.NextRetryDelay())

	short.Since = time.Now().Add(-sameContentFor)
	h.env.SetHeartbeatDetails(activityapi.ArchiveStemHeartbeat{Short: &short})
	stem, err := h.archiveStem(source)
	require.NoError(t, err)
	require.Equal(t, sum, stem.SHA256)
}

func TestDurationsThatDiffer(t *testing.T) {
	whole := drums(t)
	for name, test := range map[string]struct{ announced, kept float64 }{
		"none":                    {0, 0},
		"the same":                {12.024, 0},
		"rounded":                 {12.02, 0},
		"rounded to a second":     {13, 13},
		"shorter than it plays":   {4, 4},
		"longer by half a second": {12.5, 12.5},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			source := serveInTurn(t, true, whole)
			source.DurationSeconds = test.announced
			stem, err := h.archiveStem(source)
			require.NoError(t, err)
			require.InDelta(t, 12.024, stem.DurationSeconds, 0.001)
			require.InDelta(t, test.kept, stem.AnnouncedDurationSeconds, 1e-9)
		})
	}
}

// compressedWAV is a WAV file of a codec that is not measured.
func compressedWAV() []byte {
	b := []byte("RIFF\x00\x08\x00\x00WAVEfmt \x10\x00\x00\x00\x02\x00\x01\x00")
	b = append(b, "\x44\xAC\x00\x00\x80\x3E\x00\x00\x00\x04\x04\x00data\x00\x00\x00\x00"...)
	return append(b, make([]byte, 2048)...)
}

func TestADurationThatIsNotMeasuredIsNotStated(t *testing.T) {
	h := newHarness(t)
	source := serveInTurn(t, true, compressedWAV())
	source.DurationSeconds = 245.6
	stem, err := h.archiveStem(source)
	require.NoError(t, err)
	require.Equal(t, "audio/wav", stem.ContentType)
	require.Zero(t, stem.DurationSeconds)
	require.InDelta(t, 245.6, stem.AnnouncedDurationSeconds, 1e-9)
}

// The object's name and type are those of the audio, however large the tag before it is. What is
// found far behind it is fetched again, so that no more than a part is ever held.
func TestTheFormatIsThatOfTheAudioBehindATag(t *testing.T) {
	tag := func(n int) []byte {
		b := append([]byte("ID3\x03\x00\x00"), byte(n>>21&0x7F), byte(n>>14&0x7F), byte(n>>7&0x7F), byte(n&0x7F))
		return append(b, bytes.Repeat([]byte{0xAB}, n)...)
	}
	for name, test := range map[string]struct {
		prefix []byte
		asked  int
	}{
		"none":                {nil, 1},
		"small":               {tag(4645), 1},
		"with a picture":      {tag(600_000), 1},
		"more than is held":   {tag(mostHead + 1), 2},
		"two and some zeros":  {slices.Concat(tag(700_000), tag(700_000), make([]byte, 731)), 2},
		"731 zeros and a tag": {slices.Concat(make([]byte, 731), tag(60_000)), 1},
	} {
		t.Run(name, func(t *testing.T) {
			for ext, content := range map[string][]byte{"mp3": drums(t), "wav": compressedWAV()} {
				h := newHarness(t)
				h.set.ArchiveStem.Sources = unlimitedSources()
				file := append(slices.Clone(test.prefix), content...)
				asked := 0
				source := serve(t, func(w http.ResponseWriter, r *http.Request) {
					asked++
					http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
				})
				stem, err := h.archiveStem(source)
				require.NoError(t, err)
				require.Equal(t, h.loc.Dir+"sep/drums."+ext, stem.Key)
				require.Equal(t, sha256Of(file), stem.SHA256)
				require.Equal(t, test.asked, asked)
			}
		})
	}
}

func TestAStemHasAudio(t *testing.T) {
	whole := drums(t)
	for name, content := range map[string][]byte{
		"a tag":                   append([]byte("ID3\x03\x00\x00\x00\x00\x0F\x50"), make([]byte, 2000)...),
		"an empty tag and HTML":   []byte("ID3\x03\x00\x00\x00\x00\x00\x00<!doctype html><p>link expired"),
		"zeros":                   make([]byte, 5000),
		"many zeros":              make([]byte, 1<<20+100_000),
		"a WAV file with nothing": compressedWAV()[:44],
		"less than a frame":       whole[:100],
		"text":                    bytes.Repeat([]byte("text "), 300_000),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.set.ArchiveStem.Sources = unlimitedSources()
			source := serveInTurn(t, true, content)
			source.DurationSeconds = 12.04
			_, attempts, err := h.retried(source)
			requireType(t, err, stemflow.ErrorSourceNotAudio)
			require.Equal(t, contentAttempts, attempts)
			objects, err := h.store.List(t.Context(), h.loc.Bucket, h.loc.Dir)
			require.NoError(t, err)
			require.Empty(t, objects)
		})
	}
}

// An object under a name that does not go with what it is was archived by an earlier release.
func TestAnObjectOfAnotherFormatIsReplaced(t *testing.T) {
	h := newHarness(t)
	wrong := archive.StemKey(h.loc, "sep", "drums", "aac")
	whole := drums(t)
	_, err := h.store.Put(t.Context(), h.loc.Bucket, wrong, "audio/aac", bytes.NewReader(whole), int64(len(whole)))
	require.NoError(t, err)
	source := serveInTurn(t, true, whole)
	for range 2 {
		stem, err := h.archiveStem(source)
		require.NoError(t, err)
		require.Equal(t, h.loc.Dir+"sep/drums.mp3", stem.Key)
	}
}

func sha256Of(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// unlimitedSources have files of any size.
func unlimitedSources() *source.Fetcher {
	return source.New(source.Options{AllowedHosts: []string{"127.0.0.1"}, AllowInsecure: true})
}
