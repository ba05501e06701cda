package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// wholeChange came after the first recorded histories: a run waits for all that a separation must
// yield, listens until the deadline, and looks once more before it gives up. Runs from before it
// keep their rules.
const wholeChange = "wait-for-the-whole"

// waitsForWhole is asked only where the two rules differ, since the first answer costs two events.
func waitsForWhole(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, wholeChange, workflow.DefaultVersion, 1) >= 1
}

// expectation is what the separation must yield: what its type has, what callbacks had links for,
// and what earlier looks at the record found. A split_stem has only the instruments that play.
func (s *separation) expectation() activityapi.StemExpectation {
	var e activityapi.StemExpectation
	byType := stemflow.ExpectedStems(s.in.Type, s.in.StemName)
	if s.in.Type == stemflow.SplitStem {
		e.Possible = byType
	} else {
		e.Required = byType
	}
	for _, stem := range s.named {
		e.Named = append(e.Named, stem.Name)
	}
	for _, stem := range slices.Concat(s.credible(nil), s.seen) {
		if !slices.Contains(e.Required, stem.Name) {
			e.Required = append(e.Required, stem.Name)
		}
	}
	return e
}

// credible are the stems of callbacks that the type has, or that the record has had or announced. A
// stem of another name may be made up, since a signature covers the task id alone. Only a
// split_stem may come with instruments that the provider does not document yet.
func (s *separation) credible(announced []string) []stemflow.SourceStem {
	return s.credibleOf(s.named, announced)
}

func (s *separation) credibleOf(stems []stemflow.SourceStem, announced []string) []stemflow.SourceStem {
	if s.in.Type == stemflow.SplitStem {
		return stems
	}
	expected := slices.Concat(stemflow.ExpectedStems(s.in.Type, s.in.StemName), announced)
	return slices.DeleteFunc(slices.Clone(stems), func(stem stemflow.SourceStem) bool {
		return !slices.Contains(expected, stem.Name) && !activityapi.HasStem(s.seen, stem.Name)
	})
}

// hearStems keeps what a callback has links for, and reports whether some of it is new.
func (s *separation) hearStems(stems []stemflow.SourceStem) (news bool) {
	before := len(s.named)
	s.named = activityapi.AddStems(s.named, usable(stems))
	return len(s.named) > before
}

// usable are the stems of a callback that a separation can have. Nothing that a stranger may have
// made up is to fill the history.
func usable(stems []stemflow.SourceStem) []stemflow.SourceStem {
	var found []stemflow.SourceStem
	for _, stem := range stems {
		if len(found) == stemflow.MaxStems {
			break
		}
		if isStemName(stem.Name) && stem.URL != "" && len(stem.URL) <= maxLinkBytes &&
			len(stem.SourceID) <= maxNameBytes && !activityapi.HasStem(found, stem.Name) {
			found = append(found, stem)
		}
	}
	return found
}

// serving are the stems of a callback that serve where the record gives none. Runs from before this
// rule did not ask whether they are credible.
func (s *separation) serving(ctx workflow.Context, callback stemflow.Callback) []stemflow.SourceStem {
	stems := usable(callback.Stems)
	credible := s.credibleOf(stems, nil)
	if len(credible) < len(stems) &&
		workflow.GetVersion(ctx, "credible-links-serve", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return stems
	}
	return credible
}

