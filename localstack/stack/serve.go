package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"

	"stemflow"
)

// allUp is the last line, once everything runs.
const allUp = "Ctrl-C stops all of it."

// serve says how to use the stack, and keeps it up until the context ends.
func (s *stack) serve(ctx context.Context) error {
	first, second, third := newTrack(), newTrack(), newTrack()
	whichIDs := "here any will do"
	if s.provider != nil {
		whichIDs = "put your own in place of these"
	}
	fmt.Printf(
		`
Start a separation. The ids are those of a song and of its track at the provider; %s.

  With the starter, which shows the progress, and afterwards what is archived, and plays it in a browser:
    export %s
    go run ./starter start --task-id %s --audio-id %s --type %s --wait
    go run ./starter show --task-id %[3]s --audio-id %[4]s --type %[5]s
    go run ./starter listen --task-id %[3]s --audio-id %[4]s --type %[5]s --publish

  With the Temporal CLI:
    %s workflow start --address %s --type %s --task-queue %s \
      --workflow-id %s --id-conflict-policy UseExisting \
      --input '%s'

  In Temporal's UI, where this link fills in all of the form except its input:
    %s
    %s
`,
		whichIDs,
		strings.Join(s.servers()[1:], " "), // without the file that only programs need
		first.TaskID,
		first.AudioID,
		first.Type,
		temporalCLI(),
		s.temporal,
		stemflow.WorkflowSeparateStems,
		stemflow.TaskQueue,
		stemflow.WorkflowID(second),
		asJSON(second),
		s.startFormURL(third),
		asJSON(third),
	)
	if s.provider == nil { // the examples make up their tracks
		fmt.Printf(`
  From a workflow of your own, as the examples do; the file configures this shell for all of the above, too:
    . %s
    go run ./examples/pipeline
`, short(s.environmentFile()))
	}
	fmt.Printf("\n%s\n", allUp)
	<-ctx.Done()
	return nil // this is how it ends when all is well
}

// temporalCLI is how the Temporal CLI is called on this machine: the dev server brings it.
func temporalCLI() string {
	if _, err := exec.LookPath("temporal"); err == nil {
		return "temporal"
	}
	return "go -C tools tool temporal"
}

func asJSON(in stemflow.SeparateStemsInput) string {
	text, err := json.Marshal(struct {
		TaskID  string                  `json:"taskId"`
		AudioID string                  `json:"audioId"`
		Type    stemflow.SeparationType `json:"type"`
	}{in.TaskID, in.AudioID, in.Type})
	if err != nil {
		panic(err) // three strings
	}
	return string(text)
}
