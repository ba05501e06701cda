// Package verify checks an archive: what manifests, ledgers and the store say of each other. It
// changes nothing: the store that it is given cannot write.
//
// A check goes through the store's list in the order of its keys, a page at a time, and holds no
// more than some folders. Its state is small, so that a page can be a Temporal activity.
package verify

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/allowed"
	"stemflow/internal/archive"
	"stemflow/internal/sample"
)

// Store is what a check needs of the object store: [archive.Store], which documents the methods.
type Store interface {
	Walk(ctx context.Context, bucket, prefix, after string) iter.Seq2[archive.Info, error]
	Uploads(ctx context.Context, bucket string) iter.Seq2[archive.Upload, error]
	Stat(ctx context.Context, bucket, key string) (archive.Info, error)
	Open(ctx context.Context, bucket, key string) (io.ReadCloser, archive.Info, error)
	ReadJSON(ctx context.Context, bucket, key string, v any) (etag string, err error)
}

// Options say what is checked, and how. [OptionsOf] makes most of them of an input.
type Options struct {
	Store Store
	// At is what is checked, and Track, where given, the one track of it that is.
	At    allowed.Place
	Track *stemflow.Track
	// Ledger is where the ledgers of all tracks are. WithLedgers checks all of them, wherever their
	// tracks are archived to; otherwise those of the tracks that are found.
	Ledger      allowed.Place
	WithLedgers bool
	// Homes are all places where workers may archive to, the default one first. A track whose
	// ledger is checked may be archived in any folder below them.
	Homes []allowed.Place

	// Read is what is read back and hashed, Limiter how fast; nil is no bound.
	Read    sample.Sample
	Limiter *rate.Limiter
	// Deadline is the longest deadline that separations are given; 0 is the default of
	// [stemflow.VerifyArchiveInput].
	Deadline time.Duration
	// Run says whether the latest run of a workflow is open. It may be nil.
	Run func(ctx context.Context, workflowID string) (Run, error)
	// Progress is told, now and then, what the page has come to so far. It may be nil.
	Progress func(stemflow.ArchiveCounts)
}

// Run is what Temporal says of the latest run of a workflow.
type Run int

const (
	// RunUnknown: Temporal cannot be asked.
	RunUnknown Run = iota
	// RunOpen: it goes on.
	RunOpen
	// RunOver: it has ended, or Temporal does not know it any more.
	RunOver
)

// The bounds of a page. It ends early when it has found much, so that pages are small, or has taken
// long, so that little is lost with a worker.
const (
	pageFolders  = 2000
	pageSuspects = 100
	pageTime     = 2 * time.Minute

	// How many folders are looked at at once.
	concurrency = 16
	// How many stems are read back at once: more would only make disks seek.
	readers = 4
	// A run writes the ledger, the stems and the manifest within moments of each other.
	secondLook = 2 * time.Second
	// How many places are remembered. A ledger that has no manifest beside it may cost a request
	// for each.
	maxPlaces = 200
)

// tuning is what only tests choose.
type tuning struct {
	pageFolders, maxPlaces int
	secondLook             time.Duration
	now                    func() time.Time
}

// Checker checks an archive. It is for one goroutine.
type Checker struct {
	Options
	tuning
	reading chan struct{}

	mu     sync.Mutex
	counts stemflow.ArchiveCounts // of the page
	places []allowed.Place
	again  bool
	// suspects are the folders in which a first look found something.
	suspects []folder
}

// New returns a checker.
func New(opts Options) *Checker {
	return &Checker{
		Options: opts, tuning: tuning{pageFolders, maxPlaces, secondLook, time.Now},
		reading: make(chan struct{}, readers),
	}
}

// The phases of a check, in their order.
const (
	phaseBegin   = ""
	phaseMeasure = "measure" // how much there is, where a size of it is to be read
	phaseTracks  = "tracks"
	phasePlaces  = "places"  // where else there are manifests, or were
	phaseAgain   = "again"   // ledgers of tracks that may be archived elsewhere
	phaseLedgers = "ledgers" // the same, of a ledger that is not among the tracks
	phaseUploads = "uploads"
	phaseDone    = "done"
)

