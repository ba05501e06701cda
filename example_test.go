package stemflow_test

import (
	"encoding/json"
	"fmt"
	"log/slog"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"stemflow"
)

// Two starts of one track under this id, with the conflict policy "use existing", join one run.
func ExampleWorkflowID() {
	in := stemflow.SeparateStemsInput{
		TaskID: "5c79be8e", AudioID: "e231c7dc", Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal",
	}
	fmt.Println(stemflow.WorkflowID(in))
	// Output: stems:split_stem_advanced:5c79be8e:e231c7dc:lead_vocal
}

// A pipeline separates a track in a child workflow. The child runs wherever a worker hosts
// stemflow.
func ExampleSeparateStemsInput() {
	pipeline := func(ctx workflow.Context, taskID, audioID string) ([]string, error) {
		in := stemflow.SeparateStemsInput{TaskID: taskID, AudioID: audioID, Type: stemflow.SeparateVocal}
		ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: stemflow.WorkflowID(in), TaskQueue: stemflow.TaskQueue,
		})
		var result stemflow.SeparateStemsResult
		if err := workflow.ExecuteChildWorkflow(ctx, stemflow.WorkflowSeparateStems, in).Get(ctx, &result); err != nil {
			return nil, err
		}
		var keys []string
		for _, stem := range result.Stems {
			keys = append(keys, stem.Key)
		}
		return keys, nil
	}

	// A test of the pipeline replaces the child.
	separate := func(_ workflow.Context, in stemflow.SeparateStemsInput) (*stemflow.SeparateStemsResult, error) {
		return &stemflow.SeparateStemsResult{
			Stems: []stemflow.Stem{{Name: "vocals", Key: in.AudioID + "/vocals.mp3"}},
		}, nil
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflowWithOptions(separate, workflow.RegisterOptions{Name: stemflow.WorkflowSeparateStems})
	env.ExecuteWorkflow(pipeline, "5c79be8e", "e231c7dc")

	var keys []string
	err := env.GetWorkflowResult(&keys)
	fmt.Println(keys, err)
	// Output: [e231c7dc/vocals.mp3] <nil>
}

// Decoding never fails. Validate reports all that is wrong, with the names that the JSON has.
func ExampleSeparateStemsInput_Validate() {
	var in stemflow.SeparateStemsInput
	_ = json.Unmarshal([]byte(`{"taskId": "5c79be8e", "audioId": "e231c7dc", "deadline": "15d"}`), &in)
	fmt.Println(in.Validate() != nil)

	_ = json.Unmarshal([]byte(`{"taskId": "5c79be8e", "audioId": "e231c7dc", "deadline": "2h"}`), &in)
	fmt.Println(in.Validate())
	// Output:
	// true
	// <nil>
}
