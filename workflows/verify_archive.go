package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// VerifyArchive checks an archive, page by page, and repairs what it finds if it is to. However
// large the archive is, it is one logical run: it continues as new with the state that a run of it
// hands on, and that a person who starts one leaves out.
//
// It ends with a *temporal.ApplicationError of type ErrorInvalidInput, ErrorArchiveUnavailable or
// ErrorArchiveDamaged, or cancelled. The first detail is a [stemflow.VerifyArchiveResult].
func VerifyArchive(
	ctx workflow.Context, in stemflow.VerifyArchiveInput, state *activityapi.VerifyRun,
) (*stemflow.VerifyArchiveResult, error) {
	v := &verification{in: in}
	if state == nil {
		v.run.Result = stemflow.VerifyArchiveResult{
			Findings: []stemflow.ArchiveFinding{}, StartedAt: workflow.Now(ctx).UTC(),
		}
	} else {
		v.run = *state
	}
	err := workflow.SetQueryHandlerWithOptions(ctx, stemflow.QueryProgress,
		func() (stemflow.VerifyArchiveResult, error) { return v.run.Result, nil },
		workflow.QueryHandlerOptions{Description: "What the check has come to so far."})
	if err != nil {
		return nil, err
	}
	err = v.checkAll(ctx)
	if workflow.IsContinueAsNewError(err) {
		return nil, err
	}
	result := &v.run.Result
	result.EndedAt = workflow.Now(ctx).UTC()
	if err == nil && in.FailOnDamage && result.Damage > 0 {
		err = endWith(stemflow.ErrorArchiveDamaged,
			"the archive is damaged: "+kindsOf(*result)+"; the details list the first, each with its remedy")
	}
	if err != nil {
		return nil, failureWith(err, *result)
	}
	return result, nil
}

// verification is one run of a check.
type verification struct {
	in  stemflow.VerifyArchiveInput
	run activityapi.VerifyRun
}

func (v *verification) checkAll(ctx workflow.Context) error {
	if err := v.in.Validate(); err != nil {
		return endWith(stemflow.ErrorInvalidInput, "the input is wrong: "+err.Error())
	}
	for {
		v.showDetails(ctx)
		page, err := v.checkPage(ctx, v.in, v.run.State)
		if err != nil {
			return err
		}
		v.run.State = page.State
		result := &v.run.Result
		result.Bucket, result.Prefix = page.State.At.Bucket, page.State.At.Prefix
		result.ArchiveCounts.Add(page.Counts)
		findings := page.Findings
		if v.in.Repair {
			findings, err = v.repair(ctx, findings)
		}
		for _, f := range findings {
			result.AddFinding(f.ArchiveFinding)
		}
		switch {
		case err != nil:
			return err
		case page.Done:
			v.showDetails(ctx)
			return nil
		case shouldContinueAsNew(ctx) && ctx.Err() == nil:
			return workflow.NewContinueAsNewError(ctx, stemflow.WorkflowVerifyArchive, v.in, v.run)
		}
	}
}

func (v *verification) checkPage(
	ctx workflow.Context, in stemflow.VerifyArchiveInput, state activityapi.VerifyState,
) (activityapi.VerifyPage, error) {
	var page activityapi.VerifyPage
	err := workflow.ExecuteActivity(verifyOptions(ctx), activityapi.ActivityVerifyArchive,
		activityapi.VerifyArchiveInput{Input: in, State: state}).
		Get(ctx, &page)
	return page, activityFailure(err, stemflow.ErrorArchiveUnavailable)
}

// showDetails writes the execution's current details, in Markdown.
func (v *verification) showDetails(ctx workflow.Context) {
	r := v.run.Result
	text := fmt.Sprintf("%d tracks, %d stems, %d bytes read back\n\n%d damaged",
		r.Tracks, r.Stems, r.ReadBytes, r.Damage)
	if kinds := kindsOf(r); kinds != "" {
		text += ": " + kinds
	}
	if v.in.Repair {
		text += fmt.Sprintf("\n\n%d repaired, %d lost, %d not repaired", r.Repaired, r.Lost, r.NotRepaired)
	}
	workflow.SetCurrentDetails(ctx, text)
}

// kindsOf says how many findings there are of each kind.
func kindsOf(r stemflow.VerifyArchiveResult) string {
	parts := make([]string, len(r.Kinds))
	for i, k := range r.Kinds {
		parts[i] = fmt.Sprintf("%d %s", k.Count, k.Kind)
	}
	return strings.Join(parts, ", ")
}
