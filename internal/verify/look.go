package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/ledger"
	"stemflow/internal/naming"
	"stemflow/internal/trackstate"
)

// look is one look at the folder of one track.
type look struct {
	c     *Checker
	state activityapi.VerifyState
	f     folder
	loc   activityapi.Location
	o     objects

	findings []activityapi.Finding
	counts   stemflow.ArchiveCounts
	// again says that the track may be archived in a place that is not known yet.
	again bool

	manifest stemflow.Manifest
	// manifested says that there is a manifest that serves; known, that whether there is one and
	// what it says is known for sure.
	manifested, known bool
	books             books
	// open is whether the track's workflow is, once that was asked.
	open *bool
}

func (c *Checker) newLook(state activityapi.VerifyState, f folder, o objects) *look {
	return &look{c: c, state: state, f: f, loc: f.location(), o: o}
}

// onlyLedger reports whether nothing but ledgers without a manifest beside them are of interest.
func (l *look) onlyLedger() bool { return l.state.Phase == phaseAgain || l.state.Phase == phaseLedgers }

func (l *look) run(ctx context.Context) error {
	// Where the ledgers are not walked, that of the folder may be elsewhere.
	noLedger := l.o.submission == nil && l.c.walksLedgers()
	if l.onlyLedger() && noLedger || l.state.Phase == phaseLedgers && l.c.apart(l.f) {
		return nil
	}
	kind, problem, err := l.readManifest(ctx)
	if err != nil {
		return err
	}
	if l.books, err = l.c.readBooks(ctx, l.f, l.o); err != nil {
		return err
	}
	if l.state.Phase != phaseAgain {
		l.checkBooks()
	}
	if problem != "" && !l.onlyLedger() {
		l.reportManifest(kind, problem)
	}
	if !l.onlyLedger() && l.manifested {
		if err := l.checkStems(ctx); err != nil {
			return err
		}
	}
	if err := l.compare(ctx); err != nil {
		return err
	}
	if l.onlyLedger() {
		return nil
	}
	l.checkThere()
	return l.checkOrphans(ctx)
}

// checkThere finds that there is nothing of the one track that is checked, and counts what is
// deleted.
func (l *look) checkThere() {
	if l.o.removed() {
		l.counts.Deleted++
		return
	}
	if l.c.Track != nil && l.o.manifest == nil && l.o.kept == 0 && !l.books.account.found && !l.books.copied.found {
		l.report(stemflow.FindingNotArchived, l.loc.Dir, "", "there is nothing of the track in this place")
	}
}

// report adds a finding.
func (l *look) report(
	kind stemflow.FindingKind, key, separationTaskID, format string, args ...any,
) *activityapi.Finding {
	f := newFinding(l.f, kind, key, separationTaskID, fmt.Sprintf(format, args...))
	f.Track.StemName = l.stemName()
	l.findings = append(l.findings, f)
	return &l.findings[len(l.findings)-1]
}

func newFinding(f folder, kind stemflow.FindingKind, key, separationTaskID, message string) activityapi.Finding {
	t, _ := stemflow.LookupFindingType(kind)
	track := f.track
	return activityapi.Finding{
		At: f.at,
		ArchiveFinding: stemflow.ArchiveFinding{
			Kind: kind, Notice: t.Notice, Bucket: f.at.Bucket, Key: printableKey(key), Track: &track,
			SeparationTaskID: separationTaskID, Message: message, Remedy: t.Remedy,
		},
	}
}

// stemName is the provider's spelling of the name of a stem, which the folder does not tell.
func (l *look) stemName() string {
	if l.f.track.Type != stemflow.SplitStemAdvanced {
		return ""
	}
	if l.manifested {
		return l.manifest.Source.StemName
	}
	for _, e := range l.books.all.Entries() {
		return e.Track.StemName
	}
	return l.f.track.StemName
}

// readManifest reads the folder's manifest. It returns a kind of finding and its message if
// something is wrong with it.
func (l *look) readManifest(ctx context.Context) (kind stemflow.FindingKind, problem string, err error) {
	if l.known = true; l.o.manifest == nil {
		return "", "", nil
	}
	data, problem, err := l.c.readDocument(ctx, l.loc.Bucket, archive.ManifestKey(l.loc))
	kind = stemflow.FindingManifestInvalid
	switch {
	case errors.Is(err, archive.ErrNotFound):
		problem = "the store lists it and does not have it"
	case err != nil:
		return "", "", err
	case problem == "":
		l.manifest, kind, problem = judgeManifest(l.f, data)
	}
	l.manifested = problem == ""
	l.known = l.manifested
	return kind, problem, nil
}