// Next checks the next page. After an error the same state can be tried again.
func (c *Checker) Next(ctx context.Context, state activityapi.VerifyState) (*activityapi.VerifyPage, error) {
	c.counts, c.again, c.suspects = stemflow.ArchiveCounts{}, state.Again, nil
	c.places = slices.Clone(state.Places)
	if state.At != (allowed.Place{}) { // this worker may have another default
		c.At = state.At
	}
	page := &activityapi.VerifyPage{State: state}
	var err error
	switch state.Phase {
	case phaseBegin:
		page.State.At = c.At
		page.State.Seed = cmp.Or(state.Seed, rand.Text())
		page.State.Phase = phaseTracks
		if c.Read.NeedsTotal() {
			page.State.Phase = phaseMeasure
		}
	case phaseMeasure:
		err = c.measure(ctx, page)
	case phaseTracks:
		err = c.checkFolders(ctx, page, c.scope())
	case phasePlaces:
		err = c.findPlaces(ctx, page)
	case phaseAgain:
		err = c.checkFolders(ctx, page, c.scope())
	case phaseLedgers:
		err = c.checkFolders(ctx, page, scope{Place: c.Ledger, prefix: keysOf(c.Ledger)})
	case phaseUploads:
		err = c.checkUploads(ctx, page)
	case phaseDone:
	default: // a worker of its release goes on
		err = fmt.Errorf("the check is in the phase %q, which this release does not know: give all workers of the "+
			"task queue one release", state.Phase)
	}
	if err != nil {
		return nil, err
	}
	page.State.Again, page.State.Places = c.again, c.places
	page.Counts = c.counts
	page.Done = page.State.Phase == phaseDone
	return page, nil
}

// scope is a part of a bucket.
type scope struct {
	allowed.Place
	prefix string
}

func (c *Checker) scope() scope {
	if c.Track != nil {
		return scope{c.At, archive.Locate(c.At.Bucket, c.At.Prefix, *c.Track).Dir}
	}
	return scope{c.At, keysOf(c.At)}
}

// follow ends a phase.
func (c *Checker) follow(state *activityapi.VerifyState) {
	state.After = ""
	switch state.Phase {
	case phaseMeasure:
		state.Phase = phaseTracks
	case phaseTracks, phasePlaces, phaseAgain, phaseLedgers:
		ledgersLeft := c.WithLedgers && c.Track == nil && !covers(c.At, c.Ledger)
		switch {
		case state.Phase == phaseTracks && (c.again || ledgersLeft) && len(c.elsewhere()) > 0:
			state.Phase = phasePlaces
		case (state.Phase == phaseTracks || state.Phase == phasePlaces) && c.again:
			state.Phase = phaseAgain
		case state.Phase != phaseLedgers && ledgersLeft:
			state.Phase = phaseLedgers
		default:
			state.Phase = phaseUploads
		}
	default:
		state.Phase = phaseDone
	}
}

// elsewhere are the homes that are not checked.
func (c *Checker) elsewhere() []allowed.Place {
	return slices.DeleteFunc(slices.Clone(c.Homes), func(home allowed.Place) bool { return covers(c.At, home) })
}

// findPlaces looks where manifests are in the homes that are not checked. A bucket that is not
// there has none.
func (c *Checker) findPlaces(ctx context.Context, page *activityapi.VerifyPage) error {
	began, homes := c.now(), c.elsewhere()
	if page.State.Home >= len(homes) { // this worker knows fewer than the one of the page before
		c.follow(&page.State)
		return nil
	}
	home := homes[page.State.Home]
	for info, err := range c.Store.Walk(ctx, home.Bucket, keysOf(home), page.State.After) {
		if errors.Is(err, archive.ErrNoBucket) {
			break
		}
		if err != nil {
			return err
		}
		page.State.After = info.Key
		if f, ok := findFolder(home.Bucket, info.Key); ok {
			_, deleted := archive.ParseDeletion(f.location(), info.Key)
			if deleted || info.Key == archive.ManifestKey(f.location()) {
				c.remember(f.at)
			}
		}
		if c.now().Sub(began) > pageTime {
			return nil
		}
	}
	page.State.After = ""
	if page.State.Home++; page.State.Home == len(homes) {
		c.follow(&page.State)
	}
	return nil
}

