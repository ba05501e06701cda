package workflows_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
)

// checking is a harness with an archive whose pages a test gives, and what is found of a track once
// it is repaired. Before that all is found again, unless it has gone meanwhile.
type checking struct {
	*harness
	pages   []activityapi.VerifyPage
	gone    bool
	left    []activityapi.Finding
	asked   []activityapi.VerifyArchiveInput
	derived []activityapi.RepairArchiveInput
	resumed []string
}

func newChecking(t *testing.T, pages ...activityapi.VerifyPage) *checking {
	c := &checking{harness: newHarness(t), pages: pages}
	prepare := c.prepare
	c.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
		c.resumed = append(c.resumed, in.Bucket+" "+in.Prefix+" "+in.Track.TaskID)
		return prepare(in)
	}
	looked := map[string]bool{}
	stub(c.harness, activityapi.ActivityVerifyArchive,
		func(in activityapi.VerifyArchiveInput) (*activityapi.VerifyPage, error) {
			c.asked = append(c.asked, in)
			if track := in.Input.TaskID; track != "" {
				found := c.left
				if !looked[track] && !c.gone {
					found = slices.DeleteFunc(slices.Concat(findingsOf(pages)...), func(f activityapi.Finding) bool {
						return f.Track.TaskID != track
					})
				}
				looked[track] = true
				return &activityapi.VerifyPage{Findings: found, Done: true}, nil
			}
			page := c.pages[0]
			c.pages = c.pages[1:]
			return &page, nil
		})
	stub(c.harness, activityapi.ActivityRepairArchive,
		func(in activityapi.RepairArchiveInput) (*struct{}, error) {
			c.derived = append(c.derived, in)
			return nil, nil
		})
	return c
}

func findingsOf(pages []activityapi.VerifyPage) (all [][]activityapi.Finding) {
	for _, page := range pages {
		all = append(all, page.Findings)
	}
	return all
}

func (c *checking) check(in any) { c.execute(stemflow.WorkflowVerifyArchive, in, nil) }

func (c *checking) checked() stemflow.VerifyArchiveResult {
	c.t.Helper()
	require.NoError(c.t, c.env.GetWorkflowError())
	var result stemflow.VerifyArchiveResult
	require.NoError(c.t, c.env.GetWorkflowResult(&result))
	return result
}

// damaged is how the check failed, and what it had come to.
func (c *checking) damaged(kind string) stemflow.VerifyArchiveResult {
	c.t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(c.t, c.env.GetWorkflowError(), &app)
	require.Equal(c.t, kind, app.Type(), app.Message())
	require.True(c.t, app.NonRetryable())
	var result stemflow.VerifyArchiveResult
	require.NoError(c.t, app.Details(&result))
	return result
}

func page(done bool, findings ...activityapi.Finding) activityapi.VerifyPage {
	return activityapi.VerifyPage{
		State: activityapi.VerifyState{At: allowed.Place{Bucket: "stems", Prefix: "music"}, Phase: "tracks"},
		Done:  done, Findings: findings, Counts: stemflow.ArchiveCounts{Tracks: 10, Stems: 120, Bytes: 1000},
	}
}

func damagedStem(n int) activityapi.Finding {
	track := stemflow.Track{TaskID: fmt.Sprint("task", n), AudioID: "audio", Type: stemflow.SplitStem}
	return activityapi.Finding{
		ArchiveFinding: stemflow.ArchiveFinding{
			Kind: stemflow.FindingStemMissing, Bucket: "stems", Key: fmt.Sprint("music/", n), Track: &track,
			SeparationTaskID: separationID, Message: "it is gone", Remedy: "repair",
		},
		At: allowed.Place{Bucket: "stems", Prefix: "music"}, Resume: separationID,
	}
}

