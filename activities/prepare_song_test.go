package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/kie"
	"stemflow/internal/source"
	"stemflow/internal/tune"
)

// uploads keep what is handed to the provider.
type uploads struct{ content []byte }

func (u *uploads) Upload(_ context.Context, upload kie.Upload) (downloadURL string, err error) {
	u.content, err = io.ReadAll(upload.Body)
	return "https://provider.example/" + upload.Name, err
}

// tuneOf is a short file of audio.
func tuneOf(t *testing.T, stem string) []byte {
	t.Helper()
	found, ok := tune.Stem(stem)
	require.True(t, ok)
	once := found.Once()
	content, err := io.ReadAll(io.NewSectionReader(once, 0, once.Size))
	require.NoError(t, err)
	return content
}

// Where a song is known by its content, its host cannot have another one separated under that name:
// the provider gets what was looked at.
func TestSongOfAnAddressKnownByItsContent(t *testing.T) {
	promised, other := tuneOf(t, "vocals"), tuneOf(t, "drums")
	var served atomic.Int32
	otherFrom := int32(100)
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if served.Add(1) >= otherFrom {
			_, _ = w.Write(other)
			return
		}
		_, _ = w.Write(promised)
	}))
	t.Cleanup(host.Close)
	h := newHarness(t)
	given := &uploads{}
	h.set.PrepareSong.Provider = given
	h.set.PrepareSong.Sources = source.New(source.Options{AnyHost: true, AllowInsecure: true})
	sum := sha256.Sum256(promised)
	in := activityapi.PrepareSongInput{AudioURL: host.URL + "/song.mp3", AudioSHA256: hex.EncodeToString(sum[:])}
	song, err := call[activityapi.PreparedSong](h, activityapi.ActivityPrepareSong, in)
	require.NoError(t, err)
	require.Equal(t, "https://provider.example/"+in.AudioSHA256+".mp3", song.URL)
	require.Equal(t, promised, given.content)

	served.Store(0)
	otherFrom = 2
	_, err = call[activityapi.PreparedSong](h, activityapi.ActivityPrepareSong, in)
	require.Contains(t, requireType(t, err, stemflow.ErrorProviderUnavailable).Error(), "has changed while it was read")

	in.AudioSHA256 = ""
	song, err = call[activityapi.PreparedSong](h, activityapi.ActivityPrepareSong, in)
	require.NoError(t, err)
	require.Equal(t, in.AudioURL, song.URL, "the address is the song")
}

// A song is read twice. A host that breaks off at the second time is no fault of the provider, and
// is tried again for as long as at the first.
func TestSongWhoseHostBreaksOffWhileItIsHandedOver(t *testing.T) {
	content := tuneOf(t, "vocals")
	var served atomic.Int32
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		if served.Add(1)%2 == 0 {
			_, _ = w.Write(content[:len(content)/2])
			return
		}
		_, _ = w.Write(content)
	}))
	t.Cleanup(host.Close)
	h := newHarness(t)
	h.set.PrepareSong.Sources = source.New(source.Options{AnyHost: true, AllowInsecure: true})
	sum := sha256.Sum256(content)
	in := activityapi.PrepareSongInput{AudioURL: host.URL + "/song.mp3", AudioSHA256: hex.EncodeToString(sum[:])}
	_, err := call[activityapi.PreparedSong](h, activityapi.ActivityPrepareSong, in)
	failed := requireType(t, err, stemflow.ErrorProviderUnavailable)
	require.Contains(t, failed.Error(), "audioUrl cannot be fetched at the moment")
	require.NotContains(t, failed.Error(), "handed to the provider")
	require.EqualValues(t, 2, served.Load())
}

// fewUploads fail so often before one is taken.
type fewUploads struct {
	uploads
	failures atomic.Int32
}

func (u *fewUploads) Upload(ctx context.Context, upload kie.Upload) (downloadURL string, err error) {
	if u.failures.Add(-1) >= 0 {
		return "", errors.New("away")
	}
	return u.uploads.Upload(ctx, upload)
}

// A provider that is away for a while leaves a host its tries, and a host that fails has no more
// than those.
func TestSongWhoseHostFailsAfterTheProvider(t *testing.T) {
	content := tuneOf(t, "vocals")
	h := newHarness(t)
	h.set.PrepareSong.Sources = source.New(source.Options{AnyHost: true, AllowInsecure: true})
	for hostFailures, want := range map[int32]int32{
		songAttempts - 1: songAttempts - 1 + 2, // it is read twice
		songAttempts:     songAttempts,
	} {
		const away = 2 * songAttempts
		given := &fewUploads{}
		given.failures.Store(away)
		h.set.PrepareSong.Provider = given
		var asked atomic.Int32
		host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if given.failures.Load() <= 0 && asked.Add(1) <= hostFailures {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			_, _ = w.Write(content)
		}))
		t.Cleanup(host.Close)
		sum := sha256.Sum256(content)
		in := activityapi.PrepareSongInput{AudioURL: host.URL + "/song.mp3", AudioSHA256: hex.EncodeToString(sum[:])}
		var suite testsuite.WorkflowTestSuite
		suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
		env := suite.NewTestWorkflowEnvironment()
		env.SetTestTimeout(time.Minute)
		h.set.Register(env)
		env.ExecuteWorkflow(func(ctx workflow.Context) error {
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
				StartToCloseTimeout: time.Minute,
				RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 5 * songAttempts},
			})
			return workflow.ExecuteActivity(ctx, activityapi.ActivityPrepareSong, in).Get(ctx, nil)
		})
		if hostFailures < songAttempts {
			require.NoError(t, env.GetWorkflowError())
			require.Equal(t, content, given.content)
		} else {
			require.ErrorContains(t, env.GetWorkflowError(), "audioUrl: cannot be fetched")
		}
		require.Equal(t, want, asked.Load())
	}
}

// A caller names the address, so it leads to no service of the worker's own network.
func TestSongsComeFromPublicAddressesOnly(t *testing.T) {
	h := newHarness(t)
	h.set.PrepareSong.Sources = source.New(source.Options{AnyHost: true})
	for _, address := range []string{
		"https://127.0.0.1/a.mp3", "https://127.0.0.1:443/a.mp3", "https://127.0.0.1:8443/a.mp3",
		"https://0.0.0.0/a.mp3", "https://localhost/a.mp3", "https://LOCALHOST./a.mp3", "https://[::1]/a.mp3",
		"https://[::ffff:127.0.0.1]/a.mp3", "https://[::ffff:7f00:1]/a.mp3", "https://[64:ff9b::10.0.0.1]/a.mp3",
		"https://[64:ff9b:1::a00:1]/a.mp3", "https://[2002:a00:1::]/a.mp3", "https://[fe80::1]/a.mp3",
		"https://[fd00:ec2::254]/a.mp3", "https://10.0.0.1/a.mp3",
		"https://169.254.169.254/latest/meta-data/a.mp3", "https://100.100.100.200/a.mp3",
		"https://１２７.0.0.1/a.mp3",
		"http://93.184.216.34/a.mp3",
	} {
		in := activityapi.PrepareSongInput{AudioURL: address}
		_, err := call[activityapi.PreparedSong](h, activityapi.ActivityPrepareSong, in)
		app := requireType(t, err, stemflow.ErrorInvalidInput)
		require.True(t, app.NonRetryable(), address)
		require.Contains(t, app.Message(), "audioUrl: cannot be fetched", address)
	}
}
