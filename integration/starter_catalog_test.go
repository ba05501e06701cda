package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/devtools"
	"stemflow/kiesim"
)

// ran is what a command line of the starter came to.
type ran struct {
	code           int
	stdout, stderr string
}

// starterCommand is a command line of the starter's program.
func (s *stack) starterCommand(args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), build(s.t, "../starter"), args...)
	cmd.Env = devtools.Environment(
		ourVariables,
		"TEMPORAL_ADDRESS="+s.server,
		"STEMFLOW_TASK_QUEUE="+s.queue,
		"STEMFLOW_BUCKET="+s.bucket,
		"MINIO_ENDPOINT="+s.cfg.MinIO.Endpoint,
		"MINIO_ACCESS_KEY="+s.cfg.MinIO.AccessKey,
		"MINIO_SECRET_KEY="+s.cfg.MinIO.SecretKey,
	)
	return cmd
}

// starter runs the starter's program.
func (s *stack) starter(args ...string) ran {
	s.t.Helper()
	return runStarter(s.t, s.starterCommand(args...))
}

func runStarter(t testing.TB, cmd *exec.Cmd) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return ran{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// printed is the one JSON document that a command has printed.
func printed[T any](s *stack, r ran) T {
	s.t.Helper()
	require.Zero(s.t, r.code, r.stdout+r.stderr)
	require.Empty(s.t, r.stderr)
	var v T
	require.NoError(s.t, json.Unmarshal([]byte(r.stdout), &v), r.stdout)
	return v
}

// listFile writes a list of new tracks to a file.
func (s *stack) listFile(n int, scenario kiesim.Scenario) (path, name string, tracks []stemflow.SeparateStemsInput) {
	s.t.Helper()
	var list strings.Builder
	for range n {
		in := track(stemflow.SeparateVocal)
		s.sim.SetScenario(in.AudioID, scenario)
		tracks = append(tracks, in)
		line, err := json.Marshal(map[string]string{"taskId": in.TaskID, "audioId": in.AudioID})
		require.NoError(s.t, err)
		list.Write(append(line, '\n'))
	}
	name = "list-" + newID()
	path = filepath.Join(s.t.TempDir(), name+".jsonl")
	require.NoError(s.t, os.WriteFile(path, []byte(list.String()), 0o600))
	return path, name, tracks
}

func TestTheStarterSteersACatalog(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	path, name, tracks := s.listFile(6, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	started := printed[map[string]any](s, s.starter("catalog", "--file", path, "--window", "1", "--yes", "--json"))
	require.Equal(t, "catalog:"+name, started["workflowId"])

	s.await("a track is under way", func() bool { return len(s.sim.Bill().Charges) == 1 })
	progress := printed[stemflow.CatalogProgress](s, s.starter("catalog", "pause", "--name", name, "--json"))
	require.Equal(t, stemflow.PauseRequested, progress.Paused.Reason)
	progress = printed[stemflow.CatalogProgress](
		s,
		s.starter("catalog", "window", "--file", path, "--window", "4", "--json"),
	)
	require.Equal(t, 4, progress.Window)
	refused := s.starter("catalog", "--file", path, "--name", name, "--window", "1", "--prefix", "elsewhere", "--yes", "--json")
	require.Equal(t, 2, refused.code)
	require.Contains(t, refused.stdout, `"NameTaken"`, "another list under the same name")

	for _, in := range tracks {
		s.sim.SetScenario(in.AudioID, kiesim.Scenario{})
	}
	s.settle(tracks[0])
	s.await("the track under way has come to its end", func() bool {
		paused := s.starter("catalog", "pause", "--name", name, "--json")
		return printed[stemflow.CatalogProgress](s, paused).Running == 0
	})
	resumed := s.starter("catalog", "resume", "--name", name)
	require.Zero(t, resumed.code, resumed.stderr)
	require.Contains(t, resumed.stdout, "The catalogue goes on.\n  1 of 6 tracks have come to an end")

	watched := s.starter("catalog", "watch", "--name", name)
	require.Zero(t, watched.code, watched.stderr)
	require.Contains(t, watched.stderr, ": separating 6 tracks, 4 at a time\n")
	require.NotContains(t, watched.stdout, "separating", "progress is no result")
	require.Contains(t, watched.stdout, "Catalogue "+name+": 6 tracks in ")
	require.Regexp(
		t,
		`archived +6\n\n  report     s3://`+s.bucket+`/_catalogs/`+name+`/[0-9a-f-]+/report\.csv`,
		watched.stdout,
	)
	require.Len(t, s.sim.Bill().Charges, 6)

	again := printed[stemflow.SeparateCatalogResult](s, s.starter("catalog", "--file", path, "--wait", "--yes", "--json"))
	require.Equal(t, stemflow.CatalogCounts{Found: 6}, again.CatalogCounts)
	require.Len(t, s.sim.Bill().Charges, 6, "it pays only for what is not archived")
	require.Equal(t, 1, s.starter("catalog", "pause", "--name", name).code, "nothing runs any more")
}

func TestTheStarterReportsACatalogThatIsIncomplete(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	path, _, tracks := s.listFile(3, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	s.sim.SetScenario(tracks[1].AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}})
	cmd := s.starterCommand("catalog", "--file", path, "--wait", "--yes")
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &stdout
	pipe, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }).Stop()
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		fmt.Fprintln(&stderr, lines.Text())
		if strings.Contains(
			lines.Text(),
			"failed: line 2, "+tracks[1].AudioID+": SeparationFailed: ",
		) { // it says so at once
			s.settle(tracks[0])
			s.settle(tracks[2])
		}
	}
	require.Error(t, cmd.Wait())
	require.Equal(t, 1, cmd.ProcessState.ExitCode())
	require.Regexp(t, `archived +2\n  failed +1\n`, stdout.String())
	require.Contains(t, stdout.String(), "\n  SeparationFailed\n    line 2, "+tracks[1].AudioID+": ", "what failed stays on screen")
	require.True(t, strings.HasSuffix(stderr.String(), "\nerror: Incomplete: 1 of 3 tracks are not archived, or not wholly: "+
		"the report says why. Starting the catalogue again pays only for what is not archived.\n"), stderr.String())
}

