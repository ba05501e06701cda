package media

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"stemflow"
)

func stems(names ...string) (stems []stemflow.Stem) {
	for _, name := range names {
		stems = append(stems, stemflow.Stem{Name: name, Key: name + ".mp3"})
	}
	return stems
}

func failure(kind string, details stemflow.ErrorDetails) error {
	return temporal.NewNonRetryableApplicationError("on purpose", kind, nil, details)
}

// run runs the pipeline with a separation that gives these answers, attempt by attempt.
func run(answers ...any) (*testsuite.TestWorkflowEnvironment, *[]stemflow.SeparateStemsInput) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	var asked []stemflow.SeparateStemsInput
	env.RegisterWorkflowWithOptions(
		func(workflow.Context, stemflow.SeparateStemsInput) (*stemflow.SeparateStemsResult, error) {
			return nil, nil
		},
		workflow.RegisterOptions{Name: stemflow.WorkflowSeparateStems},
	)
	env.OnWorkflow(stemflow.WorkflowSeparateStems, mock.Anything, mock.Anything).Return(
		func(_ workflow.Context, in stemflow.SeparateStemsInput) (*stemflow.SeparateStemsResult, error) {
			answer := answers[min(len(asked), len(answers)-1)]
			asked = append(asked, in)
			if err, failed := answer.(error); failed {
				return nil, err
			}
			return &stemflow.SeparateStemsResult{Stems: answer.([]stemflow.Stem)}, nil
		})
	return env, &asked
}

func TestARelease(t *testing.T) {
	env, asked := run(stems("vocals", "drums", "bass"))
	env.ExecuteWorkflow(Karaoke, Track{TaskID: "task", AudioID: "audio"})
	var got Release
	require.NoError(t, env.GetWorkflowResult(&got))
	require.Equal(t, Release{Backing: stems("drums", "bass"), Guide: &stems("vocals")[0]}, got)
	require.Equal(t, stemflow.SplitStem, (*asked)[0].Type)
}

func TestWhatIsStartedAgain(t *testing.T) {
	for kind, c := range map[string]struct {
		mayPay        bool
		attempts      int
		force, failed bool
	}{
		stemflow.ErrorInsufficientCredits: {attempts: 2},
		stemflow.ErrorSeparationTimedOut:  {attempts: 2},
		stemflow.ErrorInvalidInput:        {attempts: 1, failed: true},
		stemflow.ErrorSubmissionUnknown:   {attempts: 1, failed: true, mayPay: true},
		stemflow.ErrorSourceExpired:       {attempts: 2, mayPay: true},
		stemflow.ErrorSeparationFailed:    {attempts: 1, failed: true},
	} {
		t.Run(kind, func(t *testing.T) {
			env, asked := run(failure(kind, stemflow.ErrorDetails{}), stems("vocals", "drums"))
			env.ExecuteWorkflow(Karaoke, Track{TaskID: "task", AudioID: "audio", MayPayAgain: c.mayPay})
			require.Equal(t, c.failed, env.GetWorkflowError() != nil)
			require.Len(t, *asked, c.attempts)
			require.Equal(t, c.force, (*asked)[c.attempts-1].Force)
		})
	}
}

// Nothing is paid for again while waiting may still mend it.
func TestItWaitsBeforeItPaysAgain(t *testing.T) {
	for _, kind := range []string{stemflow.ErrorSourceExpired, stemflow.ErrorNoStems} {
		env, asked := run(failure(kind, stemflow.ErrorDetails{}))
		env.ExecuteWorkflow(Karaoke, Track{TaskID: "task", AudioID: "audio", MayPayAgain: true})
		require.Error(t, env.GetWorkflowError())
		forced := slices.IndexFunc(*asked, func(in stemflow.SeparateStemsInput) bool { return in.Force })
		require.Equal(t, waitsBeforePaying, forced, kind)

		env, asked = run(failure(kind, stemflow.ErrorDetails{}))
		env.ExecuteWorkflow(Karaoke, Track{TaskID: "task", AudioID: "audio"})
		require.Error(t, env.GetWorkflowError())
		require.Len(t, *asked, waitsBeforePaying, "only a new separation would help, and none may be paid for")
	}
}

// A pipeline that may pay for a second separation pays for no third one.
func TestItPaysAgainOnce(t *testing.T) {
	for _, kind := range []string{stemflow.ErrorSeparationFailed, stemflow.ErrorSourceExpired} {
		env, asked := run(failure(kind, stemflow.ErrorDetails{Paid: true}))
		env.ExecuteWorkflow(Karaoke, Track{TaskID: "task", AudioID: "audio", MayPayAgain: true})
		require.Error(t, env.GetWorkflowError())
		forced := 0
		for _, in := range *asked {
			if in.Force {
				forced++
			}
		}
		require.Equal(t, 1, forced, kind)
	}
}

// Attempts that failed for another reason were not in vain for this one.
func TestWaitsAreCountedByThemselves(t *testing.T) {
	away := failure(stemflow.ErrorProviderUnavailable, stemflow.ErrorDetails{})
	noStems := failure(stemflow.ErrorNoStems, stemflow.ErrorDetails{})
	env, asked := run(away, away, away, noStems, stems("vocals", "drums"))
	env.ExecuteWorkflow(Karaoke, Track{TaskID: "task", AudioID: "audio", MayPayAgain: true})
	require.NoError(t, env.GetWorkflowError())
	require.Len(t, *asked, 5)
	require.False(t, (*asked)[4].Force)
}

func TestItGivesUpInTheEnd(t *testing.T) {
	env, asked := run(failure(stemflow.ErrorProviderUnavailable, stemflow.ErrorDetails{}))
	begun := env.Now()
	env.ExecuteWorkflow(Karaoke, Track{TaskID: "task", AudioID: "audio"})
	require.ErrorContains(t, env.GetWorkflowError(), "on purpose")
	require.Len(t, *asked, maxAttempts)
	require.GreaterOrEqual(t, env.Now().Sub(begun), (maxAttempts-1)*time.Hour)
}

func TestAReleaseWithoutItsGuide(t *testing.T) {
	lost := func(name string) error {
		return failure(stemflow.ErrorArchiveIncomplete, stemflow.ErrorDetails{
			Stems: stems("drums"), Failed: []stemflow.FailedStem{{Name: name, Type: stemflow.ErrorSourceNotAudio}},
		})
	}
	env, asked := run(lost("vocals"))
	env.ExecuteWorkflow(Karaoke, Track{TaskID: "task", AudioID: "audio"})
	var got Release
	require.NoError(t, env.GetWorkflowResult(&got))
	require.Equal(t, Release{Backing: stems("drums"), Missing: []string{"vocals (SourceNotAudio)"}}, got)
	require.Equal(t, "backing  s3:///drums.mp3\nmissing  vocals (SourceNotAudio)\n", got.String())
	require.Len(t, *asked, 1)

	env, asked = run(lost("bass"), stems("drums", "bass"))
	env.ExecuteWorkflow(Karaoke, Track{TaskID: "task", AudioID: "audio"})
	require.NoError(t, env.GetWorkflowError())
	require.Len(t, *asked, 2, "a backing without its bass is none")
}

// An error type that is new in the contract wants a decision here.
func TestEveryErrorTypeHasAReaction(t *testing.T) {
	for _, kind := range stemflow.ErrorTypes() {
		require.Contains(t, reactions, kind.Name)
	}
	require.Len(t, reactions, len(stemflow.ErrorTypes()))
}