// reportManifest adds a finding about the manifest. A repair resumes what the ledger says is paid
// for; a manifest of a later release is left alone.
func (l *look) reportManifest(kind stemflow.FindingKind, problem string) {
	f := l.report(kind, archive.ManifestKey(l.loc), "", "%s", problem)
	if paid, ok := l.books.all.Paid(); ok && l.sound() && kind != stemflow.FindingManifestVersion {
		f.SeparationTaskID, f.Resume = paid.SeparationTaskID, paid.SeparationTaskID
	}
}

// checkBooks finds ledgers that cannot be read. The account's is found where it is, if that place
// is looked at.
func (l *look) checkBooks() {
	for _, b := range []book{l.books.account, l.books.copied} {
		if !b.found || b.at != l.loc && l.c.walksLedgers() {
			continue
		}
		l.counts.Ledgers++
		if b.problem != "" {
			l.report(stemflow.FindingLedgerInvalid, b.key(), "", "%s", b.problem).Bucket = b.at.Bucket
		}
	}
}

// sound reports whether the ledgers can be believed to be complete.
func (l *look) sound() bool { return l.books.account.problem == "" && l.books.copied.problem == "" }

// compare holds the ledgers against the manifest.
func (l *look) compare(ctx context.Context) error {
	if !l.sound() {
		return nil
	}
	if l.manifested && !l.onlyLedger() {
		if err := l.compareManifest(ctx); err != nil {
			return err
		}
	}
	if !l.mine() {
		return nil
	}
	paid, ok := l.books.all.Paid()
	switch {
	case ok && l.manifested:
		if !trackstate.PaidSince(l.books.all, l.manifest.SeparationTaskID, l.manifest.ArchivedAt) {
			return nil
		}
		return l.checkPaid(ctx, paid)
	case ok && l.known:
		return l.checkPaid(ctx, paid)
	case ok || l.manifested:
		return nil // the manifest is found already, or what the ledger does not know of it
	default:
		return l.checkIntent(ctx)
	}
}

// mine reports whether it is this folder in which the state of the ledger is found. It is found
// once: in the ledger's own folder where that is looked at.
func (l *look) mine() bool {
	return !l.c.apart(l.f) || !l.c.walksLedgers() || !l.books.account.found
}

// compareManifest finds a manifest whose separation the ledger does not know.
func (l *look) compareManifest(ctx context.Context) error {
	id := l.manifest.SeparationTaskID
	kind, at, problem := stemflow.FindingKind(""), l.books.account, ""
	switch {
	case len(l.books.all.Entries()) == 0:
		kind, problem = stemflow.FindingLedgerMissing, "there is no ledger, so the track would be paid for again if "+
			"its archive were lost"
	case !knows(l.books.all, id):
		kind, problem = stemflow.FindingLedgerDisagrees, fmt.Sprintf("the manifest is of separation %s, which the "+
			"ledger does not know", id)
		if paid, ok := l.books.all.Paid(); ok {
			problem += ": it says that " + paid.SeparationTaskID + " is paid for"
		}
		at = l.books.source(l.books.all.Entries()[0])
	case l.c.apart(l.f) && l.books.account.found && !knows(l.books.copied.ledger, id):
		kind, at.at = stemflow.FindingReceiptMissing, l.loc
		problem = "the folder has no copy of the ledger"
		if l.books.copied.found {
			problem = fmt.Sprintf("the folder's copy of the ledger does not know the manifest's separation %s", id)
		}
	default:
		return nil
	}
	if open, err := l.trackOpen(ctx); err != nil || open {
		return err // it is about to write the ledger
	}
	f := l.report(kind, at.key(), id, "%s", problem)
	f.Bucket, f.SubmittedAt = at.at.Bucket, l.manifest.SubmittedAt
	return nil
}

// work is how long a run may still be at work when its deadline has passed: a store that is away is
// waited for, for twelve hours after a payment.
const (
	workAfterIntent  = 90 * time.Minute
	workAfterPayment = 13 * time.Hour
)

