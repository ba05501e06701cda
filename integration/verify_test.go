package integration

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/devtools"
	"stemflow/internal/ledger"
)

func (s *stack) verify(in stemflow.VerifyArchiveInput) (stemflow.VerifyArchiveResult, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	run, err := s.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: s.queue},
		stemflow.WorkflowVerifyArchive, in)
	require.NoError(s.t, err)
	var result stemflow.VerifyArchiveResult
	return result, run.Get(ctx, &result)
}

func (s *stack) requireIntact(tracks int) {
	s.t.Helper()
	result, err := s.verify(stemflow.VerifyArchiveInput{ReadData: "all", FailOnDamage: true})
	require.NoError(s.t, err)
	require.Equal(s.t, tracks, result.Tracks)
	require.Equal(s.t, result.Stems, result.ReadStems)
	require.Empty(s.t, result.Findings)
}

// An archive is damaged, found to be so, and repaired from what the provider still has, without
// paying. What the provider no longer has is named as lost.
func TestArchiveIsVerifiedAndRepaired(t *testing.T) {
	t.Parallel()
	s := newStack(t, func(s *stack) { s.cfg.Prefix, s.cfg.LedgerPrefix = "music", "ledgers" })
	ctx := t.Context()
	raw, err := minio.New(s.root.Endpoint,
		&minio.Options{Creds: credentials.NewStaticV4(s.root.AccessKey, s.root.SecretKey, "")})
	require.NoError(t, err)
	remove := func(key string) {
		require.NoError(t, raw.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{}))
	}

	ins := []stemflow.SeparateStemsInput{
		track(stemflow.SeparateVocal), track(stemflow.SplitStem), track(stemflow.SplitStemAdvanced),
		track(stemflow.SeparateVocal), track(stemflow.SeparateVocal),
	}
	var results []stemflow.SeparateStemsResult
	for i := range ins {
		results = append(results, s.result(s.start(ins[i])))
		ins[i].Prefix = "music"
	}
	s.requireIntact(len(ins))

	gone, changed := results[0].Stems[0], results[1].Stems[0]
	remove(gone.Key)
	other := s.object(results[1].Stems[1].Key) // audio as well, and not what it was
	_, err = s.store.Put(ctx, s.bucket, changed.Key, changed.ContentType, bytes.NewReader(other), int64(len(other)))
	require.NoError(t, err)
	require.NoError(t, s.store.PutJSON(ctx, s.bucket, results[2].Manifest.Key, map[string]int{"version": 1}))
	receipt := archive.SubmissionKey(s.location(ins[3]))
	remove(receipt)
	book := archive.SubmissionKey(archive.Locate(s.bucket, "ledgers", ins[4].Track()))
	remove(book)
	remove(archive.SubmissionKey(s.location(ins[4])))

	_, err = s.verify(stemflow.VerifyArchiveInput{FailOnDamage: true})
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, stemflow.ErrorArchiveDamaged, app.Type())
	var found stemflow.VerifyArchiveResult
	require.NoError(t, app.Details(&found))
	kinds := map[string]stemflow.FindingKind{}
	for _, f := range found.Findings {
		kinds[f.Key] = f.Kind
	}
	require.Contains(t,
		[]stemflow.FindingKind{stemflow.FindingStemSize, stemflow.FindingStemChecksum}, kinds[changed.Key])
	delete(kinds, changed.Key)
	require.Equal(t, map[string]stemflow.FindingKind{
		gone.Key: stemflow.FindingStemMissing, results[2].Manifest.Key: stemflow.FindingManifestInvalid,
		receipt: stemflow.FindingReceiptMissing, book: stemflow.FindingLedgerMissing,
	}, kinds)

	repaired, err := s.verify(stemflow.VerifyArchiveInput{Repair: true, FailOnDamage: true})
	if errors.As(err, &app) {
		_ = app.Details(&repaired)
	}
	require.NoError(t, err, "%+v", repaired)
	require.Equal(t, 5, repaired.Repaired)
	s.requireIntact(len(ins))
	for i, in := range ins {
		require.Equal(t, 1, s.billed(in))
		manifest, ok := s.manifest(in)
		require.True(t, ok)
		require.Equal(t, results[i].Stems, manifest.Stems)
	}

	// A separation that the provider does not know any more.
	lost := track(stemflow.SeparateVocal)
	s.result(s.start(lost))
	lost.Prefix = "music"
	manifest, _ := s.manifest(lost)
	var l ledger.Ledger
	at := archive.Locate(s.bucket, "ledgers", lost.Track())
	_, err = s.store.ReadJSON(ctx, s.bucket, archive.SubmissionKey(at), &l)
	require.NoError(t, err)
	forgotten, old := newID(), manifest.SubmittedAt.AddDate(0, 0, -90)
	for i := range manifest.Stems {
		manifest.Stems[i].Key = archive.StemKey(s.location(lost), forgotten, manifest.Stems[i].Name, "mp3")
	}
	manifest.SeparationTaskID, manifest.SubmittedAt, manifest.ArchivedAt = forgotten, old, old
	l.SeparationTaskID, l.SubmittedAt, l.IntendedAt = forgotten, old, old
	require.NoError(t, s.store.PutJSON(ctx, s.bucket, archive.SubmissionKey(at), l))
	require.NoError(t, s.store.PutJSON(ctx, s.bucket, archive.SubmissionKey(s.location(lost)), l))
	require.NoError(t, s.store.PutJSON(ctx, s.bucket, archive.ManifestKey(s.location(lost)), manifest))
	for _, object := range s.keys(lost) {
		if bytes.HasSuffix([]byte(object), []byte(".mp3")) {
			remove(object)
		}
	}
	result, err := s.verify(stemflow.VerifyArchiveInput{Repair: true})
	require.NoError(t, err)
	require.Equal(t, 2, result.Lost, "%+v", result)
	require.Equal(t, 1, s.billed(lost))
	after, _ := s.manifest(lost)
	require.Equal(t, manifest, after)
}

