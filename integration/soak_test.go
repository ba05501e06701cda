package integration

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/kiesim"
)

var (
	soakSeed   = flag.Uint64("seed", 0, "the seed of BenchmarkSoak's faults; 0 takes the time")
	soakTracks = flag.Int("tracks", 300, "how many tracks BenchmarkSoak separates")
	soakPairs  = flag.Int("soak-pairs", 4, "how many pairs of faults of workers and servers BenchmarkSoak draws")
)

// BenchmarkSoak separates some hundreds of tracks at once with random faults of the provider at
// every joint, and meanwhile kills and freezes worker, bridge, store and Temporal, two at a time.
// At the end it reconciles bill, ledgers, manifests and objects: nothing paid twice, nothing paid
// and lost, nothing half-written.
//
//	go test ./integration -run '^$' -bench Soak -benchtime 1x [-seed N] [-tracks N] [-soak-pairs N]
func BenchmarkSoak(b *testing.B) {
	seed := *soakSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	b.Logf("seed %d: run with -seed %d for the same faults", seed, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for b.Loop() {
		// The paid calls take their time, so that each pair of faults meets some.
		s := newFaultStage(b, stageOptions{
			ownTemporal: true, ownStore: true, worker: []string{"STEMFLOW_SUBMIT_RATE=4"},
		})
		accounts := make([]*books, *soakTracks)
		for i := range accounts {
			in := track([]stemflow.SeparationType{stemflow.SeparateVocal, stemflow.SplitStem}[random.IntN(2)])
			in.CallbackGrace, in.PollInterval = stemflow.Duration(5*time.Second), stemflow.Duration(3*time.Second)
			in.Deadline = stemflow.Duration(90 * time.Second)
			s.sim.SetScenario(in.AudioID, randomFaults(random))
			accounts[i] = &books{s: s.stack, in: in, run: s.start(in)}
		}
		for i := range *soakPairs {
			s.strike(random, i)
		}
		outcomes := map[string]int{}
		for _, account := range accounts {
			outcomes[account.reconcile()]++
		}
		s.stopWorkers()
		for _, account := range accounts {
			require.LessOrEqual(b, s.billed(account.in), 1, "paid twice: %s", account.run.GetID())
		}
		b.Logf("%d tracks, %d paid: %v", len(accounts), len(s.sim.Bill().Charges), outcomes)
		b.ReportMetric(float64(len(accounts))/b.Elapsed().Minutes(), "tracks/min")
	}
}

// strike hits two parts at once, at a point of the soak's progress that the seed decides, and
// brings them back in either order.
func (s *faultStage) strike(random *rand.Rand, nth int) {
	s.t.Helper()
	// Some tracks never get as far as a call.
	share := max(*soakTracks*3/4 / *soakPairs, 1)
	calls := nth*share + random.IntN(share)
	parts := [][]fault{
		{killWorker, freezeWorker}, {killStore, freezeStore},
		{killTemporal, freezeTemporal}, {killBridge, freezeBridge},
	}
	random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	first, second := parts[0][random.IntN(2)], parts[1][random.IntN(2)]

	s.await("so many submits were made", func() bool { return s.requests("generate") >= calls })
	s.t.Logf("after %d submits: %s, %s", calls, first, second)
	s.inject(first)
	s.inject(second)
	for _, f := range []fault{first, second} {
		s.meet(f)
		s.back(f)
		if f == freezeWorker {
			time.AfterFunc(hangOverSubmit, s.frozen[len(s.frozen)-1].thaw)
		}
	}
}

// randomFaults spoils about half of the joints, each in one way.
func randomFaults(random *rand.Rand) kiesim.Scenario {
	pick := func(faults ...func(*kiesim.Scenario)) func(*kiesim.Scenario) {
		if i := random.IntN(2 * len(faults)); i < len(faults) {
			return faults[i]
		}
		return func(*kiesim.Scenario) {}
	}
	submit := func(f kiesim.Fault) func(*kiesim.Scenario) {
		f.Times = 1
		return func(k *kiesim.Scenario) { k.Submit = f }
	}
	files := func(f kiesim.File) func(*kiesim.Scenario) {
		return func(k *kiesim.Scenario) { k.Files = map[string]kiesim.File{"vocals": f} }
	}
	k := kiesim.Scenario{Delay: kiesim.Duration(random.IntN(5000)) * kiesim.Duration(time.Millisecond)}
	pick(
		submit(kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 429}),
		submit(kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 402}),
		submit(kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 500, Accept: true}),
		submit(kiesim.Fault{Answer: kiesim.AnswerCut, Accept: true}),
		submit(kiesim.Fault{Answer: kiesim.AnswerCutGzip, Accept: true}),
		submit(kiesim.Fault{Answer: kiesim.AnswerCut}),
	)(&k)
	pick(
		func(k *kiesim.Scenario) { k.Callback.Lost = true },
		func(k *kiesim.Scenario) { k.Callback.Duplicates = 2 },
		func(k *kiesim.Scenario) { k.Callback.ForOtherTask = true },
		func(k *kiesim.Scenario) { k.Callback.Failure = true },
		func(k *kiesim.Scenario) { k.Callback.Delay = kiesim.Duration(-1) },
		func(k *kiesim.Scenario) { k.Callback.Signature = kiesim.SignatureWrong },
	)(&k)
	pick(
		func(k *kiesim.Scenario) { k.Record.NullLooks = 2 },
		func(k *kiesim.Scenario) { k.Record.UnknownFlagLooks = 2 },
		func(k *kiesim.Scenario) { k.Outcome.Failure = &kiesim.Failure{Code: 531} },
		func(k *kiesim.Scenario) { k.Outcome.LinksAfter, k.Outcome.Links = 2, kiesim.LinksNull },
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

// reconcile follows a track to its end and compares what it says with the bill and the archive. It
// returns the end's name.
func (b *books) reconcile() string {
	b.s.t.Helper()
	end := b.close(func() {})
	if end.err == nil {
		b.checkArchived(end)
	} else {
		ledger := b.s.ledger(b.in)
		switch end.err.Type() {
		case stemflow.ErrorInsufficientCredits:
			b.check(b.s.billed(b.in) == 0, "billed, and ended with %s", end)
			b.check(ledger.State == stemflow.SubmissionRefused, "the ledger says %s after %s", ledger.State, end)
		case stemflow.ErrorSeparationFailed:
			// An intent stays where a person named the separation: it may be of another one.
			named := b.in.SeparationTaskID != "" && ledger.State == stemflow.SubmissionIntended
			b.check(ledger.State == stemflow.SubmissionFailed || named,
				"the ledger says %s after %s", ledger.State, end)
		case stemflow.ErrorSubmissionUnknown:
			b.checkUnknown(end)
		default:
			b.check(false, "an end that none of the faults explains: %s", end.err.Error())
		}
		require.Equal(b.s.t, []string{archive.SubmissionKey(b.s.location(b.in))}, b.s.keys(b.in), "the ledger alone")
	}
	require.Empty(b.s.t, b.broken, "%s: %v", b.run.GetID(), b.ended)
	return strings.Join(b.ended, ", then ")
}
