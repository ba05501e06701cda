package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/internal/activityapi"
)

// archiveStems moves all stems at once, each on its own: what happens to one does not touch the
// others.
func (s *separation) archiveStems(ctx workflow.Context) error {
	for _, stem := range s.record.Stems {
		s.progress.Stems = append(
			s.progress.Stems,
			stemflow.StemProgress{Name: stem.Name, State: stemflow.StemArchiving},
		)
	}
	s.enter(ctx, stemflow.PhaseArchiving)

	stems := make([]stemflow.Stem, len(s.record.Stems))
	errs := make([]error, len(s.record.Stems))
	group := workflow.NewWaitGroup(ctx)
	for i, source := range s.record.Stems {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			stems[i], errs[i] = s.archiveStem(ctx, source)
			if errs[i] != nil {
				s.progress.Stems[i].State = stemflow.StemFailed
			} else {
				s.progress.Stems[i].State, s.progress.Stems[i].Size = stemflow.StemArchived, stems[i].Size
			}
			s.showDetails(ctx)
		})
	}
	group.Wait(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, err := range errs {
		if err != nil {
			s.addFailed(s.record.Stems[i].Name, err)
		} else {
			s.stems = append(s.stems, stems[i])
		}
	}
	if len(s.failed) > 0 && (len(s.stems) == 0 || !s.in.AllowPartial) {
		return s.incomplete()
	}
	return nil
}

// addFailed says why a stem could not be archived. One that the record has no link for is missing:
// it may be there when the track is started again.
func (s *separation) addFailed(name string, err error) {
	kind, app := applicationError(err)
	failed := stemflow.FailedStem{Name: name, Type: stemflow.ErrorArchiveUnavailable, Message: err.Error()}
	if app != nil {
		failed.Message = app.Message()
	}
	failed.Message = shorten(failed.Message)
	if isErrorType(kind) {
		failed.Type = kind
	}
	if slices.Contains(s.unconfirmed, name) {
		s.missing = append(s.missing, stemflow.MissingStem{Name: name, Reason: fmt.Sprintf(
			"its link, which came late or from a callback, does not work (%s: %s); start the track again to look "+
				"once more, unpaid", failed.Type, failed.Message)})
		return
	}
	s.failed = append(s.failed, failed)
}

// archiveStem moves one stem, and renews its link when it does not work any more.
func (s *separation) archiveStem(ctx workflow.Context, source stemflow.SourceStem) (stemflow.Stem, error) {
	var tried []string
	for {
		stem, err := s.fetchStem(ctx, source, false)
		kind, refused := applicationError(err)
		if kind != stemflow.ErrorSourceExpired {
			return stem, err
		}
		if len(tried) == maxRenewals {
			message := fmt.Sprintf("%s; none of %d new links worked either", refused.Message(), maxRenewals)
			return stem, expiredStem(message, err)
		}
		tried = append(tried, source.URL)
		renewErr := workflow.ExecuteActivity(renewOptions(ctx, source.Name), s.task.Renew,
			activityapi.RenewSourceInput{
				SeparationTaskID: s.separationTaskID, Stem: source, Tried: tried,
			}).
			Get(ctx, &source)
		if renewErr == nil {
			continue
		}
		renewKind, notRenewed := applicationError(renewErr)
		if renewKind != stemflow.ErrorSourceExpired {
			return stem, renewErr
		}
		if isMissing(refused) &&
			workflow.GetVersion(ctx, "await-missing-stem", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
			// There is no other link. The file may not be there yet.
			if stem, err = s.fetchStem(ctx, source, true); err == nil {
				return stem, nil
			}
			if kind, refused = applicationError(err); kind != stemflow.ErrorSourceExpired {
				return stem, err
			}
		}
		return stem, expiredStem(refused.Message()+"; "+notRenewed.Message(), renewErr)
	}
}

func (s *separation) fetchStem(
	ctx workflow.Context, source stemflow.SourceStem, lastLink bool,
) (stem stemflow.Stem, err error) {
	in := activityapi.ArchiveStemInput{
		Location: s.archive.Location, SeparationTaskID: s.separationTaskID, Stem: source, Fresh: !s.resumed,
		LastLink: lastLink,
	}
	err = workflow.ExecuteActivity(archiveOptions(ctx, source.Name), s.task.Archive, in).
		Get(ctx, &stem)
	return stem, err
}

