package archived

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/internal/ledger"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
)

// Ways to break costs down.
const (
	ByDay    = "day"
	ByPrefix = "prefix"
	ByType   = "type"
)

// Spent is what separations and WAVs have cost by the provider's documents.
type Spent struct {
	// Separations were paid for; Failed of them the provider could not finish.
	Separations int     `json:"separations"`
	Failed      int     `json:"failed"`
	Credits     int     `json:"credits"`
	Dollars     float64 `json:"dollars"`
	// WAVs were paid for, too, and cost WAVCredits. Dollars is the sum of both.
	WAVs       int     `json:"wavs,omitempty"`
	WAVCredits float64 `json:"wavCredits,omitempty"`
	// MayHavePaid are attempts whose outcome is not known, and what they cost if they were
	// accepted. They are in no other sum.
	MayHavePaid        int `json:"mayHavePaid"`
	MayHavePaidCredits int `json:"mayHavePaidCredits"`
}

// add counts an entry of a ledger, and reports whether it is one that counts.
func (s *Spent) add(e ledger.Entry) {
	price := stemflow.Price(e.Track.Type)
	switch e.State {
	case stemflow.SubmissionPaid, stemflow.SubmissionFailed:
		if e.Track.Type == stemflow.TypeWAV {
			s.WAVs++
			s.WAVCredits = float64(s.WAVs) * stemflow.WAVCredits
		} else {
			s.Separations++
			s.Credits += price
		}
		if e.State == stemflow.SubmissionFailed {
			s.Failed++
		}
	case stemflow.SubmissionIntended:
		s.MayHavePaid++
		s.MayHavePaidCredits += price
	}
	s.Dollars = stemflow.Dollars(float64(s.Credits) + s.WAVCredits)
}

// Row is a part of what was spent.
type Row struct {
	Key string `json:"key"`
	Spent
}

// Costs is what the account's ledgers know to be spent.
type Costs struct {
	Spent
	// Rows break it down, in the order of their keys.
	Rows []Row `json:"rows,omitempty"`
	// Unread are the keys of ledgers that cannot be read: what they know is in no sum.
	Unread []string `json:"unread,omitempty"`
}

// ReadCosts sums up the account's ledgers: all of them, or those of one track, of all types unless
// it has one. By is one of the ways above, or empty.
func ReadCosts(
	ctx context.Context, store *archive.Store, cfg config.Starter, of stemflow.SeparateStemsInput, by string,
) (*Costs, error) {
	prefix := strings.Trim(cfg.LedgerPrefix, "/")
	folder := prefix
	switch {
	case of.TaskID == "":
	case of.Type == "":
		folder = path.Join(prefix, of.TaskID, of.AudioID)
	default:
		folder = archive.Locate(cfg.LedgerBucket, prefix, of.Track()).Dir
	}
	var keys []string
	prefixes := map[string][]string{} // of the archive, by separation
	noteLedger := func(object archive.Info) {
		place, rest, ok := archive.Parse(object.Key)
		// Below other prefixes there are copies.
		if ok && place.Prefix == prefix && rest == archive.SubmissionFile {
			keys = append(keys, object.Key)
		}
	}
	noteStem := func(object archive.Info) {
		place, rest, ok := archive.Parse(object.Key)
		if id, is := stemOf(rest); ok && is && !slices.Contains(prefixes[id], place.Prefix) {
			prefixes[id] = append(prefixes[id], place.Prefix)
		}
	}
	if err := walk(ctx, store, cfg.LedgerBucket, folder, noteLedger); err != nil {
		return nil, err
	}
	if by == ByPrefix {
		if err := walk(ctx, store, cfg.Bucket, "", noteStem); err != nil {
			return nil, err
		}
	}
	ledgers, unread, err := readLedgers(ctx, store, cfg.LedgerBucket, keys)
	if err != nil {
		return nil, err
	}
	costs := &Costs{Unread: unread}
	rows := map[string]*Row{}
	for _, l := range ledgers {
		for _, e := range l.Entries() {
			if e.State == stemflow.SubmissionRefused {
				continue
			}
			costs.add(e)
			if by == "" {
				continue
			}
			key := rowOf(e, by, prefixes)
			if rows[key] == nil {
				rows[key] = &Row{Key: key}
			}
			rows[key].add(e)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		costs.Rows = append(costs.Rows, *rows[key])
	}
	return costs, nil
}

// rowOf is the row that an entry belongs to.
func rowOf(e ledger.Entry, by string, prefixes map[string][]string) string {
	switch by {
	case ByType:
		return cmp.Or(string(e.Track.Type), "(unknown)")
	case ByPrefix:
		at := prefixes[e.SeparationTaskID]
		if e.SeparationTaskID == "" || len(at) == 0 {
			return "(not archived)"
		}
		// What is archived twice was paid for once.
		return strings.Join(slices.Sorted(slices.Values(at)), ", ")
	default:
		for _, at := range []time.Time{e.SubmittedAt, e.IntendedAt, e.ScheduledAt} {
			if !at.IsZero() {
				return at.UTC().Format(time.DateOnly)
			}
		}
		return "(unknown)"
	}
}

func readLedgers(
	ctx context.Context, store *archive.Store, bucket string, keys []string,
) (ledgers []ledger.Ledger, unread []string, err error) {
	ledgers = make([]ledger.Ledger, len(keys))
	corrupt := make([]bool, len(keys))
	doing := fmt.Sprintf("reading ledgers from the object store %s", store.Endpoint())
	err = limit.WaitWhileMoving(ctx, scanTimeout, quietTimeout, doing, func(ctx context.Context, moved func()) error {
		return each(ctx, len(keys), func(ctx context.Context, i int) error {
			defer moved()
			_, err := store.ReadJSON(ctx, bucket, keys[i], &ledgers[i])
			if errors.Is(err, archive.ErrCorrupt) {
				ledgers[i], corrupt[i] = ledger.Ledger{}, true
				return nil
			}
			return err
		})
	})
	if err != nil {
		return nil, nil, failure.Archive("", err)
	}
	for i, key := range keys {
		if corrupt[i] {
			unread = append(unread, key)
		}
	}
	return ledgers, unread, nil
}
