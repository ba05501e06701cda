package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
)

func (w *world) prepare() (*activityapi.PreparedArchive, error) {
	return call[activityapi.PreparedArchive](w, activityapi.ActivityPrepareArchive, activityapi.PrepareArchiveInput{Track: w.track})
}

func TestPrepareAnEmptyArchive(t *testing.T) {
	w := newWorld(t)
	prepared, err := w.prepare()
	require.NoError(t, err)
	require.Equal(t, &activityapi.PreparedArchive{Location: w.loc, SubmitTaskQueue: "submits", CallbacksExpected: true}, prepared)
}

func TestPrepareFindsWhatIsComplete(t *testing.T) {
	manifest := func(w *world) stemflow.Manifest {
		object := map[string]string{"any": "object"}
		key := archive.StemKey(w.loc, "sep", "drums", "mp3")
		w.write(key, object)
		info, err := w.store.Stat(t.Context(), w.loc.Bucket, key)
		require.NoError(t, err)
		return stemflow.Manifest{Version: 1, SeparateStemsResult: stemflow.SeparateStemsResult{
			SeparationTaskID: "sep", Stems: []stemflow.Stem{{Name: "drums", Key: key, Size: info.Size}},
		}}
	}
	for name, c := range map[string]struct {
		spoil    func(w *world, m *stemflow.Manifest)
		complete bool
	}{
		"whole":                  {func(*world, *stemflow.Manifest) {}, true},
		"partial":                {func(_ *world, m *stemflow.Manifest) { m.Failed = []stemflow.FailedStem{{Name: "bass"}} }, false},
		"an object is gone":      {func(_ *world, m *stemflow.Manifest) { m.Stems[0].Key += "x" }, false},
		"an object is different": {func(_ *world, m *stemflow.Manifest) { m.Stems[0].Size++ }, false},
		"a later payment is not archived": {func(w *world, _ *stemflow.Manifest) {
			w.write(archive.SubmissionKey(w.loc), stemflow.Submission{State: stemflow.SubmissionPaid, SeparationTaskID: "later", SubmittedAt: time.Now()})
		}, false},
		"an earlier payment, and another resumed since": {func(w *world, m *stemflow.Manifest) {
			m.ArchivedAt = time.Now()
			w.write(archive.SubmissionKey(w.loc), stemflow.Submission{State: stemflow.SubmissionPaid, SeparationTaskID: "earlier", SubmittedAt: time.Now().Add(-time.Hour)})
		}, true},
		"its own payment": {func(w *world, _ *stemflow.Manifest) {
			w.write(archive.SubmissionKey(w.loc), stemflow.Submission{State: stemflow.SubmissionPaid, SeparationTaskID: "sep"})
		}, true},
		"a later refusal": {func(w *world, _ *stemflow.Manifest) {
			w.write(archive.SubmissionKey(w.loc), stemflow.Submission{State: stemflow.SubmissionRefused})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := manifest(w)
			c.spoil(w, &m)
			w.write(archive.ManifestKey(w.loc), m)
			prepared, err := w.prepare()
			require.NoError(t, err)
			require.Equal(t, c.complete, prepared.Archived != nil)
		})
	}
}

func TestPrepareDoesNotGuessAtALedgerItCannotRead(t *testing.T) {
	w := newWorld(t)
	w.write(archive.SubmissionKey(w.loc), "no ledger")
	_, err := w.prepare()
	require.True(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
}

func TestPrepareWithoutPermissionEndsAtOnce(t *testing.T) {
	w := newWorld(t)
	wrong := w.storeOptions
	wrong.SecretKey = "not-the-secret"
	store, err := archive.New(wrong)
	require.NoError(t, err)
	w.set.PrepareArchive.Store = store
	_, err = w.prepare()
	require.True(t, requireType(t, err, stemflow.ErrorArchiveUnavailable).NonRetryable())
}

func TestPrepareMakesTheBucket(t *testing.T) {
	w := newWorld(t)
	w.loc.Bucket += "-new"
	w.use(w.providerURL, "")
	_, err := w.prepare()
	require.NoError(t, err)
	w.write("key", "value")
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
			w := newWorld(t)
			w.write(archive.SubmissionKey(w.loc), stemflow.Submission{
				State: c.state, Owner: "first-run", RunID: "first-run", SeparationTaskID: "sep",
			})
			prepared, err := call[activityapi.PreparedArchive](w, activityapi.ActivityPrepareArchive,
				activityapi.PrepareArchiveInput{Track: w.track, Owner: c.owner})
			require.NoError(t, err)
			require.Equal(t, c.paid, prepared.OwnerPaid)
		})
	}
}
