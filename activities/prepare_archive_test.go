package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/ledger"
)

func (h *harness) prepare() (*activityapi.PreparedArchive, error) {
	return call[activityapi.PreparedArchive](
		h,
		activityapi.ActivityPrepareArchive,
		activityapi.PrepareArchiveInput{Track: h.track},
	)
}

func TestPrepareAnEmptyArchive(t *testing.T) {
	h := newHarness(t)
	prepared, err := h.prepare()
	require.NoError(t, err)
	require.Equal(
		t,
		&activityapi.PreparedArchive{Location: h.loc, SubmitTaskQueue: "submits", CallbacksExpected: true},
		prepared,
	)
}

func TestPrepareFindsWhatIsComplete(t *testing.T) {
	manifest := func(h *harness) stemflow.Manifest {
		object := map[string]string{"any": "object"}
		key := archive.StemKey(h.loc, "sep", "drums", "mp3")
		h.write(key, object)
		info, err := h.store.Stat(t.Context(), h.loc.Bucket, key)
		require.NoError(t, err)
		return stemflow.Manifest{Version: 1, SeparateStemsResult: stemflow.SeparateStemsResult{
			SeparationTaskID: "sep", Type: h.track.Type,
			Stems: []stemflow.Stem{{Name: "drums", Bucket: h.loc.Bucket, Key: key, Size: info.Size}},
		}, Source: stemflow.ManifestSource{TaskID: h.track.TaskID, AudioID: h.track.AudioID}}
	}
	for name, c := range map[string]struct {
		spoil    func(h *harness, m *stemflow.Manifest)
		complete bool
	}{
		"whole":             {func(*harness, *stemflow.Manifest) {}, true},
		"partial":           {func(_ *harness, m *stemflow.Manifest) { m.Failed = []stemflow.FailedStem{{Name: "bass"}} }, false},
		"an object is gone": {func(_ *harness, m *stemflow.Manifest) { m.Stems[0].Key += "x" }, false},
		"an object outside of the separation": {func(h *harness, m *stemflow.Manifest) {
			m.Stems[0].Key = h.loc.Dir + "manifest.json"
		}, false},
		"a separation elsewhere": {func(_ *harness, m *stemflow.Manifest) {
			m.SeparationTaskID = "../../other"
		}, false},
		"an object in another bucket": {func(_ *harness, m *stemflow.Manifest) { m.Stems[0].Bucket = "another-bucket" }, false},
		"an object is different":      {func(_ *harness, m *stemflow.Manifest) { m.Stems[0].Size++ }, false},
		"a later payment is not archived": {func(h *harness, _ *stemflow.Manifest) {
			h.write(archive.SubmissionKey(h.loc), stemflow.Submission{State: stemflow.SubmissionPaid, SeparationTaskID: "later", SubmittedAt: time.Now()})
		}, false},
		"an earlier payment, and another resumed since": {func(h *harness, m *stemflow.Manifest) {
			m.ArchivedAt = time.Now()
			h.write(archive.SubmissionKey(h.loc), stemflow.Submission{State: stemflow.SubmissionPaid, SeparationTaskID: "earlier", SubmittedAt: time.Now().Add(-time.Hour)})
		}, true},
		"a forced payment by a worker whose clock was slow": {func(h *harness, m *stemflow.Manifest) {
			now := time.Now()
			m.ArchivedAt = now
			paid := func(id string, at time.Time) ledger.Entry {
				return ledger.Entry{
					State: stemflow.SubmissionPaid, SeparationTaskID: id, RunID: id, Nonce: id,
					IntendedAt: at, SubmittedAt: at,
				}
			}
			h.write(archive.SubmissionKey(h.loc), ledger.Ledger{
				Entry:   paid("forced", now.Add(-10*time.Minute)),
				Earlier: []ledger.Entry{paid("sep", now.Add(-5*time.Minute))},
			})
		}, false},
		"its own payment": {func(h *harness, _ *stemflow.Manifest) {
			h.write(archive.SubmissionKey(h.loc), stemflow.Submission{State: stemflow.SubmissionPaid, SeparationTaskID: "sep"})
		}, true},
		"a later refusal": {func(h *harness, _ *stemflow.Manifest) {
			h.write(archive.SubmissionKey(h.loc), stemflow.Submission{State: stemflow.SubmissionRefused})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			m := manifest(h)
			c.spoil(h, &m)
			h.write(archive.ManifestKey(h.loc), m)
			prepared, err := h.prepare()
			require.NoError(t, err)
			require.Equal(t, c.complete, prepared.Archived != nil)
		})
	}
}

