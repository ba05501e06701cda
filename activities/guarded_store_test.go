package activities

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
)

// guard lets the activities reach the folder "music" of the test's bucket, and the ledgers in
// "ledgers".
func guard(h *harness) {
	places := allowed.Places{{Bucket: h.loc.Bucket, Prefix: "music"}}
	store := GuardStore(h.store, places, allowed.Place{Bucket: h.loc.Bucket, Prefix: "ledgers"})
	prepare := h.set.PrepareArchive
	prepare.Store, prepare.Prefix, prepare.Allowed, prepare.LedgerPrefix = store, "music", places, "ledgers"
	h.set.SubmitSeparation.Store, h.set.RecordSubmission.Store, h.set.AdoptCallback.Store = store, store, store
	h.set.ArchiveStem.Store, h.set.WriteManifest.Store, h.set.RecordOutcomes.Store = store, store, store
	h.set.WriteCatalogReport.Store = store
}

func TestInputsLeadOnlyWhereTheOperatorAllows(t *testing.T) {
	h := newHarness(t)
	guard(h)
	for _, c := range []struct{ bucket, prefix, field string }{
		{"", "", ""}, {"", "music/tenant", ""}, {h.loc.Bucket, "music", ""}, {"", "/music/", ""},
		{"another-bucket", "", "bucket"}, {"another-bucket", "music", "bucket"}, {"", "musical", "prefix"}, {"", "/", "prefix"},
		{"", "other", "prefix"}, {"", "music/%2e%2e/other", "prefix"},
	} {
		_, err := call[activityapi.PreparedArchive](
			h,
			activityapi.ActivityPrepareArchive,
			activityapi.PrepareArchiveInput{
				Track: h.track, Bucket: c.bucket, Prefix: c.prefix,
			},
		)
		if c.field == "" {
			require.NoError(t, err, c.prefix)
			continue
		}
		app := requireType(t, err, stemflow.ErrorInvalidInput)
		require.True(t, app.NonRetryable())
		require.Contains(t, app.Message(), "the input is wrong: "+c.field+": ")
		require.Contains(t, app.Message(), "STEMFLOW_ALLOWED_BUCKETS")
	}
	require.Zero(t, h.billed())
}

// A check reads an archive, and what manifests name.
func TestChecksReadOnlyWhereTheOperatorAllows(t *testing.T) {
	h := newHarness(t)
	guard(h)
	places := allowed.Places{{Bucket: h.loc.Bucket, Prefix: "music"}}
	store := GuardVerifyStore(h.store, places, allowed.Place{Bucket: h.loc.Bucket, Prefix: "ledgers"})
	check := &VerifyArchive{Store: store, Archive: h.set.PrepareArchive}
	for _, in := range []stemflow.VerifyArchiveInput{{Bucket: "another-bucket"}, {Prefix: "musical"}, {Prefix: "/"}} {
		_, err := check.options(in)
		app, ok := errors.AsType[*temporal.ApplicationError](err)
		require.True(t, ok)
		require.Equal(t, stemflow.ErrorInvalidInput, app.Type())
	}
	opts, err := check.options(stemflow.VerifyArchiveInput{Prefix: "music/2026"})
	require.NoError(t, err)
	require.Equal(t, "music/2026", opts.At.Prefix)

	for _, prefix := range []string{"", "musical/", "mus", "private/"} {
		for _, err := range store.Walk(t.Context(), h.loc.Bucket, prefix, "") {
			require.ErrorContains(t, err, "the worker may not go there", prefix)
		}
	}
	for _, err := range store.Uploads(t.Context(), "another-bucket") {
		require.ErrorContains(t, err, "the worker may not go there")
	}
	h.putText("private/a.mp3", "sound")
	_, err = store.Stat(t.Context(), h.loc.Bucket, "private/a.mp3")
	require.ErrorContains(t, err, "the worker may not go there")
	_, _, err = store.Open(t.Context(), h.loc.Bucket, "private/a.mp3")
	require.ErrorContains(t, err, "the worker may not go there")
	_, err = store.ReadJSON(t.Context(), h.loc.Bucket, "ledgers/manifest.json", nil)
	require.ErrorContains(t, err, "the worker may not go there")
}