// remember adds a place where there are manifests.
func (c *Checker) remember(at allowed.Place) {
	if len(c.places) < c.maxPlaces && !slices.Contains(c.places, at) {
		c.places = append(c.places, at)
	}
}

// walksLedgers reports whether every ledger's own folder is looked at.
func (c *Checker) walksLedgers() bool {
	return c.Track == nil && (c.WithLedgers || covers(c.At, c.Ledger))
}

// measure sums up how much there is.
func (c *Checker) measure(ctx context.Context, page *activityapi.VerifyPage) error {
	began, s := c.now(), c.scope()
	for info, err := range c.Store.Walk(ctx, s.Bucket, s.prefix, page.State.After) {
		if err != nil {
			return err
		}
		page.State.After = info.Key
		if f, ok := findFolder(s.Bucket, info.Key); ok {
			if strings.Contains(strings.TrimPrefix(info.Key, f.location().Dir), "/") {
				page.State.Total += info.Size
			}
		}
		if c.now().Sub(began) > pageTime {
			return nil
		}
	}
	c.follow(&page.State)
	return nil
}

// checkFolders looks at the folders of the next page, and again at those in which it found
// something: a run may have written while it looked.
func (c *Checker) checkFolders(ctx context.Context, page *activityapi.VerifyPage, s scope) error {
	looks, lookCtx := errgroup.WithContext(ctx)
	looks.SetLimit(concurrency)
	seen := false
	after, ended, err := c.walkFolders(lookCtx, s, page.State.After, func(f folder, o objects) {
		seen = true
		looks.Go(func() error { return c.firstLook(lookCtx, page.State, f, o) })
	})
	if c.Track != nil && !seen && page.State.After == "" && err == nil { // its ledger may be elsewhere
		err = c.firstLook(lookCtx, page.State, folderOf(c.At, *c.Track), objects{})
	}
	if waited := looks.Wait(); waited != nil {
		err = waited // the walk was only stopped by it
	}
	if page.State.Phase == phaseLedgers && errors.Is(err, archive.ErrNoBucket) {
		c.follow(&page.State) // nothing was ever paid for
		return nil
	}
	if err != nil {
		return err
	}
	findings, err := c.lookAgain(ctx, page.State)
	if err != nil {
		return err
	}
	page.Findings = findings
	page.State.After = after
	if !ended {
		return nil
	}
	c.follow(&page.State)
	return nil
}

// walkFolders hands over the folders after a key, each when all of its objects are known, and
// returns the key after which to go on, and whether there is nothing more.
func (c *Checker) walkFolders(
	ctx context.Context, s scope, after string, take func(folder, objects),
) (next string, ended bool, err error) {
	began := c.now()
	var open folder
	var held objects
	opened, taken, dir := false, 0, ""
	flush := func() {
		if opened {
			take(open, held)
			taken++
		}
		opened, held = false, objects{}
	}
	next = after
	for info, err := range c.Store.Walk(ctx, s.Bucket, s.prefix, after) {
		if err != nil {
			return after, false, err
		}
		if opened && !strings.HasPrefix(info.Key, dir) {
			flush()
		}
		if !opened && (taken >= c.pageFolders || c.now().Sub(began) > pageTime || c.suspected() >= pageSuspects) {
			return next, false, nil
		}
		c.countObject()
		next = info.Key
		if !opened {
			if open, opened = findFolder(s.Bucket, info.Key); !opened {
				continue // not ours
			}
			dir = open.location().Dir
		}
		held.add(dir, info)
	}
	if ctx.Err() != nil {
		return after, false, ctx.Err()
	}
	flush()
	return next, true, nil
}

