package integration

import (
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/devservers"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/devtools"
	"stemflow/kiesim"
)

// buildWorker builds the worker's program.
func buildWorker(t testing.TB) string {
	t.Helper()
	return build(t, "../worker")
}

// startProgram starts the worker's program as it would run in production, configured by its
// environment alone.
func (s *stack) startProgram(program string, more ...string) *devservers.Process {
	s.t.Helper()
	p, err := devservers.Start(s.t.Context(), s.workerCommand(program, more...))
	require.NoError(s.t, err)
	s.t.Cleanup(p.Kill)
	return p
}

func (s *stack) workerCommand(program string, more ...string) devservers.Command {
	return devservers.Command{
		Name: "worker", Path: program,
		Env: devtools.Environment(ourVariables, append([]string{
			"TEMPORAL_ADDRESS=" + s.server,
			"KIE_API_KEY=" + apiKey, "KIE_BASE_URL=" + s.cfg.BaseURL,
			"STEMFLOW_CALLBACK_BASE_URL=" + s.cfg.CallbackBaseURL, "STEMFLOW_CALLBACK_SECRETS=" + callbackSecret,
			"MINIO_ENDPOINT=" + s.cfg.MinIO.Endpoint, "MINIO_ACCESS_KEY=" + s.cfg.MinIO.AccessKey, "MINIO_SECRET_KEY=" + s.cfg.MinIO.SecretKey,
			"STEMFLOW_BUCKET=" + s.bucket, "STEMFLOW_TASK_QUEUE=" + s.queue, "STEMFLOW_SUBMIT_RATE=100",
			"STEMFLOW_METRICS_ADDR=127.0.0.1:0", "STEMFLOW_LOOKUP_INTERVAL=0",
			"STEMFLOW_SOURCE_HOSTS=127.0.0.1", "STEMFLOW_ALLOW_INSECURE_SOURCES=true",
		}, more...)...),
		Log: s.workerLog, StopWithin: time.Minute,
	}
}

// upload matches the upload of an object by the end of its key.
func upload(name string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == http.MethodPut && path.Base(r.URL.Path) == name }
}

func generate(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/vocal-removal/generate") }

// moment is when a worker is killed.
type moment struct {
	scenario kiesim.Scenario
	// archive and provider stand before the one and the other, where the moment is that of a
	// request.
	archive, provider func(*http.Request) bool
	// paid says that a request counts only once the track is paid for.
	paid bool
	// pass lets the request through; otherwise nobody ever sees it.
	pass bool
	// reached announces the moment, where it is not that of a request.
	reached func(*stack, stemflow.SeparateStemsInput, client.WorkflowRun) bool
	// held keeps the answer to the submit back: nobody ever sees it.
	held bool
	// never says that the provider never saw the submit.
	never bool
}

func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	program := buildWorker(t)
	for name, m := range map[string]moment{
		"before the intent is durable":      {archive: upload("submission.json")},
		"after the intent, before the call": {provider: generate, never: true},
		"between acceptance and answer": {
			held: true,
			reached: func(s *stack, in stemflow.SeparateStemsInput, _ client.WorkflowRun) bool {
				return s.billed(in) == 1
			},
		},
		"between answer and record": {archive: upload("submission.json"), paid: true},
		"while it waits": {
			scenario: kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}},
			reached: func(s *stack, _ stemflow.SeparateStemsInput, run client.WorkflowRun) bool {
				return s.memo(run) != ""
			},
		},
		"in the middle of an upload": {
			scenario: kiesim.Scenario{Files: slowFiles()}, archive: upload("vocals.mp3"), pass: true,
		},
		"before the manifest": {archive: upload("manifest.json")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m.run(t, program)
		})
	}
}

