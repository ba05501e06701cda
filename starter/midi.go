package main

import (
	"context"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/starter/internal/view"
)

func init() { register(groupArchive, newMIDICommand) }

func newMIDICommand(c *cli) *cobra.Command {
	cmd := c.newCommand("midi", "transcribe what is archived of a track to MIDI, which costs nothing", `
The provider transcribes all stems of the separation in one, or with --stem one by itself, in which it
hears more. The notes are archived beside the stems, as a Standard MIDI File and as JSON; "get --midi"
downloads them. MIDI that is archived is not made again; --force does so. Nothing that was heard is a
result, too.

--wait waits for the notes. Interrupting it leaves the transcription running.`,
		"midi 5c79...be8e e231...c7dc split_stem --wait",
		"midi 5c79...be8e e231...c7dc split_stem --stem bass --wait")
	o := &midiOptions{}
	c.trackFlags(cmd, &o.track)
	archiveFlags(cmd, &o.track, "the worker's")
	set := cmd.Flags()
	set.StringVar(&o.in.Stem, "stem", "", "`NAME` of the archived stem to transcribe by itself (default: all in one)")
	set.StringVar(&o.in.SeparationTaskID, "separation-task-id", "",
		"`ID` of the separation that must be archived (default: whichever is)")
	set.Var((*durationFlag)(&o.in.CallbackGrace), "callback-grace",
		"`DURATION` for which the callback alone is waited for before polling begins (default 3m)")
	set.Var((*durationFlag)(&o.in.PollInterval), "poll-interval", "`DURATION` between two polls (default 30s)")
	set.Var((*durationFlag)(&o.in.Deadline), "deadline", "`DURATION` that the provider may take (default 45m)")
	set.BoolVar(&o.in.Force, "force", false, "ask the provider again, even if the MIDI is archived")
	set.BoolVar(&o.wait, "wait", false, "wait until the MIDI is archived")
	complete(cmd, "stem", knownStems()...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.midi(cmd.Context(), *o) }
	return cmd
}

// midiOptions are the flags of midi.
type midiOptions struct {
	track stemflow.SeparateStemsInput
	in    stemflow.GenerateMIDIInput
	wait  bool
}

// input is the input as the flags say it.
func (o midiOptions) input() stemflow.GenerateMIDIInput {
	in, track := o.in, o.track
	in.TaskID, in.AudioID, in.Type, in.StemName = track.TaskID, track.AudioID, track.Type, track.StemName
	in.Bucket, in.Prefix = track.Bucket, track.Prefix
	return in
}

func (c *cli) midi(ctx context.Context, o midiOptions) error {
	in := o.input()
	return startTask(ctx, c, startedTask[stemflow.GenerateMIDIResult]{
		id: stemflow.MIDIWorkflowID(in), workflow: stemflow.WorkflowGenerateMIDI, input: in,
		summary: "MIDI of " + view.Title(o.track), what: "MIDI of " + view.Title(o.track), noun: "transcription",
		wait: o.wait,
		show: func(r *stemflow.GenerateMIDIResult) { view.MIDI(c.forPeople(), in, r, c.room(view.DefaultRoom)) },
	})
}
