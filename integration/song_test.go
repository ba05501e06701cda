package integration

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/tune"
	"stemflow/kiesim"
)

// song is a song of a user's own, unlike any other by the bytes after its audio.
func song(t *testing.T) (content []byte, sum string) {
	t.Helper()
	clip, ok := tune.Stem("instrumental")
	require.True(t, ok)
	once := clip.Once()
	content, err := io.ReadAll(io.NewSectionReader(once, 0, once.Size))
	require.NoError(t, err)
	content = append(content, newID()...)
	digest := sha256.Sum256(content)
	return content, hex.EncodeToString(digest[:])
}

// upload puts a file into the stack's bucket and returns its address.
func (s *stack) upload(name string, content []byte) string {
	s.t.Helper()
	require.NoError(s.t, s.store.EnsureBucket(s.t.Context(), s.bucket))
	_, err := s.store.Put(s.t.Context(), s.bucket, name, "audio/mpeg", bytes.NewReader(content), int64(len(content)))
	require.NoError(s.t, err)
	return "s3://" + s.bucket + "/" + name
}

// songInput is the input for a song at an address.
func songInput(address string) stemflow.SeparateStemsInput {
	in := track(stemflow.SeparateVocal)
	in.TaskID, in.AudioID, in.AudioURL = "", "", address
	return in
}

func (s *stack) billedInAll() int { return len(s.sim.Bill().Charges) }

func TestASongOfOnesOwn(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	content, sum := song(t)
	var fetched atomic.Int32
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetched.Add(1)
		switch r.URL.Path {
		case "/große/Lied.mp3":
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		case "/page.mp3":
			_, _ = io.WriteString(w, "<!DOCTYPE html><title>Sign in</title>")
		case "/large.mp3":
			_, _ = io.Copy(
				w,
				io.MultiReader(bytes.NewReader(content), bytes.NewReader(make([]byte, stemflow.MaxAudioSize))),
			)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(host.Close)

	t.Run("at an address", func(t *testing.T) {
		s := s.on(t)
		in := songInput(host.URL + "/gro%C3%9Fe/Lied.mp3?signature=first")
		result := s.result(s.start(in))
		s.requireArchived(in, result)
		manifest, _ := s.manifest(in)
		require.Equal(t, stemflow.TaskURL, manifest.Source.TaskID)
		require.Equal(t, host.URL+"/gro%C3%9Fe/Lied.mp3", manifest.Source.AudioURL, "no signature is kept")
		require.Equal(t, sum, manifest.Source.AudioSHA256)
		billed := s.billedInAll()
		again := songInput(host.URL + "/gro%C3%9Fe/Lied.mp3?signature=second")
		require.Equal(t, stemflow.SettledByArchive, s.result(s.start(again)).SettledBy)
		require.Equal(t, billed, s.billedInAll())
	})

	t.Run("in the store, under two names", func(t *testing.T) {
		s := s.on(t)
		content, sum := song(t)
		billed := s.billedInAll()
		for i, name := range []string{"in/Lied.mp3", "in/copy of it.mp3"} {
			in := songInput(s.upload(name, content))
			in.AudioSHA256 = sum
			result := s.result(s.start(in))
			if i == 0 {
				s.requireArchived(in, result)
				require.Equal(t, stemflow.SettledByCallback, result.SettledBy)
			} else {
				require.Equal(t, stemflow.SettledByArchive, result.SettledBy)
			}
			require.Equal(t, "stems:separate_vocal:sha256:"+sum, stemflow.WorkflowID(in))
		}
		require.Equal(t, billed+1, s.billedInAll())
	})

	t.Run("whose callback is lost", func(t *testing.T) {
		s := s.on(t)
		content, sum := song(t)
		s.sim.SetScenario(sum+".mp3", kiesim.Scenario{Callback: kiesim.Callback{Lost: true}})
		in := songInput(s.upload("in/lost.mp3", content))
		in.CallbackGrace = stemflow.Duration(1)
		result := s.result(s.start(in))
		require.Equal(t, stemflow.SettledByPoll, result.SettledBy)
		s.requireArchived(in, result)
	})

	t.Run("that would not do is refused unpaid", func(t *testing.T) {
		s := s.on(t)
		text := s.upload("in/notes.mp3", []byte(strings.Repeat("no music ", 10_000)))
		large := s.upload("in/large.wav", append(content, make([]byte, stemflow.MaxAudioSize)...))
		whole := s.upload("in/whole.mp3", content)
		const fourSeconds = "RIFF\x24\x7d\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00" +
			"\x40\x1f\x00\x00\x01\x00\x08\x00data\x00\x7d\x00\x00"
		cut := s.upload("in/cut.wav", []byte(fourSeconds+strings.Repeat("\x80\x90", 4000)))
		billed := s.billedInAll()
		for name, c := range map[string]struct {
			in   stemflow.SeparateStemsInput
			want string
		}{
			"a page":         {songInput(host.URL + "/page.mp3"), "audioUrl: "},
			"too large":      {songInput(host.URL + "/large.mp3"), "audioUrl: is larger than 20 MB"},
			"not there":      {songInput(host.URL + "/gone.mp3"), "audioUrl: cannot be fetched"},
			"no audio":       {songInput(text), "audioUrl: is no audio"},
			"the beginning":  {songInput(cut), "audioUrl: ends earlier than it says itself"},
			"a large object": {songInput(large), "audioUrl: is larger than 20 MB"},
			"no object":      {songInput("s3://" + s.bucket + "/in/none.mp3"), "audioUrl: names an object that is not there"},
			"another bucket": {songInput("s3://other-bucket/in/none.mp3"), "audioUrl: is an object that inputs may not name"},
			"other content":  {songOf(whole, strings.Repeat("0", 64)), "audioSha256: what audioUrl names has the SHA-256 " + sum},
			"no address":     {songOf("", ""), "taskId: is required"},
			"only its id": {
				stemflow.SeparateStemsInput{TaskID: stemflow.TaskSHA256, AudioID: strings.Repeat("1", 64)},
				"audioUrl: is required",
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := s.on(t)
				kind, message, _ := s.failure(s.start(c.in))
				require.Equal(t, stemflow.ErrorInvalidInput, kind)
				require.Contains(t, message, c.want)
			})
		}
		t.Cleanup(func() { require.Equal(t, billed, s.billedInAll()) })
	})
}

func songOf(address, sum string) stemflow.SeparateStemsInput {
	in := songInput(address)
	in.AudioSHA256 = sum
	return in
}
