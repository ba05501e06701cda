package main

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"

	"stemflow"
)

// catalogObservation is what can be seen of a catalogue at one moment: see [observation].
type catalogObservation struct {
	Progress *stemflow.CatalogProgress
	Trouble  string
	Untaken  bool
	// Failing are the activities that are tried again.
	Failing []failing
	Pace    pace
}

// observeCatalog makes one observation of the run that is the latest at the moment.
func observeCatalog(
	ctx context.Context,
	c client.Client,
	queue, workflowID string,
	last catalogObservation,
) catalogObservation {
	s, description := takeSnapshot(ctx, c, queue, workflowID, "", snapshot[stemflow.CatalogProgress]{
		progress: last.Progress, trouble: last.Trouble, untaken: last.Untaken,
	})
	now := catalogObservation{
		Progress: s.progress, Trouble: s.trouble, Untaken: s.untaken, Failing: last.Failing, Pace: last.Pace,
	}
	if description != nil {
		now.Failing = pendingActivities(description.GetPendingActivities()).Failing
	}
	if now.Progress != nil && now.Trouble == "" {
		now.Pace = last.Pace.with(time.Now(), now.Progress.Ended())
	}
	return now
}

// paceSpan is how far back a pace looks: over it, what one track more or less does is evened out.
const (
	paceSpan  = 5 * time.Minute
	leastSpan = 10 * time.Second
)

// pace is how fast tracks come to their ends.
type pace []paceMark

type paceMark struct {
	at    time.Time
	ended int
}

// with adds how many have ended at a moment.
func (p pace) with(at time.Time, ended int) pace {
	from := 0
	for from < len(p) && at.Sub(p[from].at) > paceSpan {
		from++
	}
	return append(p[from:len(p):len(p)], paceMark{at, ended})
}

// perMinute is 0 while it is not known.
func (p pace) perMinute() float64 {
	if len(p) == 0 {
		return 0
	}
	first, last := p[0], p[len(p)-1]
	if took := last.at.Sub(first.at); took >= leastSpan {
		return float64(last.ended-first.ended) / took.Minutes()
	}
	return 0
}

// left is how long so many tracks take at this pace; 0: not known.
func (p pace) left(tracks int) time.Duration {
	perMinute := p.perMinute()
	if perMinute <= 0 {
		return 0
	}
	return time.Duration(float64(tracks) / perMinute * float64(time.Minute))
}
