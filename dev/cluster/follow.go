package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"

	"stemflow"
	"stemflow/dev/internal/proving"
	"stemflow/internal/devtools"
	"stemflow/kiesim"
)

// answer is what stemflow's command line prints with --json, as far as it matters here.
type answer struct {
	stemflow.SeparateStemsResult
	Error *failed `json:"error"`
}

// failed is why a command of the command line did not do what it was to do.
type failed struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

func (f *failed) Error() string { return f.Type + ": " + f.Message }

// stemflow runs stemflow's command line.
func (p *proof) stemflow(ctx context.Context, args ...string) (answer, error) {
	var a answer
	out, err := p.stemflowOutput(ctx, args...)
	if decodeErr := json.Unmarshal(out, &a); decodeErr != nil {
		if err == nil {
			err = decodeErr
		}
		return a, err
	}
	return a, nil
}

func (p *proof) stemflowOutput(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.Command(p.path("starter"), args...)
	cmd.Env = p.environment()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := devtools.Run(ctx, cmd); err != nil {
		return stdout.Bytes(), fmt.Errorf("stemflow %s: %w\n%s", args[0], err, stderr.Bytes())
	}
	return stdout.Bytes(), nil
}

// mostRemedies is how often something is done about a track before it is given up.
const mostRemedies = 6

// follow does what docs/operations.md says about runs that failed, until the track is archived.
func (p *proof) follow(ctx context.Context, t *track) error {
	for range mostRemedies {
		if t.archived {
			return nil
		}
		var bill kiesim.Bill
		if err := proving.Eventually(ctx, "the provider's log is read", func(ctx context.Context) error {
			var err error
			bill, err = p.bill(ctx)
			return err
		}); err != nil {
			return err
		}
		r := remedyFor(t.ends, chargeOf(bill, t.in.AudioID))
		args := append(r.command, "--task-id", t.in.TaskID, "--audio-id", t.in.AudioID, "--type", string(kind),
			"--deadline", t.in.Deadline.String(), "--wait", "--json")
		a, err := p.stemflow(ctx, args...)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			t.end("%s: %v", r.name, err)
		case a.Error != nil:
			t.end("%s: %s", r.name, a.Error.Type)
		default:
			t.end("%s: archived", r.name)
			t.archived = true
		}
	}
	return nil // judge finds it
}

// remedy is what an operator does about a run that failed.
type remedy struct {
	name    string
	command []string
}

// What operators do, in the order of what it may cost.
const (
	startedAgain = "started again"
	resumed      = "resumed"
	forced       = "forced"
)

// remedyFor is what is to be done about a track, from how its runs ended and what the provider's
// log has of it. A submit whose outcome is unknown is started again first, which costs nothing; if
// it ends so again, the provider's log decides.
func remedyFor(ends []string, charge *kiesim.Charge) remedy {
	unknown := 0
	for _, end := range ends {
		if typeOf(end) == stemflow.ErrorSubmissionUnknown {
			unknown++
		}
	}
	last := len(ends) > 0 && typeOf(ends[len(ends)-1]) == stemflow.ErrorSubmissionUnknown
	switch {
	case !last || unknown < 2:
		return remedy{startedAgain, []string{"start"}}
	case charge != nil:
		return remedy{resumed, []string{"resume", "--separation-task-id", charge.TaskID}}
	default:
		return remedy{forced, []string{"start", "--force"}}
	}
}

// typeOf is the error type of an end.
func typeOf(end string) string {
	for _, name := range []string{startedAgain, resumed, forced} {
		if rest, found := strings.CutPrefix(end, name+": "); found {
			return rest
		}
	}
	return end
}

// chargeOf is the first charge for a track, or nil.
func chargeOf(bill kiesim.Bill, audioID string) *kiesim.Charge {
	for i := range bill.Charges {
		if bill.Charges[i].AudioID == audioID {
			return &bill.Charges[i]
		}
	}
	return nil
}