func TestACheckSumsUpItsPages(t *testing.T) {
	var many []activityapi.Finding
	for n := range stemflow.MaxListedFindings {
		many = append(many, damagedStem(n))
	}
	notice := damagedStem(999)
	notice.Kind, notice.Notice = stemflow.FindingUploadUnfinished, true
	c := newChecking(t, page(false, many...), page(false, damagedStem(500)), page(true, notice))
	c.check(stemflow.VerifyArchiveInput{})
	result := c.checked()
	require.Equal(t, 30, result.Tracks)
	require.Equal(t, 101, result.Damage)
	require.Equal(t, 1, result.Notices)
	require.Len(t, result.Findings, stemflow.MaxListedFindings)
	require.Equal(t, 2, result.More)
	require.Equal(t, []stemflow.FindingCount{
		{Kind: stemflow.FindingStemMissing, Count: 101}, {Kind: stemflow.FindingUploadUnfinished, Count: 1},
	}, result.Kinds)
	require.Equal(t, "music", result.Prefix)
	require.Equal(t, "tracks", c.asked[1].State.Phase, "a page goes on where the one before ended")
	require.Empty(t, c.resumed)
	require.Empty(t, c.derived)
}

func TestACheckFailsOnDamageIfItIsTo(t *testing.T) {
	c := newChecking(t, page(true, damagedStem(1)))
	c.check(stemflow.VerifyArchiveInput{FailOnDamage: true})
	require.Equal(t, 1, c.damaged(stemflow.ErrorArchiveDamaged).Damage)

	notice := damagedStem(1)
	notice.Notice = true
	c = newChecking(t, page(true, notice))
	c.check(stemflow.VerifyArchiveInput{FailOnDamage: true})
	require.Equal(t, 1, c.checked().Notices)
}

func TestACheckRefusesWrongInput(t *testing.T) {
	for _, in := range []string{
		`{"readdata": "5%"}`, `{"readData": "5"  , "limitRate": "fast"}`, `{"audioId": "a"}`, `{"bucket": "No"}`,
		`{"type": "split_stem"}`, `{"limitRate": "10M"}`, `{"deadline": "400h"}`, `{"readData": 5}`,
	} {
		c := newChecking(t)
		c.check(json.RawMessage(in))
		c.damaged(stemflow.ErrorInvalidInput)
		require.Empty(t, c.asked, in)
	}
}

// A repair resumes what the finding names, where it is archived, and never submits.
func TestARepairResumesAndNeverPays(t *testing.T) {
	other := damagedStem(1)
	other.Key = "music/another"
	c := newChecking(t, page(true, damagedStem(1), damagedStem(2), other))
	c.check(stemflow.VerifyArchiveInput{Repair: true, ReadData: "5%", LimitRate: "1M", FailOnDamage: true})
	result := c.checked()
	require.Equal(t, 3, result.Repaired)
	require.Zero(t, result.Damage)
	require.ElementsMatch(t, []string{"stems /music task1", "stems /music task2"}, c.resumed, "in any order")
	require.Zero(t, c.calls[activityapi.ActivitySubmitSeparation])
	require.Len(t, c.manifests, 2)
	require.Equal(t, separationID, c.manifests[0].SeparationTaskID)
	again := c.asked[1].Input
	require.Equal(t, []any{"stems", "/music", "all", "1M", false},
		[]any{again.Bucket, again.Prefix, again.ReadData, again.LimitRate, again.Repair})
}

// A page may have much to repair. A track that a person has deleted meanwhile is left so, and so is
// one that somebody has mended.
func TestARepairLeavesWhatIsNotFoundAnyMore(t *testing.T) {
	missing := damagedStem(2)
	missing.Kind, missing.Resume = stemflow.FindingLedgerMissing, ""
	c := newChecking(t, page(true, damagedStem(1), missing))
	c.gone = true
	c.check(stemflow.VerifyArchiveInput{Repair: true, FailOnDamage: true})
	require.Equal(t, 2, c.checked().Repaired)
	require.Empty(t, c.resumed)
	require.Empty(t, c.derived)
}

