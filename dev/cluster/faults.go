package main

import (
	"context"
	"fmt"
	"time"
)

// fault is what was done to a process while tracks were under way.
type fault struct {
	what string
	// process was hit, after so many tracks were paid for, and it was back after took.
	process string
	paid    int
	took    time.Duration
}

const (
	killed = "killed"
	frozen = "frozen"
	// frozenFor is how long a process stays frozen. Whoever waits for it has to give it up:
	// requests of ten seconds run out.
	frozenFor = 12 * time.Second
)

// target is a process that is to be hit.
type target struct {
	what   string
	member *member
}

// targets are one process of each kind to be killed and one to be frozen: another one, where there
// are two. First all are killed.
func targets(members []*member) []target {
	byKind := map[string][]*member{}
	var kinds []string
	for _, m := range members {
		if len(byKind[m.kind]) == 0 {
			kinds = append(kinds, m.kind)
		}
		byKind[m.kind] = append(byKind[m.kind], m)
	}
	var all []target
	for _, kind := range kinds {
		all = append(all, target{killed, byKind[kind][0]})
	}
	for _, kind := range kinds {
		same := byKind[kind]
		all = append(all, target{frozen, same[len(same)-1]})
	}
	return all
}

const (
	// The faults begin when so much of the tracks is paid for, and the last one comes while the
	// rest is still to be done.
	firstFaultAt, lastFaultAt = 0.05, 0.75
	lookForFaults             = 300 * time.Millisecond
)

// moments are how many tracks are paid for when each of the faults comes. A proof of few tracks has
// time for the first faults only.
func moments(tracks, faults int) []int {
	fit := min(faults, max(1, faults*tracks/fullProof))
	at := make([]int, fit)
	for i := range at {
		share := firstFaultAt
		if fit > 1 {
			share += (lastFaultAt - firstFaultAt) * float64(i) / float64(fit-1)
		}
		at[i] = max(1, int(share*float64(tracks)))
	}
	return at
}

// strike kills and freezes processes, one after the other, until all were hit or the tracks are
// done.
func (p *proof) strike(ctx context.Context, done <-chan struct{}) ([]fault, error) {
	all := targets(p.members)
	at := moments(len(p.tracks), len(all))
	var struck []fault
	for i, moment := range at {
		paid, reached := p.awaitPaid(ctx, done, moment)
		if !reached {
			break
		}
		t := all[i]
		begun := time.Now()
		var err error
		if t.what == killed {
			err = t.member.kill(ctx)
		} else {
			err = t.member.freeze(ctx, frozenFor)
		}
		took := time.Since(begun)
		if err == nil && t.what == killed {
			err = p.afterKill(ctx, t.member.kind)
		}
		if err != nil {
			return struck, err
		}
		f := fault{what: t.what, process: t.member.name, paid: paid, took: took}
		fmt.Printf("ok  %5.1fs  %s %s after %d were paid for; back after %.1f s\n",
			time.Since(p.begun).Seconds(), f.what, f.process, f.paid, f.took.Seconds())
		struck = append(struck, f)
	}
	return struck, nil
}

// afterKill does what has to be done when a process is back that was killed.
func (p *proof) afterKill(ctx context.Context, kind string) error {
	switch kind {
	case minioKind:
		return p.heal(ctx)
	case kiesimKind:
		return p.setScenarios(ctx)
	default:
		return nil
	}
}

// awaitPaid waits until so many tracks are paid for, and returns how many are.
func (p *proof) awaitPaid(ctx context.Context, done <-chan struct{}, least int) (paid int, reached bool) {
	for {
		if bill, err := p.bill(ctx); err == nil && len(bill.Charges) >= least {
			return len(bill.Charges), true
		}
		select {
		case <-ctx.Done():
			return 0, false
		case <-done:
			return 0, false
		case <-time.After(lookForFaults):
		}
	}
}
