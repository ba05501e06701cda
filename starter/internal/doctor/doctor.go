// Package doctor looks for what is wrong with an installation: its configuration, and everything
// that it leads to. It pays for nothing, starts no workflow, and writes nothing but one small
// object in the bucket, which it removes where its credentials may.
//
// A check is a question, and has a file or shares one with those that are about the same thing.
// Each has a limit on its time, and none hides another: one is left out only if what it builds on
// has failed.
package doctor

import (
	"context"
	"slices"
	"time"

	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/internal/egress"
	"stemflow/internal/redact"
	"stemflow/starter/internal/observe"
)

// Options say what is looked at.
type Options struct {
	// Survey is the environment.
	Survey config.Survey
	// Server is the Temporal to ask where that is not what the environment says.
	Server observe.Server
	// For are the programs whose environment this is, by the names of [config.Programs]; none:
	// those that its variables show.
	For []string
	// Checks are the names of those to run, with what they need; none: all. A name stands for all
	// that begin with it and a dash, too.
	Checks []string
	// Secrets are hidden in all that is said.
	Secrets *redact.Redactor
}

// Limits of checks, each generous for what is on the other side of an ocean.
const (
	quick   = 5 * time.Second
	request = 20 * time.Second
	// several is for a check that asks a few times.
	several = 45 * time.Second
)

// doctor is one examination. A check writes what others read before it ends, and these wait for it.
type doctor struct {
	Options
	proxy *egress.Proxy
	// clocks are what the checks saw of other machines' clocks.
	clocks clocks

	provider provider
	store    *archive.Store
	// buckets are where the archive is, and the scratch objects in them.
	buckets  []*bucket
	temporal *observe.Temporal
	bridge   bridge
}

// Run examines an installation. Each result is reported as soon as it and those before it are
// there.
func Run(ctx context.Context, o Options, report func(Result)) []Result {
	d := &doctor{Options: o}
	// Settings that are no proxies are a problem of the configuration, which has its own check.
	d.proxy, _ = egress.New(egress.Settings{
		HTTPS: o.Survey.Worker.Proxy.HTTPS.Reveal(), HTTP: o.Survey.Worker.Proxy.HTTP.Reveal(),
		NoProxy: o.Survey.Worker.Proxy.NoProxy,
	})
	defer d.close()
	clean := func(r Result) Result {
		r.Summary = o.Secrets.Secrets(r.Summary)
		for i, fact := range r.Facts {
			r.Facts[i] = o.Secrets.Secrets(fact)
		}
		for i, f := range r.Findings {
			r.Findings[i].Problem, r.Findings[i].Remedy = o.Secrets.Secrets(f.Problem), o.Secrets.Secrets(f.Remedy)
		}
		return r
	}
	results := runChecks(ctx, only(d.checks(), o.Checks), func(r Result) { report(clean(r)) })
	for i := range results {
		results[i] = clean(results[i])
	}
	return results
}

// Names are the names of all checks, in the order in which they are reported.
func Names() []string {
	var names []string
	for _, c := range new(doctor).checks() {
		names = append(names, c.name)
	}
	return names
}

// checks are all checks, in the order in which they are reported.
func (d *doctor) checks() []check {
	return slices.Concat(
		d.configurationChecks(), d.providerChecks(), d.storeChecks(), d.temporalChecks(), d.bridgeChecks(),
		d.sourceChecks(), d.clockChecks(),
	)
}

func (d *doctor) close() {
	if d.temporal != nil {
		d.temporal.Close()
	}
	if d.store != nil {
		d.store.Close()
	}
}

// Worst is the most severe status of some results.
func Worst(results []Result) Status {
	worst := OK
	for _, r := range results {
		worst = max(worst, r.Status)
	}
	return worst
}