func (c *Checker) suspected() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.suspects)
}

// progressEvery is after how many objects progress is told.
const progressEvery = 500

func (c *Checker) countObject() {
	c.mu.Lock()
	c.counts.Objects++
	counts := c.counts
	c.mu.Unlock()
	if c.Progress != nil && counts.Objects%progressEvery == 0 {
		c.Progress(counts)
	}
}

// firstLook looks at a folder, and keeps it in mind if there is something to be found.
func (c *Checker) firstLook(ctx context.Context, state activityapi.VerifyState, f folder, o objects) error {
	l := c.newLook(state, f, o)
	if err := l.run(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(l.findings) > 0 {
		c.suspects = append(c.suspects, f)
		return nil
	}
	c.accept(l)
	return nil
}

// accept takes in what a look came to. The caller holds mu.
func (c *Checker) accept(l *look) {
	c.counts.Add(l.counts)
	c.again = c.again || l.again
	if l.o.manifest != nil || len(l.o.deletions) > 0 {
		c.remember(l.f.at)
	}
}

// lookAgain looks at the suspected folders once more. What it finds then is there.
func (c *Checker) lookAgain(ctx context.Context, state activityapi.VerifyState) ([]activityapi.Finding, error) {
	if len(c.suspects) == 0 {
		return nil, nil
	}
	select {
	case <-time.After(c.secondLook):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var findings []activityapi.Finding
	looks, ctx := errgroup.WithContext(ctx)
	looks.SetLimit(concurrency)
	for _, f := range c.suspects {
		looks.Go(func() error {
			o, err := c.listFolder(ctx, f)
			if err != nil {
				return err
			}
			l := c.newLook(state, f, o)
			if err := l.run(ctx); err != nil {
				return err
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.accept(l)
			findings = append(findings, l.findings...)
			return nil
		})
	}
	if err := looks.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(findings, func(a, b activityapi.Finding) int {
		return cmp.Or(
			cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Key, b.Key),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.SeparationTaskID, b.SeparationTaskID),
		)
	})
	return findings, nil
}

// listFolder returns what is in a folder.
func (c *Checker) listFolder(ctx context.Context, f folder) (o objects, err error) {
	dir := f.location().Dir
	for info, err := range c.Store.Walk(ctx, f.at.Bucket, dir, "") {
		if err != nil {
			return o, err
		}
		o.add(dir, info)
	}
	return o, nil
}

// uploadLimit is longer than any attempt at an upload takes.
const uploadLimit = 2 * time.Hour

// checkUploads looks for uploads that were begun long ago. MinIO and S3 keep their parts where no
// list of objects shows them.
func (c *Checker) checkUploads(ctx context.Context, page *activityapi.VerifyPage) error {
	s := c.scope()
	for upload, err := range c.Store.Uploads(ctx, s.Bucket) {
		var refused *archive.Error
		if errors.As(err, &refused) && refused.Final && !errors.Is(err, archive.ErrNoBucket) {
			c.counts.UploadsUnchecked = true
			break
		}
		if err != nil {
			return err
		}
		if !strings.HasPrefix(upload.Key, s.prefix) || c.now().Sub(upload.Begun) < uploadLimit {
			continue
		}
		f, ok := findFolder(s.Bucket, upload.Key)
		if !ok {
			continue // not ours
		}
		page.Findings = append(page.Findings, newFinding(f, stemflow.FindingUploadUnfinished, upload.Key, "",
			"an upload to it was begun on "+upload.Begun.UTC().Format(time.DateOnly)+" and never ended"))
		if len(page.Findings) == pageSuspects {
			break // what there are more of the same remedy ends
		}
	}
	c.follow(&page.State)
	return nil
}
