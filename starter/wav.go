package main

import (
	"context"

	"github.com/spf13/cobra"

	"stemflow"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/view"
)

func init() { register(groupSeparations, newWAVCommand) }

func newWAVCommand(c *cli) *cobra.Command {
	cmd := c.newCommand("wav", "convert a track of the provider's to WAV, and archive the file", `
The provider converts the track for 0.4 credits, once: a WAV that is archived or paid for is not paid
for again. It converts music that it has made, no stems and no songs of your own. "get TASK_ID
AUDIO_ID wav" downloads the file.

--wait waits for the file. Interrupting it leaves the conversion running.`,
		"wav 5c79...be8e e231...c7dc --wait")
	o := &wavOptions{}
	cmd.Use += " [TASK_ID AUDIO_ID]"
	ids := trackArgs[:2]
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if named := argsOf(args); named[0].flag == songArgs[0].flag {
			return failure.Usage(nameOf(cmd), "%q is a song of your own, and the provider converts only music that it "+
				"has made: give TASK_ID and AUDIO_ID", args[0])
		}
		if len(args) > len(ids) {
			return failure.Usage(nameOf(cmd), "%q is one argument too many: wav takes TASK_ID and AUDIO_ID, of music "+
				"that the provider has made", args[len(ids)])
		}
		return setByArgs(cmd, args, ids)
	}
	set := cmd.Flags()
	set.StringVar(&o.in.TaskID, "task-id", "", "`ID` of the provider's music task that made the track")
	set.StringVar(&o.in.AudioID, "audio-id", "", "`ID` of the track")
	set.StringVar(&o.in.Title, "title", "", "`TEXT` that people call the track")
	set.StringVar(&o.in.WAVTaskID, "wav-task-id", "", "`ID` of a conversion already paid for: it is taken up, unpaid")
	set.StringVar(&o.in.Bucket, "bucket", "", "`BUCKET` to archive to (default: the worker's)")
	set.StringVar(&o.in.Prefix, "prefix", "", "`PREFIX` to archive under (default: the worker's)")
	set.Var((*durationFlag)(&o.in.CallbackGrace), "callback-grace",
		"`DURATION` for which the callback alone is waited for before polling begins (default 3m)")
	set.Var((*durationFlag)(&o.in.PollInterval), "poll-interval", "`DURATION` between two polls (default 30s)")
	set.Var((*durationFlag)(&o.in.Deadline), "deadline", "`DURATION` that the provider may take (default 45m)")
	set.BoolVar(&o.in.Force, "force", false, "ask for another conversion, even if one is archived or paid for")
	set.BoolVar(&o.wait, "wait", false, "wait until the WAV is archived")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.wav(cmd.Context(), *o) }
	return cmd
}

// wavOptions are the arguments and flags of wav.
type wavOptions struct {
	in   stemflow.ConvertToWAVInput
	wait bool
}

func (c *cli) wav(ctx context.Context, o wavOptions) error {
	return startTask(ctx, c, startedTask[stemflow.ConvertToWAVResult]{
		id: stemflow.WAVWorkflowID(o.in), workflow: stemflow.WorkflowConvertToWAV, input: o.in,
		summary: view.Title(o.in.Task()), what: "WAV of " + view.Printable(o.in.AudioID), noun: "conversion",
		wait: o.wait, show: func(r *stemflow.ConvertToWAVResult) { view.WAV(c.forPeople(), o.in, r) },
	})
}
