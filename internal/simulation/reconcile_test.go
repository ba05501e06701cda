package simulation

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/ledger"
)

// breakage is a deliberate defect, to see that the simulation finds it.
type breakage string

const (
	intact             breakage = ""
	unconditionalStore breakage = "a store that ignores conditions"
	ownerIsRun         breakage = "the owner is the run, not the first of its chain"
	takeBackAll        breakage = "intents are taken back by runs that did not write them"
	lostIsRefused      breakage = "a lost submit is taken for a refused one, and its intent is taken back"
	missingUnnamed     breakage = "the manifest does not name what is missing"
	sharedLedger       breakage = "a WAV is paid for by the ledger of the separation"
	lateDropped        breakage = "callbacks for runs that are over are acknowledged and dropped"
)

// violations collects what is wrong.
type violations []string

func (v *violations) check(ok bool, format string, args ...any) {
	if !ok {
		*v = append(*v, fmt.Sprintf(format, args...))
	}
}

// kinds are the types of what is paid for.
func (s *sim) kinds() []stemflow.SeparationType {
	if s.withWAV {
		return []stemflow.SeparationType{"", stemflow.TypeWAV}
	}
	return []stemflow.SeparationType{""}
}

// ledger is that of the track, for a type of task; empty is that of separations.
func (s *sim) ledger(kind stemflow.SeparationType) ledger.Ledger {
	folder := archive.Locate("stems", "", stemflow.Track{
		TaskID: "music", AudioID: "track", Type: cmp.Or(kind, stemflow.SeparateVocal),
	})
	return s.store.ledgers()["stems/"+archive.SubmissionKey(folder)]
}

// tasks are those of a type.
func (s *sim) tasks(kind stemflow.SeparationType) []*task {
	return slices.DeleteFunc(slices.Clone(s.provider.tasks), func(t *task) bool {
		return t.isWAV != (kind == stemflow.TypeWAV)
	})
}

// find finds a task of a type, nil if there is none of that id.
func (s *sim) find(kind stemflow.SeparationType, id string) *task {
	t := s.provider.find(id)
	if t == nil || t.isWAV != (kind == stemflow.TypeWAV) {
		return nil
	}
	return t
}

// reconcile compares bill, ledger, manifests, objects and what the runs reported, once all is at
// rest.
func (s *sim) reconcile() []string {
	var v violations
	s.turn("reconcile")
	for _, kind := range s.kinds() {
		s.reconcileBill(&v, kind)
		s.reconcileLedger(&v, kind)
		s.reconcileBlocked(&v, kind)
	}
	s.reconcileArchive(&v)
	s.reconcileCallbacks(&v)
	for _, r := range s.runs {
		s.reconcileRun(&v, r)
	}
	return v
}

// intentOf is the step at which the intent behind a bill was written.
func (s *sim) intentOf(t *task) (step int, found bool) {
	for _, i := range s.store.intents {
		if i.runID == t.run.id && i.step <= t.step && i.step > step {
			step, found = i.step, true
		}
	}
	return step, found
}

func (s *sim) reconcileBill(v *violations, kind stemflow.SeparationType) {
	tasks := s.tasks(kind)
	for i, t := range tasks {
		step, found := s.intentOf(t)
		v.check(found, "%s was billed without an intent in the ledger", t.id)
		for _, other := range tasks[:i] {
			v.check(other.run.owner != t.run.owner, "owner %s was billed twice: %s and %s", t.run.owner, other.id, t.id)
			if t.run.in.Force {
				continue
			}
			// A forced run may be billed beside one whose intent stood before it.
			v.check(other.fails || other.step > step,
				"%s was billed without force, though %s had been billed before its intent was written", t.id, other.id)
			v.check(other.fails || other.run.in.Force, "the track was billed twice without force: %s and %s",
				other.id, t.id)
		}
	}
}

