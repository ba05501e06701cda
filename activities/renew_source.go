package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	var made time.Time
	if record != nil {
		made = record.CompletedAt
		if made.IsZero() {
			made = record.CreatedAt
		}
	}
	return nil, final(stemflow.ErrorSourceExpired, noOtherLink(stem.Name, made, time.Now()), err)
}

// providerKeeps is how long the provider keeps stems.
const providerKeeps = time.Duration(stemflow.MaxDeadline)

// noOtherLink says that a stem is gone only if it surely is: what is gone may be paid for again.
func noOtherLink(stem string, made, now time.Time) string {
	if !made.IsZero() && now.Sub(made) > providerKeeps {
		return fmt.Sprintf("the stems are gone: the provider gives no other link to %s, which it made on %s, "+
			"and keeps stems for 14 days", stem, made.UTC().Format(time.DateOnly))
	}
	return "the provider gives no other link to " + stem + " now: start the track again later, unpaid, while it " +
		"keeps the stems (14 days)"
}