func TestCataloguesReadOnlyWhereTheOperatorAllows(t *testing.T) {
	h := newHarness(t)
	guard(h)
	h.putText("music/ok.csv", "taskId,audioId\nt,a\n")
	h.putText("private/secrets.csv", "s3cr3t,cell\n")
	h.putText("music/elsewhere.csv", "taskId,audioId,bucket,prefix\nt,a,,\nt,b,another-bucket,\nt,c,,s3cr3t/private\n")
	h.putText("music/cells.csv", "taskId,audioId\ns3cr3t cell,a\n")
	h.putText("music/forced.csv", "taskId,audioId,force\nt,a,true\n")
	for _, c := range []struct {
		in   stemflow.SeparateCatalogInput
		want string
	}{
		{stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "music/ok.csv"}}, ""},
		{stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "music/forced.csv"}}, ""},
		{stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "private/secrets.csv"}}, "source.key: "},
		{stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "music/../private/secrets.csv"}}, "source.key: "},
		{stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Bucket: "another-bucket", Key: "a"}}, "source.bucket: "},
		{stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "music/ok.csv"}, Bucket: "another-bucket"}, "bucket: "},
		{stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "music/ok.csv"}, Prefix: "reports"}, "prefix: "},
		{stemflow.SeparateCatalogInput{Tracks: []stemflow.SeparateStemsInput{{TaskID: "t", AudioID: "a", Prefix: "x"}}}, "tracks[0]: prefix: "},
		{stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "music/elsewhere.csv"}}, "line 3, column 3: bucket: is not"},
		{stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "music/elsewhere.csv"}}, "line 4, column 4: prefix: is not"},
		{stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "music/cells.csv"}}, "line 2, column 1: taskId: is not"},
		{
			stemflow.SeparateCatalogInput{Source: &stemflow.ObjectRef{Key: "music/forced.csv"}, ForbidForce: true},
			"line 2, column 3: force: is forbidden",
		},
	} {
		_, err := h.prepareCatalog(c.in)
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		app := requireType(t, err, stemflow.ErrorInvalidInput)
		require.Contains(t, app.Message(), c.want)
		require.NotContains(t, err.Error(), "s3cr3t cell")
		require.NotContains(t, err.Error(), "s3cr3t,cell")
		require.NotContains(t, err.Error(), "s3cr3t/private")
	}
}

// Anyone who may start an activity, or a workflow with a state, makes up the messages that later
// activities get.
func TestMessagesLeadOnlyWhereTheOperatorAllows(t *testing.T) {
	h := newHarness(t)
	guard(h)
	h.putText("private/tracks.jsonl", `{"number":1}`)
	out := activityapi.Location{Bucket: h.loc.Bucket, Dir: "private/"}
	other := activityapi.Location{Bucket: "another-bucket", Dir: "music/"}
	up := activityapi.Location{Bucket: h.loc.Bucket, Dir: "music/../private/"}
	for _, at := range []activityapi.Location{out, other, up} {
		for name, in := range map[string]any{
			activityapi.ActivitySubmitSeparation: activityapi.SubmitSeparationInput{
				Location: at, Track: h.track, Attempt: 1,
			},
			activityapi.ActivityRecordSubmission: activityapi.RecordSubmissionInput{
				Location: at, Submission: stemflow.Submission{State: stemflow.SubmissionPaid, Track: h.track, SeparationTaskID: "s"},
			},
			activityapi.ActivityArchiveStem: activityapi.ArchiveStemInput{
				Location: at, SeparationTaskID: "s", Stem: stemflow.SourceStem{Name: "vocals", URL: h.providerURL + "/s/none"},
			},
			activityapi.ActivityWriteManifest: activityapi.WriteManifestInput{Location: at},
			activityapi.ActivityReadCatalog:   activityapi.ReadCatalogInput{Location: at, ETag: "x"},
			activityapi.ActivityRecordOutcomes: activityapi.RecordOutcomesInput{
				Location: at, Outcomes: []stemflow.TrackOutcome{{Number: 1}},
			},
			activityapi.ActivityWriteCatalogReport: activityapi.WriteCatalogReportInput{Location: at},
		} {
			_, err := h.env.ExecuteActivity(name, in)
			require.ErrorContains(t, err, "the worker may not go there", "%s to %v", name, at)
		}
	}
	require.Zero(t, h.billed())
	objects, err := h.store.List(t.Context(), h.loc.Bucket, "")
	require.NoError(t, err)
	for _, object := range objects {
		require.Equal(t, "private/tracks.jsonl", object.Key, "nothing else was written")
	}
}

// A ledger is reached where the ledgers are, and nothing else there.
func TestLedgersAreReachedInTheirFolder(t *testing.T) {
	h := newHarness(t)
	guard(h)
	store := h.set.PrepareArchive.Store
	require.NoError(t, store.PutJSON(t.Context(), h.loc.Bucket, "ledgers/t/a/split_stem/submission.json", 1))
	require.Error(t, store.PutJSON(t.Context(), h.loc.Bucket, "ledgers/t/a/split_stem/manifest.json", 1))
	require.Error(t, store.PutJSON(t.Context(), h.loc.Bucket, "submission.json", 1))
	_, err := store.List(t.Context(), h.loc.Bucket, "mus")
	require.Error(t, err)
	_, err = store.List(t.Context(), h.loc.Bucket, "music/t")
	require.NoError(t, err)
}

// No way to the store goes past the guard.
func TestEveryMethodOfTheStoreIsGuarded(t *testing.T) {
	guarded := reflect.ValueOf(GuardStore(nil, nil, allowed.Place{}))
	for i := range guarded.NumMethod() {
		name := guarded.Type().Method(i).Name
		if name == "Proved" {
			continue // it asks the store nothing
		}
		method := guarded.Method(i)
		args := make([]reflect.Value, method.Type().NumIn())
		for j := range args {
			args[j] = reflect.Zero(method.Type().In(j))
			if method.Type().In(j).Kind() == reflect.String {
				args[j] = reflect.ValueOf(strings.Repeat("x", 4))
			}
		}
		args[0] = reflect.ValueOf(t.Context())
		results := method.Call(args) // a call that got through would panic
		err, _ := results[len(results)-1].Interface().(error)
		refused, ok := err.(*archive.Error)
		require.True(t, ok, name)
		require.True(t, refused.Final, name)
	}
}