// checkPaid finds a separation that is paid for and archived nowhere. One that a person has removed
// is not missed.
func (l *look) checkPaid(ctx context.Context, paid ledger.Entry) error {
	if l.o.deleted(paid.SeparationTaskID) {
		return nil
	}
	from := l.books.source(paid)
	underWay, err := l.underWay(ctx, paid, from.modified, workAfterPayment)
	if err != nil {
		return err
	}
	if underWay {
		l.underWayOnce()
		return nil
	}
	elsewhere, err := l.knownElsewhere(ctx, paid.SeparationTaskID)
	if err != nil || elsewhere {
		return err
	}
	if l.state.Phase == phaseTracks && l.c.Track == nil {
		l.again = true // until all places are known
		return nil
	}
	if l.tooManyPlaces() {
		l.counts.Unplaced++
		return nil
	}
	f := l.report(stemflow.FindingPaidNotArchived, from.key(), paid.SeparationTaskID,
		"separation %s was paid for%s, and no manifest has it", paid.SeparationTaskID, on(paid.SubmittedAt))
	f.Bucket, f.Resume = from.at.Bucket, paid.SeparationTaskID
	if l.o.kept == 0 && l.o.manifest == nil && len(l.c.Homes) > 0 {
		f.At = l.c.Homes[0] // this is only where its ledger is
	}
	return nil
}

// tooManyPlaces reports whether there may be more places than are remembered, so that nobody can
// say that a track is archived nowhere.
func (l *look) tooManyPlaces() bool {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	return len(l.c.places) >= l.c.maxPlaces
}

// checkIntent finds an intent that locks the track, where nothing is paid.
func (l *look) checkIntent(ctx context.Context) error {
	intent, ok := unsettled(l.books.all)
	if !ok {
		return nil
	}
	from := l.books.source(intent)
	underWay, err := l.underWay(ctx, intent, from.modified, workAfterIntent)
	if err != nil {
		return err
	}
	if underWay {
		l.underWayOnce()
		return nil
	}
	if l.state.Phase != phaseAgain { // it was found before
		l.report(stemflow.FindingIntentStuck, from.key(), "",
			"a submit was intended%s, and nobody knows whether it was paid for", on(intent.IntendedAt)).
			Bucket = from.at.Bucket
	}
	return nil
}

func (l *look) underWayOnce() {
	if l.counts.UnderWay == 0 && l.state.Phase != phaseAgain {
		l.counts.UnderWay = 1
	}
}

func on(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " on " + t.UTC().Format(time.DateOnly)
}

// underWay reports whether a run may be at work on an entry: because its deadline may not have
// passed, or because Temporal says so.
func (l *look) underWay(ctx context.Context, e ledger.Entry, modified time.Time, work time.Duration) (bool, error) {
	since := e.SubmittedAt
	for _, t := range []time.Time{e.IntendedAt, e.ScheduledAt} {
		if t.After(since) {
			since = t
		}
	}
	if !modified.IsZero() && (since.IsZero() || since.After(modified)) {
		since = modified // nobody writes down what is yet to come
	}
	age := l.c.now().Sub(since)
	deadline, given := l.c.Deadline, l.c.Deadline > 0
	if !given {
		deadline = time.Duration(stemflow.DefaultDeadline)
	}
	if age < deadline+work {
		return true, nil
	}
	run, err := l.c.run(ctx, e.WorkflowID)
	if err != nil || run != RunUnknown {
		return run == RunOpen, err
	}
	return !given && age < time.Duration(stemflow.MaxDeadline)+work, nil
}

// run is what Temporal says of a workflow.
func (c *Checker) run(ctx context.Context, workflowID string) (Run, error) {
	switch {
	case c.Run == nil:
		return RunUnknown, nil
	case workflowID == "":
		return RunOver, nil
	}
	return c.Run(ctx, workflowID)
}

// trackOpen reports whether a run of the track is open, as far as that can be known.
func (l *look) trackOpen(ctx context.Context) (bool, error) {
	if l.open == nil {
		t := l.f.track
		run, err := l.c.run(ctx, stemflow.WorkflowID(stemflow.SeparateStemsInput{
			TaskID: t.TaskID, AudioID: t.AudioID, Type: t.Type, StemName: t.StemName,
		}))
		if err != nil {
			return false, err
		}
		open := run == RunOpen
		l.open = &open
	}
	return *l.open, nil
}

