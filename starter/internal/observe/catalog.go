package observe

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"

	"stemflow"
)

// CatalogObservation is what can be seen of a catalogue at one moment: see [Observation].
type CatalogObservation struct {
	Progress *stemflow.CatalogProgress
	Trouble  string
	Untaken  bool
	// Failing are the activities that are tried again.
	Failing []Failing
	Pace    Pace
}

// Catalog makes one observation of the run that is the latest at the moment.
func Catalog(
	ctx context.Context,
	c client.Client,
	workflowID string,
	last CatalogObservation,
) CatalogObservation {
	s, description := takeSnapshot(ctx, c, workflowID, "", snapshot[stemflow.CatalogProgress]{
		progress: last.Progress, trouble: last.Trouble, untaken: last.Untaken,
	})
	now := CatalogObservation{
		Progress: s.progress, Trouble: s.trouble, Untaken: s.untaken, Failing: last.Failing, Pace: last.Pace,
	}
	if description != nil {
		now.Failing = pendingActivities(description.GetPendingActivities()).Failing
	}
	if now.Progress != nil && now.Trouble == "" {
		now.Pace = last.Pace.With(time.Now(), now.Progress.Ended())
	}
	return now
}

// paceSpan is how far back a pace goes: over it, what one track more or less does is evened out.
const (
	paceSpan  = 5 * time.Minute
	leastSpan = 10 * time.Second
)

// Pace is how fast tracks come to their ends.
type Pace []paceMark

type paceMark struct {
	at    time.Time
	ended int
}

// With adds how many have ended at a moment.
func (p Pace) With(at time.Time, ended int) Pace {
	from := 0
	for from < len(p) && at.Sub(p[from].at) > paceSpan {
		from++
	}
	return append(p[from:len(p):len(p)], paceMark{at, ended})
}

// PerMinute is 0 while it is not known.
func (p Pace) PerMinute() float64 {
	if len(p) == 0 {
		return 0
	}
	first, last := p[0], p[len(p)-1]
	if took := last.at.Sub(first.at); took >= leastSpan {
		return float64(last.ended-first.ended) / took.Minutes()
	}
	return 0
}

// Left is how long so many tracks take at this pace; 0: not known.
func (p Pace) Left(tracks int) time.Duration {
	perMinute := p.PerMinute()
	if perMinute <= 0 {
		return 0
	}
	return time.Duration(float64(tracks) / perMinute * float64(time.Minute))
}