// The starter's program checks without a worker, and has the workers repair.
func TestStarterVerifiesAndRepairs(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	in := track(stemflow.SeparateVocal)
	result := s.result(s.start(in))
	intact := printed[stemflow.VerifyArchiveResult](s, s.starter("verify", "--read-data", "--json"))
	require.Equal(t, 1, intact.Tracks)
	require.Equal(t, 2, intact.ReadStems)

	raw, err := minio.New(s.root.Endpoint,
		&minio.Options{Creds: credentials.NewStaticV4(s.root.AccessKey, s.root.SecretKey, "")})
	require.NoError(t, err)
	require.NoError(t, raw.RemoveObject(t.Context(), s.bucket, result.Stems[0].Key, minio.RemoveObjectOptions{}))
	damaged := s.starter("verify")
	require.Equal(t, 1, damaged.code, damaged.stderr)
	require.Contains(t, damaged.stdout, "StemMissing  "+s.bucket+"/"+result.Stems[0].Key)
	require.Contains(t, damaged.stderr, "--repair")

	repaired := s.starter("verify", "--repair")
	require.Zero(t, repaired.code, repaired.stdout+repaired.stderr)
	require.Contains(t, repaired.stdout, "1 repaired, 0 lost, 0 not repaired")
	require.Zero(t, s.starter("verify", "--read-data-subset", "100%", "--limit-rate", "10M").code)
	s.requireArchived(in, result)
	require.Equal(t, 1, s.billed(in))

	require.Equal(t, 10, s.starter("verify", "--prefix", "nothing/here").code)
	require.Equal(t, 12, s.starter("verify", "--bucket", "of-somebody-else").code)
	require.Equal(t, 2, s.starter("verify", "--read-data-subset", "some").code)
}

// The command that docs/verify.md gives makes a schedule that checks the archive.
func TestScheduleOfTheDocument(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.result(s.start(track(stemflow.SeparateVocal)))
	document, err := os.ReadFile("../docs/verify.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(document), "temporal schedule create ")
	require.True(t, ok)
	arguments, _, _ := strings.Cut(rest, "```")
	path, err := devtools.FindTool(t.Context(), "temporal", nil)
	require.NoError(t, err)
	temporal := func(command string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sh", "-c", path+" "+command)
		cmd.Env = devtools.Environment(ourVariables, "TEMPORAL_ADDRESS="+s.server)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	id := "verify-archive-" + s.queue
	arguments = strings.ReplaceAll(arguments, "verify-archive", id)
	temporal("schedule create " + strings.Replace(arguments, "--task-queue stemflow", "--task-queue "+s.queue, 1))
	temporal("schedule trigger --schedule-id " + id)
	var result stemflow.VerifyArchiveResult
	s.await("the schedule has run a check", func() bool {
		schedule, err := s.client.ScheduleClient().GetHandle(t.Context(), id).Describe(t.Context())
		require.NoError(t, err)
		if len(schedule.Info.RecentActions) == 0 {
			return false
		}
		run := schedule.Info.RecentActions[0].StartWorkflowResult
		check := s.client.GetWorkflow(t.Context(), run.WorkflowID, run.FirstExecutionRunID)
		require.NoError(t, check.Get(t.Context(), &result))
		return true
	})
	require.Equal(t, 1, result.Tracks)
	require.Empty(t, result.Findings)
	temporal("schedule delete --schedule-id " + id)
}
