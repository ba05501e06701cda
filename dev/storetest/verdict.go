package main

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// check is one thing that stemflow relies on.
type check struct {
	name string
	run  func(context.Context, *suite) result
	// consequence says what a store that fails does to stemflow.
	consequence string
	// without is what stemflow has to do without then; empty makes the store unfit.
	without string
}

// result is what a check found. The zero value passes.
type result struct {
	state state
	// text says what was seen: how much was tried, or what is wrong.
	text string
}

type state int

const (
	passed state = iota
	failed
	skipped
)

func (s state) String() string { return [...]string{"ok", "fails", "skipped"}[s] }

func pass(format string, args ...any) result { return result{passed, fmt.Sprintf(format, args...)} }

func fail(format string, args ...any) result { return result{failed, fmt.Sprintf(format, args...)} }

func skip(format string, args ...any) result { return result{skipped, fmt.Sprintf(format, args...)} }

// unprepared is for a check whose own subject was not reached.
func unprepared(err error) result { return skip("what it needs could not be written: %v", err) }

// verdict is about the store as a whole.
type verdict struct {
	// unfit are the reasons why it cannot be used, without what it cannot be used for, undecided
	// what would be a reason and could not be tested, and untested what else nothing is known of.
	unfit, without, undecided, untested []string
}

func (v verdict) String() string {
	var text string
	switch {
	case len(v.unfit) > 0:
		text = "unfit: " + strings.Join(v.unfit, "; ")
	case len(v.undecided) > 0:
		text = "undecided: " + strings.Join(v.undecided, "; ")
	case len(v.without) > 0:
		text = "fit without " + strings.Join(v.without, ", without ")
	default:
		text = "fit"
	}
	if len(v.untested) > 0 {
		text += " (not tested: " + strings.Join(v.untested, ", ") + ")"
	}
	return "verdict: " + text
}

func (v verdict) exitCode() int {
	switch {
	case len(v.unfit) > 0:
		return 1
	case len(v.undecided) > 0:
		return exitUntested
	case len(v.without) > 0:
		return 3
	default:
		return 0
	}
}

// run runs all checks, whatever the first ones find: the reader wants to know all that is missing.
func (s *suite) run(ctx context.Context, out io.Writer, checks []check) (v verdict) {
	for _, c := range checks {
		if ctx.Err() != nil {
			return v
		}
		r := c.run(ctx, s)
		fmt.Fprintf(out, "%-8s %s: %s\n", r.state, c.name, r.text)
		switch {
		case r.state == passed:
		case r.state == skipped && c.without == "":
			v.undecided = append(v.undecided, c.name)
		case r.state == skipped:
			v.untested = append(v.untested, c.name)
		case c.without == "":
			v.unfit = append(v.unfit, c.name)
		default:
			v.without = append(v.without, c.without)
		}
		if r.state == failed {
			fmt.Fprintf(out, "%8s so %s\n", "", c.consequence)
		}
	}
	return v
}

// checks are all of them, in the order in which they are printed.
var checks = []check{
	{
		"the test before a payment", proof,
		"no track is paid for: every run ends with ArchiveUnavailable before it pays", "",
	},
	{
		"conditional writes are atomic", conditionalWrites,
		"two runs may pay for the same track, even where the test before a payment passes", "",
	},
	{
		"damaged uploads are refused", damagedUploads,
		"a stem that was damaged on its way is archived as if it were whole", "",
	},
	{
		"uploads are kept as they were sent", uploads,
		"stems cannot be archived", "",
	},
	{
		"uploads that fail leave nothing", failedUploads,
		"what a worker leaves behind when it is interrupted fills the store", "clean failed uploads",
	},
	{
		"damage is noticed when objects are read", damagedReads,
		"only \"stemflow verify\" notices damage between the store and its reader, by the manifest",
		"checked reads",
	},
	{
		"reading goes on where it broke off", ranges,
		"downloads and long lists of tracks cannot go on after a break", "",
	},
	{
		"lists are complete and in order", lists,
		"verify, watch and the lists of the starter miss tracks", "",
	},
	{
		"links", links,
		"do not hand out links: \"show --links\", listen and manifests with links", "links",
	},
	{
		"pages may read links (CORS)", crossOrigin,
		"published pages of listen play nothing until the store allows their origin", "published pages",
	},
	{
		"few rights are enough, and no more than few", rights,
		"whoever has the worker's key can also destroy the archive", "restricted rights",
	},
}