func TestPrepareDoesNotGuessAtALedgerItCannotRead(t *testing.T) {
	h := newHarness(t)
	h.write(archive.SubmissionKey(h.loc), "no ledger")
	_, err := h.prepare()
	require.True(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
}

// What is advised is about the one that cannot be read: to delete another one would have the track
// paid for again.
func TestPrepareNamesTheLedgerThatItCannotRead(t *testing.T) {
	h := newHarness(t)
	copied := archive.SubmissionKey(archive.Locate(h.loc.Bucket, "music", h.track))
	h.set.PrepareArchive.Prefix = "music"
	h.write(archive.SubmissionKey(h.loc), stemflow.Submission{State: stemflow.SubmissionPaid, SeparationTaskID: "sep"})
	h.write(copied, "no ledger")
	_, err := h.prepare()
	message := requireType(t, err, stemflow.ErrorArchiveUnavailable).Message()
	require.Contains(t, message, h.loc.Bucket+"/"+copied)
	require.NotContains(t, message, " "+archive.SubmissionKey(h.loc))
}

func TestPrepareWithoutPermissionEndsAtOnce(t *testing.T) {
	h := newHarness(t)
	wrong := h.storeOptions
	wrong.SecretKey = "not-the-secret"
	store, err := archive.New(wrong)
	require.NoError(t, err)
	h.set.PrepareArchive.Store = store
	_, err = h.prepare()
	require.True(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
}

func TestPrepareMakesTheBucket(t *testing.T) {
	h := newHarness(t)
	h.loc.Bucket += "-new"
	h.use(h.providerURL, "")
	_, err := h.prepare()
	require.NoError(t, err)
	h.write("key", "value")
}

// A reset run has another run id than the one that paid, and the same owner.
func TestPrepareTellsWhetherTheOwnerHasPaid(t *testing.T) {
	for name, c := range map[string]struct {
		owner string
		state stemflow.SubmissionState
		paid  bool
	}{
		"paid":             {"first-run", stemflow.SubmissionPaid, true},
		"failed":           {"first-run", stemflow.SubmissionFailed, true},
		"may have paid":    {"first-run", stemflow.SubmissionIntended, true},
		"refused":          {"first-run", stemflow.SubmissionRefused, false},
		"another one paid": {"another-run", stemflow.SubmissionPaid, false},
		"nobody asks":      {"", stemflow.SubmissionPaid, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.write(archive.SubmissionKey(h.loc), stemflow.Submission{
				State: c.state, Owner: "first-run", RunID: "first-run", SeparationTaskID: "sep",
			})
			prepared, err := call[activityapi.PreparedArchive](h, activityapi.ActivityPrepareArchive,
				activityapi.PrepareArchiveInput{Track: h.track, Owner: c.owner})
			require.NoError(t, err)
			require.Equal(t, c.paid, prepared.OwnerPaid)
		})
	}
}

// An id that the input names is proved if any entry of the ledger has it: a forced run may have
// paid for a newer separation since.
func TestPrepareFindsTheSeparationThatTheInputNames(t *testing.T) {
	for name, c := range map[string]struct {
		named, want string
	}{
		"none":                    {"", "newest"},
		"the newest":              {"newest", "newest"},
		"one that was paid again": {"older", "older"},
		"one that failed":         {"failed", "newest"},
		"one of another track":    {"foreign", "newest"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			entry := func(state stemflow.SubmissionState, id string) ledger.Entry {
				return ledger.Entry{State: state, SeparationTaskID: id, RunID: id}
			}
			h.write(archive.SubmissionKey(h.loc), ledger.Ledger{
				Entry: entry(stemflow.SubmissionPaid, "newest"),
				Earlier: []ledger.Entry{
					entry(stemflow.SubmissionFailed, "failed"), entry(stemflow.SubmissionPaid, "older"),
				},
			})
			prepared, err := call[activityapi.PreparedArchive](h, activityapi.ActivityPrepareArchive,
				activityapi.PrepareArchiveInput{Track: h.track, SeparationTaskID: c.named})
			require.NoError(t, err)
			require.Equal(t, c.want, prepared.Submission.SeparationTaskID)
		})
	}
}