// knownElsewhere reports whether a manifest in another place has the newest separation that is paid
// for, or one that was archived after that was paid for, or a person has removed it there. Who
// moves a track removes it in one place alone, so stems that are left in another one are missed.
func (l *look) knownElsewhere(ctx context.Context, paid string) (bool, error) {
	l.c.mu.Lock()
	places := append(slices.Clone(l.c.Homes), l.c.places...)
	l.c.mu.Unlock()
	deleted, left := false, l.o.hasStems(paid)
	for i, at := range places {
		if at == l.f.at || slices.Contains(places[:i], at) {
			continue
		}
		other := folder{at: at, track: l.f.track}
		loc := other.location()
		data, problem, err := l.c.readDocument(ctx, loc.Bucket, archive.ManifestKey(loc))
		if errors.Is(err, archive.ErrNotFound) {
			o, err := l.c.listFolder(ctx, other)
			if errors.Is(err, archive.ErrNoBucket) {
				continue
			}
			if err != nil {
				return false, err
			}
			isDeleted := o.deleted(paid)
			deleted, left = deleted || isDeleted, left || !isDeleted && o.hasStems(paid)
			continue
		}
		if err != nil {
			return false, err
		}
		m, kind, _ := judgeManifest(other, data)
		if problem != "" || kind != "" { // it is there, and is found there
			return true, nil
		}
		if !trackstate.PaidSince(l.books.all, m.SeparationTaskID, m.ArchivedAt) {
			return true, nil
		}
	}
	return deleted && !left, nil
}

// checkOrphans finds objects in the folders of separations that no manifest lists and no ledger
// explains.
func (l *look) checkOrphans(ctx context.Context) error {
	if !l.known || !l.sound() {
		return nil // what they are cannot be known
	}
	listed := map[string]bool{}
	for _, stem := range l.manifest.Stems {
		listed[stem.Key] = true
	}
	for _, entry := range l.manifest.MIDI {
		for _, object := range entry.Objects() {
			listed[object.Key] = true
		}
	}
	dropped := l.o.dropped
	for _, separation := range slices.Sorted(maps.Keys(l.o.separations)) {
		current := l.manifested && separation == l.manifest.SeparationTaskID
		deleted := l.o.deleted(separation)
		if !current && !deleted && knows(l.books.all, separation) {
			if l.manifested {
				l.counts.Superseded += len(l.o.separations[separation])
			}
			continue // of a separation that is found as not archived, is under way, or was replaced
		}
		var orphans []archive.Info
		for _, object := range l.o.separations[separation] {
			if !listed[object.Key] && !(current && l.mayFollow(object)) {
				orphans = append(orphans, object)
			}
		}
		if len(orphans) == 0 {
			continue
		}
		if open, err := l.trackOpen(ctx); err != nil || open {
			return err
		}
		bytes := int64(0)
		for _, object := range orphans {
			bytes += object.Size
		}
		message := fmt.Sprintf("%d objects of %d bytes, which no manifest lists", len(orphans)+dropped, bytes)
		if len(orphans)+dropped == 1 {
			message = fmt.Sprintf("an object of %d bytes, which no manifest lists", bytes)
		}
		if deleted {
			message += ". The track was deleted: delete it again, which removes what is left, or start it again, " +
				"unpaid, if it is wanted"
		}
		dropped = 0
		id := ""
		if naming.IsID(separation) {
			id = separation
		}
		f := l.report(stemflow.FindingOrphan, orphans[0].Key, id, "%s", message)
		if _, paid := l.books.all.Paid(); !l.manifested && !paid && !deleted {
			f.Resume = id
		}
	}
	return nil
}

// mayFollow reports whether an object of the manifest's own separation may be one that a run has
// just archived beside what the manifest lists, and will list: a stem that had failed, that the
// provider did not serve, or that now has another format; or MIDI.
func (l *look) mayFollow(object archive.Info) bool {
	if l.c.now().Sub(object.Modified) > time.Duration(stemflow.DefaultDeadline)+workAfterPayment ||
		!object.Modified.After(l.manifest.ArchivedAt) {
		return false
	}
	within := archive.SeparationPrefix(l.loc, l.manifest.SeparationTaskID)
	if archive.IsMIDIFile(strings.TrimPrefix(object.Key, within)) {
		return true
	}
	is := func(name string) bool {
		prefix := within + name + "."
		return len(object.Key) > len(prefix) && object.Key[:len(prefix)] == prefix
	}
	return slices.ContainsFunc(l.manifest.Failed, func(s stemflow.FailedStem) bool { return is(s.Name) }) ||
		slices.ContainsFunc(l.manifest.Missing, func(s stemflow.MissingStem) bool { return is(s.Name) }) ||
		slices.ContainsFunc(l.manifest.Empty, is) ||
		slices.ContainsFunc(l.manifest.Stems, func(s stemflow.Stem) bool { return is(s.Name) })
}