func (s *sim) reconcileLedger(v *violations, kind stemflow.SeparationType) {
	l := s.ledger(kind)
	for _, t := range s.tasks(kind) {
		v.check(slices.ContainsFunc(l.Entries(), func(e ledger.Entry) bool {
			return e.SeparationTaskID == t.id || e.Owner == t.run.owner && e.State == stemflow.SubmissionIntended
		}), "%s of owner %s was billed, and no entry of the ledger stands for it", t.id, t.run.owner)
	}
	for _, e := range l.Entries() {
		if e.State != stemflow.SubmissionPaid && e.State != stemflow.SubmissionFailed {
			continue
		}
		t := s.find(kind, e.SeparationTaskID)
		v.check(t != nil, "the ledger says that %s was paid for, and it was not", e.SeparationTaskID)
		v.check(t == nil || e.State != stemflow.SubmissionFailed || t.fails,
			"the ledger says that %s failed, and it did not", e.SeparationTaskID)
	}
}

// reconcileArchive looks at all manifests and at the objects that they name.
func (s *sim) reconcileArchive(v *violations) {
	for bucket, objects := range s.store.buckets {
		for key, data := range objects {
			if !strings.HasSuffix(key, "manifest.json") {
				continue
			}
			var m stemflow.Manifest
			if err := json.Unmarshal(data, &m); err != nil {
				v.check(false, "%s/%s cannot be read: %v", bucket, key, err)
				continue
			}
			s.reconcileResult(v, "the manifest in "+bucket, &m.SeparateStemsResult)
		}
	}
}

// reconcileResult looks whether every stem is there, whole, as the provider served it.
func (s *sim) reconcileResult(v *violations, whose string, result *stemflow.SeparateStemsResult) {
	v.check(s.find(result.Type, result.SeparationTaskID) != nil, "%s names %q, which was never paid for", whose,
		result.SeparationTaskID)
	v.check(len(result.Failed) == 0, "%s names %d stems that failed", whose, len(result.Failed))
	for _, name := range stemflow.ExpectedStems(result.Type, "") {
		archived := slices.ContainsFunc(result.Stems, func(s stemflow.Stem) bool { return s.Name == name })
		missing := slices.ContainsFunc(result.Missing, func(m stemflow.MissingStem) bool { return m.Name == name })
		v.check(archived != missing, "%s: %s is archived: %v, and named missing: %v", whose, name, archived, missing)
	}
	for _, stem := range result.Stems {
		data, ok := s.store.buckets[stem.Bucket][stem.Key]
		v.check(ok, "%s names %s, which is not there", whose, stem.Key)
		served := infoOf(stem.Key, stemContent(result.SeparationTaskID,
			strings.TrimSuffix(stem.Name, "s"))) // the provider says "vocal"
		v.check(infoOf(stem.Key, data).SHA256 == served.SHA256 && stem.SHA256 == served.SHA256 &&
			stem.Size == served.Size,
			"%s: %s is not what the provider served", whose, stem.Key)
	}
}

// reconcileRun compares what a run reported with the bill and the archive.
func (s *sim) reconcileRun(v *violations, r *run) {
	if !r.reported() {
		v.check(r.interrupted == terminateRun || r.interrupted == resetRun, "%s ended with no report: %v", r.id, r.err)
		return
	}
	billed := slices.ContainsFunc(s.provider.tasks, func(t *task) bool { return t.run.owner == r.owner })
	v.check(!billed || r.paid(), "owner %s was billed, and %s reports that it was not", r.owner, r.id)
	if r.result != nil {
		t := s.find(r.in.Type, r.result.SeparationTaskID)
		own := t != nil && t.run.owner == r.owner
		// One that does not know what became of its submit, and goes on with what another one paid
		// for, says that it may have paid.
		v.check(!r.paid() || own || r.mayHavePaid,
			"%s reports that it paid for %s, which owner %s did not", r.id, r.result.SeparationTaskID, r.owner)
		refused := r.in.Type == stemflow.TypeWAV && s.chance(2, "one WAV a track")
		v.check(own || !r.in.Force || refused || t == nil || r.result.SeparationTaskID != r.resumable,
			"%s was to pay by force, and ends with %s, which was paid for before", r.id, r.result.SeparationTaskID)
		s.reconcileResult(v, "the result of "+r.id, r.result)
		s.reconcileManifest(v, r)
	}
	if r.failure != nil {
		s.reconcileFailure(v, r)
	}
}

