// Command quickstart is an example: the smallest worker that hosts stemflow beside a workflow of
// its own. The README shows parts of this file.
package main

import (
	"log"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"stemflow"
	"stemflow/plugin"
)

// Remix is your workflow: it has a track separated and goes on with the stems.
func Remix(ctx workflow.Context, taskID, audioID string) ([]stemflow.Stem, error) {
	in := stemflow.SeparateStemsInput{TaskID: taskID, AudioID: audioID, Type: stemflow.SplitStem}
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: stemflow.WorkflowID(in),
	})
	var result stemflow.SeparateStemsResult
	err := workflow.ExecuteChildWorkflow(ctx, stemflow.WorkflowSeparateStems, in).Get(ctx, &result)
	return result.Stems, err
}

func main() {
	c, err := client.Dial(envconfig.MustLoadDefaultClientOptions())
	check(err)
	config, err := plugin.FromEnv(c)
	check(err)
	stems, err := plugin.New(config)
	check(err)
	w := worker.New(c, "media", worker.Options{Plugins: []worker.Plugin{stems}})
	w.RegisterWorkflow(Remix)
	check(w.Run(worker.InterruptCh()))
	check(stems.Err())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