func (m moment) run(t *testing.T, program string) {
	s := newStack(t) // its own worker makes the undisturbed manifest
	undisturbed := track(stemflow.SplitStem)
	s.result(s.start(undisturbed))

	s.queue += "-killed"
	in := track(stemflow.SplitStem)
	s.sim.SetScenario(in.AudioID, m.scenario)
	if m.never {
		in.Deadline = stemflow.Duration(20 * time.Second)
	}
	if m.held {
		s.holdAnswer(in)
	}
	var moment <-chan struct{}
	if m.archive != nil {
		match := func(r *http.Request) bool { return m.archive(r) && (!m.paid || s.billed(in) == 1) }
		g := newGate(t, "http://"+s.cfg.MinIO.Endpoint, !m.pass, 1, match)
		s.cfg.MinIO.Endpoint, moment = g.addr, g.reached
	}
	if m.provider != nil {
		g := newGate(t, s.cfg.BaseURL, !m.pass, 1, m.provider)
		s.cfg.BaseURL, moment = "http://"+g.addr, g.reached
	}
	worker := s.startProgram(program)
	run := s.start(in)
	const what = "the worker can be killed at its moment"
	if m.reached != nil {
		s.await(what, func() bool { return m.reached(s, in, run) })
	} else { // some pass quickly
		select {
		case <-moment:
		case <-time.After(patience):
			require.FailNow(t, "waited in vain until "+what)
		}
	}
	worker.Kill()
	_, ok := s.manifest(in)
	require.False(t, ok, "it was killed in time")
	s.startProgram(program)

	if m.never {
		kind, message, _ := s.failure(run)
		require.Equal(t, stemflow.ErrorSubmissionUnknown, kind, message)
		require.Zero(t, s.billed(in))
		require.Equal(t, stemflow.SubmissionIntended, s.ledger(in).State)
		return
	}
	if m.scenario.Outcome.Pending {
		s.settle(in)
	}
	result := s.result(run)
	require.Equal(t, 1, s.billed(in))
	s.requireArchived(in, result)
	require.Equal(t, s.comparable(undisturbed), s.comparable(in))
}

// A worker that is told to stop finishes the submit that it has begun, since the answer is worth
// money.
func TestWorkerStoppedDuringTheSubmit(t *testing.T) {
	t.Parallel()
	s := newStackAt(t, serverstest.Temporal(t).Addr)
	program := buildWorker(t)
	in := track(stemflow.SeparateVocal)
	release := s.holdAnswer(in)
	worker := s.startProgram(program)
	run := s.start(in)
	s.await("the submit is under way", func() bool { return s.billed(in) == 1 })
	require.Equal(t, stemflow.SubmissionIntended, s.ledger(in).State)
	time.AfterFunc(2*time.Second, release) // when it has been told to stop
	worker.Stop()
	require.Equal(t, stemflow.SubmissionPaid, s.ledger(in).State)
	s.startProgram(program)
	s.requireArchived(in, s.result(run))
	require.Equal(t, 1, s.billed(in))
}

// comparable is a track's manifest without its times and ids.
func (s *stack) comparable(in stemflow.SeparateStemsInput) stemflow.Manifest {
	s.t.Helper()
	manifest, ok := s.manifest(in)
	require.True(s.t, ok)
	require.False(s.t, manifest.SubmittedAt.IsZero())
	manifest.SubmittedAt, manifest.SettledAt, manifest.ArchivedAt = time.Time{}, time.Time{}, time.Time{}
	require.False(s.t, manifest.Provider.CreatedAt.IsZero())
	require.False(s.t, manifest.Provider.CompletedAt.IsZero())
	manifest.Provider.CreatedAt, manifest.Provider.CompletedAt = time.Time{}, time.Time{}
	for i := range manifest.Stems {
		stem := &manifest.Stems[i]
		require.NotEmpty(s.t, stem.SourceID)
		stem.Key = strings.TrimPrefix(stem.Key, s.location(in).Dir+manifest.SeparationTaskID)
		stem.SourceID = ""
	}
	manifest.Manifest.Key = strings.TrimPrefix(manifest.Manifest.Key, s.location(in).Dir)
	manifest.SeparationTaskID, manifest.Source = "", stemflow.ManifestSource{}
	return manifest
}