// Whatever the archive and the ledger say of a track, a repair does not pay for it.
func TestARepairCannotPay(t *testing.T) {
	for name, submission := range map[string]*stemflow.Submission{
		"no ledger": nil, "intended": {State: stemflow.SubmissionIntended}, "refused": {State: stemflow.SubmissionRefused},
		"failed":       {State: stemflow.SubmissionFailed, SeparationTaskID: separationID},
		"paid":         {State: stemflow.SubmissionPaid, SeparationTaskID: separationID},
		"paid another": {State: stemflow.SubmissionPaid, SeparationTaskID: "another"},
		"paid nothing": {State: stemflow.SubmissionPaid},
	} {
		for _, record := range []string{"", activityapi.ActivityErrorNoRecord, stemflow.ErrorInvalidInput,
			stemflow.ErrorSeparationFailed, stemflow.ErrorNoStems, stemflow.ErrorSourceExpired} {
			c := newChecking(t, page(true, damagedStem(1)))
			c.left = []activityapi.Finding{damagedStem(1)}
			prepare := c.prepare
			c.prepare = func(in activityapi.PrepareArchiveInput) (*activityapi.PreparedArchive, error) {
				out, err := prepare(in)
				out.Submission = submission
				return out, err
			}
			c.get = func(activityapi.GetSeparationRecordInput) (*activityapi.SeparationRecord, error) {
				if record == "" {
					return done(), nil
				}
				return nil, failed(record, stemflow.ErrorDetails{})
			}
			c.check(stemflow.VerifyArchiveInput{Repair: true})
			require.Equal(t, 1, c.checked().Damage, "%s, %s", name, record)
			require.Zero(t, c.calls[activityapi.ActivitySubmitSeparation], "%s, %s", name, record)
		}
	}
}

func TestWhatTheProviderNoLongerHasIsLost(t *testing.T) {
	c := newChecking(t, page(true, damagedStem(1)))
	c.left = []activityapi.Finding{damagedStem(1)}
	c.archive = func(activityapi.ArchiveStemInput) (*stemflow.Stem, error) {
		return nil, failed(stemflow.ErrorSourceExpired)
	}
	c.renew = func(activityapi.RenewSourceInput) (*stemflow.SourceStem, error) {
		return nil, failed(stemflow.ErrorSourceExpired)
	}
	c.check(stemflow.VerifyArchiveInput{Repair: true, FailOnDamage: true})
	result := c.damaged(stemflow.ErrorArchiveDamaged)
	require.Equal(t, 1, result.Lost)
	require.Equal(t, stemflow.RepairLost, result.Findings[0].Repair)
	require.Equal(t, stemflow.ErrorSourceExpired, result.Findings[0].RepairError)
	require.Empty(t, c.manifests)
}

func TestARepairDerivesWhatFollowsFromElse(t *testing.T) {
	missing := damagedStem(1)
	missing.Kind, missing.Resume = stemflow.FindingLedgerMissing, ""
	stuck := damagedStem(2)
	stuck.Kind, stuck.Resume = stemflow.FindingIntentStuck, ""
	c := newChecking(t, page(true, missing, stuck))
	c.check(stemflow.VerifyArchiveInput{Repair: true})
	result := c.checked()
	require.Equal(t, 1, result.Repaired)
	require.Equal(t, 1, result.Damage, "nobody but a person can say what became of an intent")
	require.Len(t, c.derived, 1)
	require.Equal(t, stemflow.FindingLedgerMissing, c.derived[0].Kind)
	require.Empty(t, c.resumed)
}

// What is left after a repair is told, even if it is something else than before.
func TestARepairThatWentHalfwaySaysSo(t *testing.T) {
	c := newChecking(t, page(true, damagedStem(1)))
	changed := damagedStem(1)
	changed.Kind = stemflow.FindingStemChecksum
	c.left = []activityapi.Finding{changed}
	c.check(stemflow.VerifyArchiveInput{Repair: true})
	result := c.checked()
	require.Equal(t, []int{1, 1, 1}, []int{result.Repaired, result.Damage, result.NotRepaired})
}

func TestACheckContinuesAsNew(t *testing.T) {
	c := newChecking(t, page(false, damagedStem(1)))
	c.env.SetContinueAsNewSuggested(true)
	c.check(stemflow.VerifyArchiveInput{ReadData: "5%"})
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, c.env.GetWorkflowError(), &next)
	require.Equal(t, stemflow.WorkflowVerifyArchive, next.WorkflowType.Name)
	var in stemflow.VerifyArchiveInput
	var run activityapi.VerifyRun
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &in, &run))
	require.Equal(t, "5%", in.ReadData)
	require.Equal(t, 1, run.Result.Damage)
	require.Equal(t, "tracks", run.State.Phase)

	c = newChecking(t, page(true, damagedStem(2)))
	c.execute(stemflow.WorkflowVerifyArchive, in, run)
	result := c.checked()
	require.Equal(t, 2, result.Damage)
	require.Equal(t, 20, result.Tracks)
	require.Equal(t, run.State, c.asked[0].State)
}
