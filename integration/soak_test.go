package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/kiesim"
)

var (
	soakSeed   = flag.Uint64("seed", 0, "the seed of BenchmarkSoak's faults; 0 takes the time")
	soakTracks = flag.Int("tracks", 300, "how many tracks BenchmarkSoak separates")
)

// BenchmarkSoak separates some hundreds of tracks at once with random faults at every joint, and reconciles bill, ledgers, manifests
// and objects at the end: nothing paid twice, nothing paid and lost, nothing half-written.
//
//	go test ./integration -run '^$' -bench Soak -benchtime 1x [-seed N] [-tracks N]
func BenchmarkSoak(b *testing.B) {
	seed := *soakSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	b.Logf("seed %d: run with -seed %d for the same faults", seed, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for b.Loop() {
		s := newStack(b)
		runs := map[client.WorkflowRun]stemflow.SeparateStemsInput{}
		for range *soakTracks {
			in := track([]stemflow.SeparationType{stemflow.SeparateVocal, stemflow.SplitStem}[random.IntN(2)])
			in.CallbackGrace, in.PollInterval, in.Deadline = stemflow.Duration(5*time.Second), stemflow.Duration(3*time.Second), stemflow.Duration(90*time.Second)
			s.sim.SetKnobs(in.AudioID, randomFaults(random))
			runs[s.start(in)] = in
		}
		outcomes := map[string]int{}
		for run, in := range runs {
			outcomes[s.reconcile(run, in)]++
		}
		require.Equal(b, *soakTracks, len(runs))
		b.Logf("%d tracks, %d paid: %v", len(runs), len(s.sim.Bill().Charges), outcomes)
		b.ReportMetric(float64(len(runs))/b.Elapsed().Minutes(), "tracks/min")
	}
}

// randomFaults spoils about half of the joints, each in one way.
func randomFaults(random *rand.Rand) kiesim.Knobs {
	pick := func(faults ...func(*kiesim.Knobs)) func(*kiesim.Knobs) {
		if i := random.IntN(2 * len(faults)); i < len(faults) {
			return faults[i]
		}
		return func(*kiesim.Knobs) {}
	}
	submit := func(f kiesim.Fault) func(*kiesim.Knobs) {
		f.Times = 1
		return func(k *kiesim.Knobs) { k.Submit = f }
	}
	files := func(f kiesim.File) func(*kiesim.Knobs) {
		return func(k *kiesim.Knobs) { k.Files = map[string]kiesim.File{"vocals": f} }
	}
	k := kiesim.Knobs{Delay: kiesim.Duration(random.IntN(5000)) * kiesim.Duration(time.Millisecond)}
	pick(
		submit(kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 429}),
		submit(kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 402}),
		submit(kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 500, Accept: true}),
		submit(kiesim.Fault{Answer: kiesim.AnswerCut, Accept: true}),
		submit(kiesim.Fault{Answer: kiesim.AnswerCutGzip, Accept: true}),
		submit(kiesim.Fault{Answer: kiesim.AnswerCut}),
	)(&k)
	pick(
		func(k *kiesim.Knobs) { k.Callback.Lost = true },
		func(k *kiesim.Knobs) { k.Callback.Duplicates = 2 },
		func(k *kiesim.Knobs) { k.Callback.ForOtherTask = true },
		func(k *kiesim.Knobs) { k.Callback.Failure = true },
		func(k *kiesim.Knobs) { k.Callback.Delay = kiesim.Duration(-1) },
		func(k *kiesim.Knobs) { k.Callback.Signature = kiesim.SignatureWrong },
	)(&k)
	pick(
		func(k *kiesim.Knobs) { k.Record.NullLooks = 2 },
		func(k *kiesim.Knobs) { k.Record.UnknownFlagLooks = 2 },
		func(k *kiesim.Knobs) { k.Outcome.Failure = &kiesim.Failure{Code: 531} },
		func(k *kiesim.Knobs) { k.Outcome.LinksAfter, k.Outcome.Links = 2, kiesim.LinksNull },
	)(&k)
	pick(
		files(kiesim.File{Fault: kiesim.FileTruncated, Times: 2}),
		files(kiesim.File{Fault: kiesim.FileEmpty, Times: 1}),
		files(kiesim.File{Fault: kiesim.FileHTML, Times: 1}),
		files(kiesim.File{Fault: kiesim.FileStatus, Status: 503, Times: 2}),
		files(kiesim.File{Expired: kiesim.ExpiredAtOnce}),
		files(kiesim.File{Expired: kiesim.ExpiredMidRead}),
		files(kiesim.File{Chunked: true}),
	)(&k)
	return k
}

// reconcile waits for a run's end and compares what it says with the bill and the archive. It returns the end's name.
func (s *stack) reconcile(run client.WorkflowRun, in stemflow.SeparateStemsInput) string {
	s.t.Helper()
	var result stemflow.SeparateStemsResult
	err := run.Get(s.t.Context(), &result)
	billed := s.billed(in)
	require.LessOrEqual(s.t, billed, 1, "paid twice: %s", run.GetID())
	objects, listErr := s.store.List(s.t.Context(), s.bucket, s.location(in).Dir)
	require.NoError(s.t, listErr)

	if err == nil {
		require.Equal(s.t, 1, billed)
		manifest, found := s.manifest(in)
		require.True(s.t, found)
		require.Equal(s.t, result, manifest.SeparateStemsResult)
		require.Equal(s.t, stemflow.SubmissionPaid, s.ledger(in).State)
		require.Equal(s.t, result.SeparationTaskID, s.ledger(in).SeparationTaskID)
		require.Len(s.t, objects, len(result.Stems)+2, "the stems, manifest and ledger, and nothing else")
		for _, stem := range result.Stems {
			sum := sha256.Sum256(s.object(stem.Key))
			require.Equal(s.t, stem.SHA256, hex.EncodeToString(sum[:]))
		}
		return string(result.SettledBy)
	}

	var app *temporal.ApplicationError
	require.ErrorAs(s.t, err, &app)
	_, found := s.manifest(in)
	require.False(s.t, found, "a run that failed commits nothing")
	ledger := s.ledger(in)
	switch app.Type() {
	case stemflow.ErrorInsufficientCredits:
		require.Zero(s.t, billed)
		require.Equal(s.t, stemflow.SubmissionRefused, ledger.State)
	case stemflow.ErrorSeparationFailed:
		require.Equal(s.t, stemflow.SubmissionFailed, ledger.State)
	case stemflow.ErrorSubmissionUnknown:
		require.Equal(s.t, stemflow.SubmissionIntended, ledger.State, "the next run is warned")
	default:
		require.Fail(s.t, "an end that none of the faults explains", "%s: %s", app.Type(), app.Message())
	}
	require.Len(s.t, objects, 1, "the ledger %s alone", archive.SubmissionKey(s.location(in)))
	return app.Type()
}