func TestTheStarterCancelsACatalog(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	path, name, _ := s.listFile(3, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	require.Zero(t, s.starter("catalog", "--file", path, "--window", "2", "--yes").code)
	s.await("tracks are paid for", func() bool { return len(s.sim.Bill().Charges) == 2 })
	cancelled := s.starter("catalog", "cancel", "--name", name)
	require.Zero(t, cancelled.code, cancelled.stderr)
	watched := s.starter("catalog", "watch", "--name", name)
	require.Equal(t, 3, watched.code)
	require.Regexp(t, `(?m)^error: Canceled: .*\n$`, watched.stderr)
	require.Regexp(t, `^  cancelled +2\n  not begun +1\n\n  report `, watched.stdout)
}

// A catalogue is priced before anything is paid, its failures are read, and those that can be
// helped are started again, unpaid where they are paid for.
func TestTheStarterPricesReportsAndRetriesACatalog(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	list := "Task ID;audio_id;title;Artist;type\r\n"
	var tracks []stemflow.SeparateStemsInput
	for i := range 4 {
		in := track(stemflow.SeparateVocal)
		tracks = append(tracks, in)
		list += fmt.Sprintf("%s;%s;Song %d;\"Æ; %d\";\r\n", in.TaskID, in.AudioID, i+1, i+1)
	}
	name := "list-" + newID()
	path := filepath.Join(t.TempDir(), name+".csv")
	require.NoError(t, os.WriteFile(path, []byte(list), 0o600))
	s.sim.SetScenario(tracks[1].AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}})

	dryRun := func(args ...string) map[string]any {
		return printed[map[string]any](s, s.starter(append([]string{"catalog", "--file", path, "--dry-run", "--json"}, args...)...))
	}
	price := dryRun()
	require.EqualValues(t, 4, price["toPay"])
	require.EqualValues(t, 40, price["credits"])
	require.EqualValues(t, 0.2, price["dollars"])
	require.Empty(t, s.sim.Bill().Charges, "a look costs nothing")
	unasked := s.starter("catalog", "--file", path)
	require.Equal(t, 2, unasked.code)
	require.Contains(t, unasked.stderr, "--credit-budget CREDITS, or --yes")
	require.Equal(t, 1, s.starter("catalog", "report", name).code, "nothing was started")

	waited := s.starter("catalog", "--file", path, "--credit-budget", "40", "--wait")
	require.Equal(t, 1, waited.code, waited.stderr)
	require.Contains(t, waited.stdout, "\n  SeparationFailed\n    line 3, Song 2: ")
	require.Contains(t, waited.stdout, "    → The details have the provider's code")
	require.Len(t, s.sim.Bill().Charges, 4)
	child, err := s.client.DescribeWorkflow(t.Context(), stemflow.WorkflowID(tracks[2]), "")
	require.NoError(t, err)
	summary, err := child.GetStaticSummary()
	require.NoError(t, err)
	require.Equal(t, "separate_vocal of "+tracks[2].AudioID+", Song 3", summary, "Temporal's UI names the track")

	report := printed[stemflow.CatalogReport](s, s.starter("catalog", "report", name, "--json"))
	require.Equal(t, stemflow.CatalogCounts{Archived: 3, Failed: 1}, report.CatalogCounts)
	require.Len(t, report.Outcomes, 4)
	require.Equal(t, "Song 2", report.Outcomes[1].Title)
	require.Equal(t, map[string]string{"Artist": "Æ; 2"}, report.Outcomes[1].Columns)
	table := s.starter("catalog", "report", "--name", name, "-o", "csv")
	require.Zero(t, table.code, table.stderr)
	require.Contains(t, table.stdout, ",manifest,title,Artist\n")
	require.Contains(t, table.stdout, ",Song 4,Æ; 4\n")
	text := s.starter("catalog", "report", name)
	require.Regexp(t, `(?m)^ +3  Song 2 +failed +10 +SeparationFailed`, text.stdout)

	failures := printed[struct {
		Failures []struct {
			stemflow.TrackOutcome
			Remedy string `json:"remedy"`
		} `json:"failures"`
	}](s, s.starter("catalog", "failures", name, "--json"))
	require.Len(t, failures.Failures, 1)
	require.Contains(t, failures.Failures[0].Remedy, "Starting again pays for another try.")

	require.EqualValues(t, map[string]any{"name": name, "archived": 3.0, "toPay": 1.0}, map[string]any{
		"name": dryRun()["name"], "archived": dryRun()["archived"], "toPay": dryRun()["toPay"],
	})
	refused := s.starter("catalog", "retry", name)
	require.Equal(t, 2, refused.code, "a retry pays no more unasked than a start")
	s.sim.SetScenario(tracks[1].AudioID, kiesim.Scenario{})
	retried := s.starter("catalog", "retry", name, "--credit-budget", "10", "--wait", "--json", "--quiet")
	result := printed[stemflow.SeparateCatalogResult](s, retried)
	require.Equal(t, name+"-retry", result.Name)
	require.Equal(t, stemflow.CatalogCounts{Archived: 1}, result.CatalogCounts)
	require.Len(t, s.sim.Bill().Charges, 5)
	require.EqualValues(t, 4, dryRun()["archived"])
	again := s.starter("catalog", "retry", name) // there is nothing to pay for, and nobody to ask
	require.Zero(t, again.code, again.stderr)
	require.Contains(t, again.stdout, "There is nothing to start again.")
	require.Contains(t, again.stderr, "1 of the failures are archived by now.")
}

// A catalogue that was reset and then terminated has a folder of its own, and not the report of the
// run before.
func TestTheStarterReportsACatalogThatWasReset(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	path, name, tracks := s.listFile(1, kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}})
	require.Equal(t, 1, s.starter("catalog", "--file", path, "--yes", "--wait").code)
	s.sim.SetScenario(tracks[0].AudioID, kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}})
	d, err := s.client.DescribeWorkflow(t.Context(), "catalog:"+name, "")
	require.NoError(t, err)
	run := s.reset(s.client.GetWorkflow(t.Context(), "catalog:"+name, d.WorkflowExecution.RunID), firstTask)
	s.await("the track is under way again", func() bool { return s.catalogProgress(run).Running == 1 })
	require.NoError(t, s.client.TerminateWorkflow(t.Context(), run.GetID(), run.GetRunID(), "the operator's"))
	report := printed[stemflow.CatalogReport](s, s.starter("catalog", "report", name, "--json"))
	require.Empty(t, report.Outcomes)
	require.Zero(t, report.Failed)
}
