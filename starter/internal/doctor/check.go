package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Status is how a check ended. The order is that of severity.
type Status int

// What a check can end with.
const (
	// Skipped: the check has nothing to look at, or what it builds on has failed.
	Skipped Status = iota
	OK
	Warning
	Failed
)

// String is the status as the output names it.
func (s Status) String() string {
	return [...]string{Skipped: "skipped", OK: "ok", Warning: "warning", Failed: "failed"}[s]
}

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one thing that is wrong, and what to do about it.
type Finding struct {
	// Status is Warning or Failed.
	Status  Status `json:"status"`
	Problem string `json:"problem"`
	Remedy  string `json:"remedy"`
}

// Result is what a check found.
type Result struct {
	// Name is the check's, like "provider-key".
	Name   string `json:"check"`
	Status Status `json:"status"`
	// Summary says what is well, or why nothing was looked at; empty where the check has failed.
	Summary string `json:"summary,omitempty"`
	// Facts are what was seen, one line each.
	Facts []string `json:"facts,omitempty"`
	// Findings are what is wrong, in no case more severe than Status.
	Findings []Finding `json:"findings,omitempty"`
}

// ok states what is well.
func (r *Result) ok(format string, args ...any) {
	r.Status = max(r.Status, OK)
	r.Summary = fmt.Sprintf(format, args...)
}

// skip states why there is nothing to look at.
func (r *Result) skip(format string, args ...any) { r.Summary = fmt.Sprintf(format, args...) }

func (r *Result) fact(format string, args ...any) {
	r.Facts = append(r.Facts, fmt.Sprintf(format, args...))
}

// fail reports a problem without which stemflow does not work as it is configured.
func (r *Result) fail(problem, remedy string) { r.find(Failed, problem, remedy) }

// warn reports what works, and not as well as it could.
func (r *Result) warn(problem, remedy string) { r.find(Warning, problem, remedy) }

func (r *Result) find(status Status, problem, remedy string) {
	r.Status = max(r.Status, status)
	r.Findings = append(r.Findings, Finding{status, problem, remedy})
}

// check is one question about the installation.
type check struct {
	name string
	// needs must not have failed or been skipped; after must have ended, however that was.
	needs, after []string
	// cleansUp is the check after which this one must run, too; empty: none.
	cleansUp string
	// limit is how long it may take once it has begun.
	limit time.Duration
	run   func(ctx context.Context, r *Result)
}

// runChecks runs all checks, each as soon as what it needs is known, and reports the results in
// the order of the checks, each as soon as those before it are there. A check that takes longer
// than its limit fails, and the others do not wait for it.
func runChecks(ctx context.Context, checks []check, report func(Result)) []Result {
	results := make([]Result, len(checks))
	ended := make([]chan struct{}, len(checks))
	index := map[string]int{}
	for i, c := range checks {
		ended[i], index[c.name] = make(chan struct{}), i
	}
	var running sync.WaitGroup
	for i, c := range checks {
		running.Go(func() {
			defer close(ended[i])
			for _, name := range slices.Concat(c.needs, c.after) {
				if before, runs := index[name]; runs {
					<-ended[before]
				}
			}
			for _, name := range c.needs {
				if before := results[index[name]]; before.Status == Failed || before.Status == Skipped {
					results[i] = Result{Name: c.name, Summary: because(before)}
					return
				}
			}
			results[i] = runCheck(ctx, c)
		})
	}
	for i := range checks {
		<-ended[i]
		report(results[i])
	}
	running.Wait()
	return results
}

// only leaves the checks that are asked for, what they build on, and what cleans up behind them. A
// name stands for all that begin with it and a dash, too; no names leave all.
func only(checks []check, names []string) []check {
	if len(names) == 0 {
		return checks
	}
	chosen := map[string]bool{}
	for _, c := range slices.Backward(checks) { // what a check needs is before it
		chosen[c.name] = chosen[c.name] || slices.ContainsFunc(names, func(name string) bool {
			return c.name == name || strings.HasPrefix(c.name, name+"-")
		})
		for _, name := range slices.Concat(c.needs, c.after) {
			chosen[name] = chosen[name] || chosen[c.name]
		}
	}
	return slices.DeleteFunc(slices.Clone(checks), func(c check) bool {
		return !chosen[c.name] && (c.cleansUp == "" || !chosen[c.cleansUp])
	})
}

// because says why a check was left out whose need has not been met.
func because(before Result) string {
	if before.Status == Failed {
		return before.Name + " has failed"
	}
	return before.Name + " was skipped"
}

// runCheck runs one check within its limit.
func runCheck(ctx context.Context, c check) Result {
	bounded, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	done := make(chan Result, 1)
	go func() {
		r := Result{Name: c.name}
		c.run(bounded, &r)
		if r.Status == Failed {
			r.Summary = ""
		}
		done <- r
	}()
	select {
	case r := <-done:
		return r
	case <-bounded.Done():
	}
	// Its own words are better, if it has any: it was woken by the same context.
	select {
	case r := <-done:
		if ctx.Err() == nil {
			return r
		}
	case <-time.After(lastWords):
	}
	r := Result{Name: c.name}
	if ctx.Err() != nil {
		r.skip("interrupted")
		return r
	}
	r.fail(fmt.Sprintf("no answer within %v", c.limit), "run the check again; if it stays so, look at the network "+
		"between "+
		"this machine and what the check asks")
	return r
}

// lastWords is how long a check may take to say what it was doing when its time was up.
const lastWords = 2 * time.Second
