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

// RenewSource finds a link that works for a stem, or what another kind of task yields, whose link
// has expired.
type RenewSource struct {
	Provider *kie.Client

	paidTask
}

// Execute takes the record's link, where it is a new one, and otherwise has the provider make a
// short-lived one. It fails with ErrorSourceExpired when the provider does neither.
func (a *RenewSource) Execute(ctx context.Context, in activityapi.RenewSourceInput) (*stemflow.SourceStem, error) {
	subject{separationTaskID: in.SeparationTaskID, stem: in.Stem.Name}.annotate(ctx)
	stem := in.Stem
	record, err := a.Provider.RecordOf(ctx, a.atProvider(), in.SeparationTaskID)
	switch {
	case err == nil:
		if served, ok := findServed(a.task().Results(record.Stems), stem); ok {
			stem.URL = served.URL
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
	return nil, final(stemflow.ErrorSourceExpired, a.noOtherLink(stem.Name, made, time.Now()), err)
}

// findServed finds a stem of an earlier record in a later one: by its id, and by its name where
// there is none of this id. Several stems may have one name, and stand in another order now.
func findServed(served []stemflow.SourceStem, stem stemflow.SourceStem) (stemflow.SourceStem, bool) {
	i := slices.IndexFunc(served, func(s stemflow.SourceStem) bool {
		return stem.SourceID != "" && s.SourceID == stem.SourceID
	})
	if i < 0 {
		i = slices.IndexFunc(served, func(s stemflow.SourceStem) bool { return s.Name == stem.Name })
	}
	if i < 0 {
		return stemflow.SourceStem{}, false
	}
	return served[i], true
}

// providerKeeps is how long the provider keeps stems.
const providerKeeps = time.Duration(stemflow.MaxDeadline)

// noOtherLink says that a stem is gone only if it surely is: what is gone may be paid for again.
func (a *RenewSource) noOtherLink(stem string, made, now time.Time) string {
	parts := a.task().Part + "s"
	if !made.IsZero() && now.Sub(made) > providerKeeps {
		return fmt.Sprintf("the %s are gone: the provider gives no other link to %s, which it made on %s, "+
			"and keeps %s for 14 days", parts, stem, made.UTC().Format(time.DateOnly), parts)
	}
	return "the provider gives no other link to " + stem + " now: start the track again later, unpaid, while it " +
		"keeps the " + parts + " (14 days)"
}