// reconcileManifest: the manifest of the run's folder is the run's, or a later one's.
func (s *sim) reconcileManifest(v *violations, r *run) {
	ref := r.result.Manifest
	data, ok := s.store.buckets[ref.Bucket][ref.Key]
	v.check(ok, "%s succeeded, and its manifest is not there", r.id)
	var m stemflow.Manifest
	if !ok || json.Unmarshal(data, &m) != nil {
		return
	}
	v.check(m.SeparationTaskID == r.result.SeparationTaskID || len(s.tasks(r.in.Type)) > 1,
		"the manifest names %s, and the result of %s names %s", m.SeparationTaskID, r.id, r.result.SeparationTaskID)
}

var contract = []string{
	stemflow.ErrorUnauthorized, stemflow.ErrorInsufficientCredits, stemflow.ErrorProviderRejected,
	stemflow.ErrorProviderUnavailable,
	stemflow.ErrorSubmissionUnknown, stemflow.ErrorSeparationFailed, stemflow.ErrorSeparationTimedOut,
	stemflow.ErrorSourceExpired, stemflow.ErrorSourceNotAudio, stemflow.ErrorArchiveUnavailable,
	stemflow.ErrorArchiveIncomplete,
	stemflow.ErrorWAVFailed, stemflow.ErrorWAVTimedOut, stemflow.ErrorWAVExists, stemflow.ErrorNoWAV,
}

func (s *sim) reconcileFailure(v *violations, r *run) {
	v.check(slices.Contains(contract, r.failure.Type()) && r.failure.NonRetryable(), "%s failed with %v", r.id,
		r.failure)
	if r.failure.Type() == stemflow.ErrorSubmissionUnknown {
		v.check(!strings.Contains(r.failure.Message(), "force"), "%s advises force, and its remedy names first what "+
			"costs nothing: %s", r.id, r.failure.Message())
		v.check(r.in.Force || r.resumable == "" || r.resumable != r.named,
			"%s does not know about its submit, and could resume %s", r.id, r.named)
	}
	if id := r.details.SeparationTaskID; id != "" {
		v.check(s.find(r.in.Type, id) != nil, "%s names %s, which was never paid for", r.id, id)
	}
}

// reconcileBlocked: an intent that surely was not accepted does not keep others from paying. Only
// what interrupts a run, or keeps it from the store for long, leaves one behind.
func (s *sim) reconcileBlocked(v *violations, kind stemflow.SeparationType) {
	for _, f := range s.faults {
		if f.scope == scopeWorld {
			return
		}
	}
	for _, owner := range s.openIntents(kind) {
		for _, r := range s.runs {
			v.check(r.owner != owner || r.paid(),
				"%s reports that it paid nothing, and its intent keeps others from paying", r.id)
		}
	}
}

// openIntents are the owners that may have paid.
func (s *sim) openIntents(kind stemflow.SeparationType) []string {
	var owners []string
	for _, e := range s.ledger(kind).Entries() {
		if e.State == stemflow.SubmissionIntended {
			owners = append(owners, e.Owner)
		}
	}
	return owners
}

// heal starts the track again until it is archived, as a person would who does what the messages
// say.
func (s *sim) heal() (all []string) {
	for _, kind := range s.kinds() {
		all = append(all, s.healOne(kind)...)
	}
	return all
}