// isMissing reports whether a stem's file was not there, which may pass.
func isMissing(refused *temporal.ApplicationError) bool {
	var details activityapi.ArchiveStemFailure
	return refused.HasDetails() && refused.Details(&details) == nil && details.Missing
}

// expiredStem is the failure of a stem whose link does not work, and of which there is no other.
func expiredStem(message string, cause error) error {
	return temporal.NewNonRetryableApplicationError(message, stemflow.ErrorSourceExpired, cause)
}

// incomplete is the ending of a run that could not archive everything: of the stems' own type where
// nothing was archived and all failed alike, ArchiveIncomplete otherwise.
func (s *separation) incomplete() error {
	kind := stemflow.ErrorArchiveIncomplete
	first := s.failed[0].Type
	if len(s.stems) == 0 &&
		!slices.ContainsFunc(s.failed, func(f stemflow.FailedStem) bool { return f.Type != first }) {
		kind = first
	}
	reasons := make([]string, len(s.failed))
	for i, f := range s.failed {
		reasons[i] = f.Name + " (" + f.Type + ": " + f.Message + ")"
	}
	return &ending{
		kind: kind,
		message: fmt.Sprintf("%d of %d %ss could not be archived; start the track again to complete it, unpaid: %s",
			len(s.failed), len(s.failed)+len(s.stems), s.task.Part, strings.Join(reasons, "; ")),
		details: stemflow.ErrorDetails{Stems: s.stems, Failed: s.failed},
	}
}

// writeManifest commits the run: a reader that starts at the manifest never sees half a result. It
// names as missing what callbacks have named in the meantime.
func (s *separation) writeManifest(ctx workflow.Context) (*stemflow.SeparateStemsResult, error) {
	s.readLateCallbacks(ctx)
	s.keepArchived()
	result := stemflow.SeparateStemsResult{
		SeparationTaskID: s.separationTaskID,
		Type:             s.in.Type,
		SettledBy:        s.settledBy,
		Paid:             s.paid,
		Stems:            s.stems,
		Empty:            s.emptyStems(),
		Failed:           append([]stemflow.FailedStem{}, s.failed...),
		Missing:          s.missingStems(),
		SubmittedAt:      s.submittedAt,
		SettledAt:        s.settledAt,
		ArchivedAt:       workflow.Now(ctx),
	}
	manifest := stemflow.Manifest{
		Version:             1,
		SeparateStemsResult: result,
		Source:              s.manifestSource(ctx),
		Provider: stemflow.ManifestProvider{
			OriginURL: s.record.OriginURL, CreatedAt: s.record.CreatedAt, CompletedAt: s.record.CompletedAt,
		},
	}
	err := localFirst(
		manifestOptions(ctx),
		activityapi.ActivityWriteManifest,
		activityapi.WriteManifestInput{
			Location: s.archive.Location,
			Ledger:   s.archive.Ledger,
			Manifest: manifest,
		},
		&result.Manifest,
	)
	if temporal.IsCanceledError(err) {
		return nil, err
	}
	if err != nil {
		return nil, activityFailure(err, stemflow.ErrorArchiveUnavailable)
	}
	s.showArchived()
	s.progress.Manifest = &result.Manifest
	s.enter(ctx, stemflow.PhaseDone)
	return &result, nil
}

// keepArchived adds the stems that an earlier run has archived of this separation, whose objects
// are there, and that this run could not archive: the provider's record may lack them by now.
func (s *separation) keepArchived() {
	kept := s.archive.Kept
	if kept == nil || kept.SeparationTaskID != s.separationTaskID {
		return
	}
	for _, stem := range kept.Stems {
		if s.isArchived(stem.Name) {
			continue
		}
		s.stems = append(s.stems, stem)
		s.failed = slices.DeleteFunc(s.failed, func(f stemflow.FailedStem) bool { return f.Name == stem.Name })
		s.missing = slices.DeleteFunc(s.missing, func(m stemflow.MissingStem) bool { return m.Name == stem.Name })
	}
}

// emptyStems are the expected stems that the provider did not serve.
func (s *separation) emptyStems() []string {
	empty := []string{}
	for _, name := range stemflow.ExpectedStems(s.in.Type, s.in.StemName) {
		if !s.isArchived(name) &&
			!slices.ContainsFunc(s.failed, func(failed stemflow.FailedStem) bool { return failed.Name == name }) {
			empty = append(empty, name)
		}
	}
	return empty
}
