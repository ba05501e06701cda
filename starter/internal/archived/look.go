package archived

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
	"stemflow/internal/catalog"
	"stemflow/internal/config"
	"stemflow/internal/ledger"
	"stemflow/internal/trackstate"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
	"stemflow/starter/internal/view"
)

const (
	// maxLooks is how many tracks are looked up at a time: each is two or three short requests.
	maxLooks = 48
	// lookTries is how often a look that failed for a passing reason is made, lookPause the pause
	// between two of them.
	lookTries = 3
	lookPause = time.Second
)

// Standing is what starting a track would do.
type Standing int

// The values of [Standing].
const (
	// ToPay: nothing is archived and nothing is paid for.
	ToPay Standing = iota
	// IsArchived: nothing is to be done.
	IsArchived
	// IsPaid: it is paid for and would be archived unpaid.
	IsPaid
	// InDoubt: a run is about to pay for it, or it may have been paid for: it would not be paid for
	// unless that turns out to be wrong.
	InDoubt
	// Unreadable: its ledger cannot be read, and without it nothing is paid.
	Unreadable
)

// Looker looks up what starting tracks would do.
type Looker struct {
	reader         trackstate.Reader
	store          *archive.Store
	bucket, prefix string
	// tasks are the music tasks of which the archive or the ledgers have anything; nil if that is
	// not known.
	tasks map[string]bool
}

// NewLooker returns one for tracks that are archived to the bucket and the prefix unless they say
// otherwise; empty is what the environment says.
func NewLooker(store *archive.Store, cfg config.Starter, bucket, prefix string) *Looker {
	return &Looker{
		reader: trackstate.Reader{
			Store: store, LedgerBucket: cfg.LedgerBucket, LedgerPrefix: cfg.LedgerPrefix, Warn: func(string, ...any) {},
		},
		store: store, bucket: cmp.Or(bucket, cfg.Bucket), prefix: cmp.Or(prefix, cfg.Prefix),
	}
}

// foldersPerTrack is how many music tasks the archive may have for each track, so that listing them
// is worth it: a thousand are one request, and looking a track up takes two.
const foldersPerTrack = 100

// survey lists the music tasks that the store has anything of, so that all others, which are most
// of a new list, need no look. Where there are too many, or listing them is not allowed, it does
// without.
func (l *Looker) survey(ctx context.Context, tracks int) {
	tasks := map[string]bool{}
	places := map[activityapi.Location]bool{
		archiveRoot(l.bucket, l.prefix): true, archiveRoot(l.reader.LedgerBucket, l.reader.LedgerPrefix): true,
	}
	for at := range places {
		list := func(ctx context.Context, moved func()) error {
			for task, err := range l.store.Folders(ctx, at.Bucket, at.Dir) {
				if err != nil {
					return err
				}
				moved()
				if tasks[task] = true; len(tasks) > foldersPerTrack*tracks {
					return errTooMany
				}
			}
			return nil
		}
		err := limit.WaitWhileMoving(ctx, listTimeout, quietTimeout, "listing the archive", list)
		if err != nil && !errors.Is(err, archive.ErrNoBucket) {
			return
		}
	}
	l.tasks = tasks
}

var errTooMany = errors.New("too many")

// archiveRoot is where the folders of all tracks are.
func archiveRoot(bucket, prefix string) activityapi.Location {
	at := activityapi.Location{Bucket: bucket}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		at.Dir = prefix + "/"
	}
	return at
}

// Look returns where a track stands, and the paid separation that would be taken up, if there is
// one. It changes nothing.
func (l *Looker) Look(
	ctx context.Context, in stemflow.SeparateStemsInput,
) (standing Standing, paid *stemflow.Submission, err error) {
	track := in.Track() // a song of one's own names no task itself
	switch {
	case in.SeparationTaskID != "":
		return IsPaid, nil, nil
	case in.Force:
		return ToPay, nil, nil
	case l.tasks != nil && in.Bucket == "" && in.Prefix == "" && !l.tasks[track.TaskID]:
		return ToPay, nil, nil // there is nothing of it
	}
	loc := archive.Locate(cmp.Or(in.Bucket, l.bucket), cmp.Or(in.Prefix, l.prefix), track)
	var state trackstate.State
	for try := 1; ; try++ {
		err = limit.Wait(ctx, readTimeout, "looking a track up in the object store", func(ctx context.Context) error {
			state, err = l.reader.Read(ctx, loc, track, "")
			return err
		})
		var refused *archive.Error
		final := errors.As(err, &refused) && refused.Final
		if err == nil || final || errors.Is(err, archive.ErrNoBucket) || errors.Is(err, archive.ErrCorrupt) ||
			ctx.Err() != nil || try == lookTries {
			break
		}
		select {
		case <-time.After(lookPause):
		case <-ctx.Done():
		}
	}
	switch {
	case errors.Is(err, archive.ErrNoBucket):
		return ToPay, nil, nil
	case errors.Is(err, archive.ErrCorrupt):
		return Unreadable, nil, nil
	case err != nil:
		return 0, nil, err
	case state.Archived != nil:
		return IsArchived, nil, nil
	case state.Partial != nil:
		return IsPaid, nil, nil
	}
	switch decision, entry := state.Ledger.Decide(ledger.Claim{Owner: "nobody", Nonce: "none"}); decision {
	case ledger.Paid:
		return IsPaid, &entry, nil
	case ledger.HeldByOther:
		return InDoubt, nil, nil
	}
	return ToPay, nil, nil
}

// LookAtList looks all tracks of a list up, some at a time, and says now and then how many it has.
// The list is one that [catalog.Check] has found right.
func LookAtList(
	ctx context.Context, looker *Looker, list io.Reader, tracks int, in stemflow.SeparateCatalogInput,
	progress func(done int),
) (*view.Price, error) {
	looker.survey(ctx, tracks)
	// What holds for all is the looker's own.
	at := in
	at.Bucket, at.Prefix = "", ""
	price := &view.Price{Name: in.Name, Budget: in.CreditBudget}
	var mu sync.Mutex
	done := 0
	looks, lookCtx := errgroup.WithContext(ctx)
	looks.SetLimit(maxLooks)
	var err error
	price.Tracks, err = catalog.Check(list, at, nil, func(track activityapi.CatalogTrack) error {
		if err := lookCtx.Err(); err != nil {
			return err
		}
		looks.Go(func() error {
			standing, _, err := looker.Look(lookCtx, track.Input)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			count(price, standing, track.Input)
			done++
			progress(done)
			return nil
		})
		return nil
	})
	if lookErr := looks.Wait(); lookErr != nil {
		if _, ok := errors.AsType[*limit.Interrupted](lookErr); ok || ctx.Err() == nil {
			return nil, failure.Archive("the archive cannot be looked at: ", lookErr)
		}
	}
	if ctx.Err() != nil {
		return nil, &limit.Interrupted{Doing: fmt.Sprintf("looking at the archive, %d tracks were looked up", done)}
	}
	return price, err
}

func count(price *view.Price, standing Standing, in stemflow.SeparateStemsInput) {
	switch standing {
	case IsArchived:
		price.Archived++
	case IsPaid:
		price.Paid++
	case InDoubt:
		price.InDoubt++
	case Unreadable:
		price.Unreadable++
	default:
		price.Add(in.WithDefaults().Type)
	}
}