func (s *sim) healOne(kind stemflow.SeparationType) []string {
	var v violations
	in := stemflow.SeparateStemsInput{Type: kind}
	for range 6 {
		paid, resumable := s.ledger(kind).Paid()
		open := s.openIntents(kind)
		bills := len(s.provider.tasks)
		partial := s.partlyArchived()
		r := s.plain(in)
		newBills := len(s.provider.tasks) - bills
		switch {
		case r.result != nil:
			v.check(newBills == 0 || r.result.Paid && newBills == 1, "%s cost %d and reports paid: %v", r.id,
				newBills, r.result.Paid)
			v.check(newBills == 0 || !resumable || in.Force, "%s paid though the ledger named %s", r.id,
				paid.SeparationTaskID)
			v.check(
				!resumable || in.Force || in.SeparationTaskID != "" || r.result.SeparationTaskID == paid.SeparationTaskID ||
					r.result.SettledBy == stemflow.SettledByArchive || r.result.SeparationTaskID == partial,
				"%s ended with %s though the ledger named %s",
				r.id,
				r.result.SeparationTaskID,
				paid.SeparationTaskID,
			)
			return append(v, s.again(in, r.result)...)
		case r.failure == nil:
			v.check(false, "%s could not heal the track: %v", r.id, r.err)
			return v
		case activityapi.IsFailed(r.failure.Type()), activityapi.IsEmpty(r.failure.Type()),
			r.failure.Type() == activityapi.TaskOf(kind).TimedOut,
			kind == stemflow.TypeWAV && r.failure.Type() == stemflow.ErrorSourceExpired:
			v.check(newBills == 0 || !resumable || in.Force, "%s paid though the ledger named %s", r.id,
				paid.SeparationTaskID)
			in = stemflow.SeparateStemsInput{Type: kind}
			if r.failure.Type() != activityapi.TaskOf(kind).Failed {
				s.sleep(time.Hour) // as the message advises
			}
		case r.failure.Type() == stemflow.ErrorWAVExists:
			v.check(newBills == 0 && !r.details.Paid, "%s cost %d and ended with %v", r.id, newBills, r.failure)
			for _, t := range s.tasks(kind) { // what the message advises
				if !t.fails {
					in = stemflow.SeparateStemsInput{Type: kind, SeparationTaskID: t.id}
				}
			}
		case r.failure.Type() == stemflow.ErrorSubmissionUnknown && len(open) > 0 && !resumable:
			v.check(newBills == 0, "%s cost %d and ended with %v", r.id, newBills, r.failure)
			// What the message advises: the provider's log reports whether there is one.
			in = stemflow.SeparateStemsInput{Type: kind, Force: true}
			for _, t := range s.tasks(kind) {
				if !t.fails {
					in = stemflow.SeparateStemsInput{Type: kind, SeparationTaskID: t.id}
				}
			}
		default:
			v.check(false, "%s could not heal the track: %v", r.id, r.failure)
			return v
		}
	}
	v.check(false, "the track could not be healed")
	return v
}

// partlyArchived is the separation that the archive has with stems missing, if there is one: the
// next start completes it, whatever else was paid for.
func (s *sim) partlyArchived() string {
	for key, data := range s.store.buckets["stems"] {
		var m stemflow.Manifest
		if strings.HasSuffix(key, "manifest.json") && json.Unmarshal(data, &m) == nil && len(m.Missing) > 0 {
			return m.SeparationTaskID
		}
	}
	return ""
}

// again: what is archived costs nothing any more, and what it lacks is had once the provider serves
// it.
func (s *sim) again(in stemflow.SeparateStemsInput, before *stemflow.SeparateStemsResult) []string {
	var v violations
	if len(before.Missing) > 0 {
		s.sleep(time.Hour)
	}
	in.Force = false
	bills := len(s.provider.tasks)
	r := s.plain(in)
	v.check(r.result != nil && !r.result.Paid && len(s.provider.tasks) == bills,
		"%s, after the track was archived, ended with %v and cost %d", r.id, r.err, len(s.provider.tasks)-bills)
	v.check(r.result == nil || len(r.result.Missing) == 0, "%s still lacks %v", r.id, r.result)
	return v
}
