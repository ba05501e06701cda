package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"stemflow"
)

func TestRemixGetsTheStemsOfItsTrack(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflowWithOptions(
		func(workflow.Context, stemflow.SeparateStemsInput) (*stemflow.SeparateStemsResult, error) {
			return nil, nil
		},
		workflow.RegisterOptions{Name: stemflow.WorkflowSeparateStems})
	in := stemflow.SeparateStemsInput{TaskID: "task", AudioID: "audio", Type: stemflow.SplitStem}
	stems := []stemflow.Stem{{Name: "vocals"}, {Name: "drums"}}
	env.OnWorkflow(stemflow.WorkflowSeparateStems, mock.Anything, in).
		Return(&stemflow.SeparateStemsResult{Stems: stems}, nil).Once()

	env.ExecuteWorkflow(Remix, in.TaskID, in.AudioID)
	var got []stemflow.Stem
	require.NoError(t, env.GetWorkflowResult(&got))
	require.Equal(t, stems, got)
	env.AssertExpectations(t)
}

// The Go code in the README compiles and works because it is this program's.
func TestReadmeShowsThisProgram(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?ms)^```go\n(.*?)^```").FindAllStringSubmatch(string(readme), -1)
	require.Len(t, blocks, 2, "the caller and the host")
	for _, block := range blocks {
		require.Contains(t, string(program), block[1])
	}
}
