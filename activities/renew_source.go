package activities

import (
	"context"
	"errors"
	"slices"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/kie"
)

// RenewSource finds a link that works for a stem whose link has expired.
type RenewSource struct {
	Provider *kie.Client
}

// Execute takes the record's link, where it is a new one, and otherwise has the provider make a
// short-lived one. It fails with ErrorSourceExpired when the provider does neither.
func (a *RenewSource) Execute(ctx context.Context, in activityapi.RenewSourceInput) (*stemflow.SourceStem, error) {
	subject{separationTaskID: in.SeparationTaskID, stem: in.Stem.Name}.annotate(ctx)
	stem := in.Stem
	record, err := a.Provider.Record(ctx, in.SeparationTaskID)
	switch {
	case err == nil:
		if i := slices.IndexFunc(record.Stems,
			func(s stemflow.SourceStem) bool { return s.Name == stem.Name }); i >= 0 {
			stem.URL = record.Stems[i].URL
		}
	case !errors.Is(err, kie.ErrNoRecord):
		return nil, retryable(
			stemflow.ErrorProviderUnavailable,
			"the link of "+stem.Name+" cannot be renewed yet: "+err.Error(),
			err,
		)
	}
	if !slices.Contains(in.Tried, stem.URL) {
		return &stem, nil
	}

	url, err := a.Provider.DownloadURL(ctx, stem.URL)
	switch verdict := kie.VerdictOf(err); {
	case err == nil && !slices.Contains(in.Tried, url):
		stem.URL = url
		return &stem, nil
	case err != nil && (verdict != kie.Rejected || errors.Is(err, kie.ErrEdge)):
		return nil, retryable(
			stemflow.ErrorProviderUnavailable,
			"the link of "+stem.Name+" cannot be renewed yet: "+err.Error(),
			err,
		)
	}
	return nil, final(
		stemflow.ErrorSourceExpired,
		"the link of "+stem.Name+" has expired and the provider gives no other: "+
			"stems are kept for 14 days",
		err,
	)
}