// isStemName reports whether a name has the canonical spelling.
func isStemName(name string) bool {
	if name == "" || len(name) > maxNameBytes {
		return false
	}
	for _, c := range name {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// compose adds to what the record gives at last the stems that it had a link for earlier, and those
// that callbacks have links for. Those links may not work, or be forged: the run does not depend on
// them, unless there is nothing else.
func (s *separation) compose(
	ctx workflow.Context, record activityapi.SeparationRecord,
) activityapi.SeparationRecord {
	stems := activityapi.AddStems(record.Stems, s.seen)
	if s.ownership == verified {
		stems = activityapi.AddStems(stems, s.credible(record.Announced))
	}
	if len(stems) == len(record.Stems) || !waitsForWhole(ctx) {
		return record
	}
	if len(record.Stems) > 0 {
		for _, stem := range stems[len(record.Stems):] {
			s.unconfirmed = append(s.unconfirmed, stem.Name)
		}
	}
	record.Stems = stems
	activityapi.OrderStems(record.Stems, stemflow.ExpectedStems(s.in.Type, s.in.StemName))
	return record
}

// bounded cuts a record that has more stems than any separation. Thousands of them would be more
// activities than Temporal takes at once: the run could not even be cancelled.
func (s *separation) bounded(
	ctx workflow.Context, record activityapi.SeparationRecord,
) activityapi.SeparationRecord {
	if len(record.Stems) > stemflow.MaxStems && waitsForWhole(ctx) {
		s.log(ctx).Warn("more stems than a separation can have: the others are left out", "stems", len(record.Stems))
		record.Stems = record.Stems[:stemflow.MaxStems]
	}
	return record
}

// fromCallback is what a callback gives where the record gives nothing.
func (s *separation) fromCallback(
	ctx workflow.Context, callback stemflow.Callback,
) activityapi.SeparationRecord {
	record := activityapi.SeparationRecord{Stems: callback.Stems, OriginURL: callback.OriginURL}
	if waitsForWhole(ctx) {
		record.Stems = s.serving(ctx, callback)
	}
	return s.compose(ctx, record)
}

// longDone reports whether a separation has been done for so long that no more links follow.
func (s *separation) longDone(now time.Time, record activityapi.SeparationRecord) bool {
	return !record.CompletedAt.IsZero() && now.Sub(record.CompletedAt) > linksFollow &&
		!s.submittedAt.IsZero() && now.Sub(s.submittedAt) > linksFollow
}

// missingStems are those that were promised and are not archived. What merely may have been is
// empty, and what failed to be archived has failed.
func (s *separation) missingStems() []stemflow.MissingStem {
	missing := slices.Clone(s.missing)
	awaited := s.expectation().Required
	if s.unread { // nothing has said that these are all
		awaited = slices.Concat(awaited, stemflow.ExpectedStems(s.in.Type, s.in.StemName))
	}
	for _, name := range awaited {
		if s.isArchived(name) ||
			slices.ContainsFunc(s.failed, func(f stemflow.FailedStem) bool { return f.Name == name }) ||
			slices.ContainsFunc(missing, func(m stemflow.MissingStem) bool { return m.Name == name }) {
			continue
		}
		missing = append(missing, stemflow.MissingStem{Name: name, Reason: fmt.Sprintf(
			"the provider reported success and had given no link for it by %s; start the track again to look once "+
				"more, unpaid", s.settledAt.UTC().Format(time.RFC3339))})
	}
	return missing
}

func (s *separation) isArchived(name string) bool {
	return slices.ContainsFunc(s.stems, func(stem stemflow.Stem) bool { return stem.Name == name })
}

// completeArchived looks once more for the stems that an archived track lacks, and archives those
// that are there by now. Whatever else the provider says, the track stays archived as it is.
func (s *separation) completeArchived(
	ctx workflow.Context, partial *stemflow.SeparateStemsResult,
) (*stemflow.SeparateStemsResult, error) {
	s.resumed, s.ownership, s.submittedAt = true, verified, partial.SubmittedAt
	s.startDeadline(workflow.Now(ctx))
	s.setSeparationTask(ctx, partial.SeparationTaskID)
	var record activityapi.SeparationRecord
	err := localFirst(restOptions(ctx), s.task.GetRecord, activityapi.GetSeparationRecordInput{
		SeparationTaskID: partial.SeparationTaskID, ReportPending: true,
	}, &record)
	seen := observe(partial.SeparationTaskID, record, err)
	if seen.finding == foundCanceled {
		return nil, err
	}
	record = s.bounded(ctx, record)
	all := record.Stems
	record.Stems = slices.DeleteFunc(slices.Clone(all), func(stem stemflow.SourceStem) bool {
		return slices.ContainsFunc(partial.Stems, func(a stemflow.Stem) bool { return a.Name == stem.Name })
	})
	if seen.finding != foundDone || len(record.Stems) == 0 {
		s.log(ctx).Info("the provider still has no link for what is missing", "missing", len(partial.Missing))
		result := s.alreadyArchived(ctx, partial)
		s.countSettled(ctx)
		return result, nil
	}
	s.stems = slices.Clone(partial.Stems)
	s.settle(ctx, stemflow.SettledByResume, record)
	s.countSettled(ctx)
	for _, stem := range record.Stems { // none of them can fail the track
		s.unconfirmed = append(s.unconfirmed, stem.Name)
	}
	if err := s.archiveStems(ctx); err != nil {
		return nil, err
	}
	if len(s.stems) == len(partial.Stems) {
		return s.alreadyArchived(ctx, partial), nil
	}
	for _, missing := range partial.Missing {
		if !s.isArchived(missing.Name) && !activityapi.HasStem(record.Stems, missing.Name) {
			s.missing = append(s.missing, missing)
		}
	}
	s.orderStems(all)
	return s.writeManifest(ctx)
}

// orderStems puts the archived stems in the order in which the provider's documents name them.
func (s *separation) orderStems(record []stemflow.SourceStem) {
	expected := stemflow.ExpectedStems(s.in.Type, s.in.StemName)
	rank := func(name string) int {
		if i := slices.Index(expected, name); i >= 0 {
			return i
		}
		return len(expected) + slices.IndexFunc(record, func(s stemflow.SourceStem) bool { return s.Name == name })
	}
	slices.SortStableFunc(s.stems, func(a, b stemflow.Stem) int { return rank(a.Name) - rank(b.Name) })
}
