package ledger

import (
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"stemflow"
)

var wide = flag.Bool("wide", false,
	"model-check the ledger within wider bounds, which takes minutes and two gigabytes")

// violationMark is before what the model finds wrong.
const violationMark = "violation: "

var (
	plain  = kind{}
	forced = kind{force: true}

	// of another kind of task of the same music.
	plainWAV  = kind{wav: true}
	forcedWAV = kind{wav: true, force: true}
)

// resetOf is a reset of the run with an index.
func resetOf(run int) kind { return kind{resets: run + 1} }

// full are bounds in which everything may happen.
func full(faults int, runs ...kind) bounds {
	return bounds{runs: runs, attempts: 2, executions: 2, faults: faults, failures: true, late: true}
}

// once is without a second execution of an attempt.
func once(b bounds) bounds {
	b.executions = 1
	return b
}

func stepwise(b bounds) bounds {
	b.stepwise = true
	return b
}

// beginnings find most of what can be wrong, within a moment.
func beginnings() []bounds {
	return append([]bounds{
		full(0, plain),
		full(0, forced, plain),
		full(1, plain, resetOf(0)),
		full(1, plain, plain),
		full(1, plain, forced),
		full(3, plain),
		full(1, plain, plainWAV),
	}, legacies()...)
}

// mutantSearches are what finds a mutant.
func mutantSearches() []bounds {
	return append(beginnings(), full(2, plain, resetOf(0)), full(2, plain, forced))
}

// searches are what is exhausted by every test.
func searches() []bounds {
	return append([]bounds{
		once(full(2, plain, forced, resetOf(0))),
		full(3, plain, plain),
		full(3, plain, resetOf(0)),
		full(3, forced, resetOf(0)),
		full(2, plain, forced),
		full(1, plain, forced, resetOf(0)),
		full(1, plain, forced, resetOf(1)),
		full(1, plain, plain, resetOf(0)),
		stepwise(full(2, plain, resetOf(0))),
		stepwise(full(1, plain, plain)),
		stepwise(full(1, plain, forced)),
		once(full(1, plain, plainWAV, forcedWAV)),
		once(full(1, plainWAV, forced, resetOf(0))),
	}, beginnings()...)
}

// wideSearches go further, one thing at a time.
func wideSearches() []bounds {
	return []bounds{
		stepwise(full(2, plain, forced)),
		stepwise(full(2, plain, plain)),
		full(4, plain, resetOf(0)),
		full(3, plain, forced),
		full(2, plain, forced, resetOf(0)),
		full(2, plain, forced, resetOf(1)),
		full(2, plain, plain, resetOf(0)),
		full(2, plain, plain, forced),
	}
}

// legacies begin with what earlier releases left: entries without owner and nonce, here or in
// another folder.
func legacies() []bounds {
	entry := func(run string, state stemflow.SubmissionState) Ledger {
		l := Ledger{Entry: Entry{State: state, RunID: run, Attempt: 1}}
		if state == stemflow.SubmissionPaid {
			l.SeparationTaskID, l.SubmittedAt = legacySeparation, submittedAt
		}
		return l
	}
	unnamed := entry("L", stemflow.SubmissionPaid)
	unnamed.SeparationTaskID = ""
	refused := entry("M", stemflow.SubmissionRefused)
	intended, paid := entry("L", stemflow.SubmissionIntended), entry("L", stemflow.SubmissionPaid)
	own := entry("A", stemflow.SubmissionIntended)

	var all []bounds
	add := func(b bounds, run string, billed bool, before, elsewhere Ledger) {
		b.legacyRun, b.legacyBill, b.legacy = run, billed, elsewhere
		b.before = []Ledger{before}
		all = append(all, b)
	}
	for _, billed := range []bool{true, false} {
		add(full(1, plain, forced), "L", billed, intended, Ledger{})
		add(full(1, plain, forced), "L", billed, Ledger{}, intended)
		add(full(1, plain, forced), "L", billed, refused, intended)
		add(full(1, plain, forced), "L", billed, unnamed, Ledger{})
		add(full(1, plain, resetOf(0)), "A", billed, own, Ledger{})
		add(full(1, plain, resetOf(0)), "A", billed, Ledger{}, own)
	}
	for _, before := range []Ledger{{}, refused} {
		add(full(1, plain, forced), "L", true, before, paid)
	}
	add(full(1, plain, forced), "L", true, paid, paid)
	add(full(1, plain, plain), "L", false, Ledger{}, entry("L", stemflow.SubmissionRefused))
	lost := full(1, forced)
	lost.legacyRun, lost.legacyBill, lost.forgotten = "L", true, true
	return append(all, lost)
}

// TestModel explores every interleaving within the bounds, with the production code as the
// transition function.
func TestModel(t *testing.T) {
	all := searches()
	switch {
	case os.Getenv(mutantVariable) != "":
		for _, b := range mutantSearches() {
			if _, v := explore(b); v != nil {
				t.Fatal(violationMark, v)
			}
		}
		return
	case raceDetector:
		modelWithoutRaceDetector(t)
		return
	case *wide:
		all = wideSearches()
	case testing.Short():
		all = beginnings()
	}
	for _, b := range all {
		t.Run(b.String(), func(t *testing.T) {
			if !*wide {
				t.Parallel() // wide searches need the memory for themselves
			}
			begun := time.Now()
			states, v := explore(b)
			t.Logf("%d states in %v", states, time.Since(begun).Round(time.Millisecond))
			if v != nil {
				t.Error(violationMark, v)
			}
		})
	}
}

// modelWithoutRaceDetector runs the model in a process of its own. It has one goroutine a search,
// and the race detector makes it ten times slower.
func modelWithoutRaceDetector(t *testing.T) {
	args := []string{"test", "-race=false", "-v", "-run=^TestModel$", "-timeout=0"}
	if testing.Short() {
		args = append(args, "-short")
	}
	args = append(args, ".")
	if *wide {
		args = append(args, "-wide")
	}
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("go %s: %v", strings.Join(args, " "), err)
	}
}
