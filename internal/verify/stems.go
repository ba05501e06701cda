package verify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"stemflow"
	"stemflow/internal/archive"
)

// checkStems finds stems of the manifest that are not there, or not as it says.
func (l *look) checkStems(ctx context.Context) error {
	l.counts.Tracks++
	if len(l.manifest.Failed)+len(l.manifest.Missing) > 0 {
		l.counts.Partial++
	}
	for _, stem := range l.manifest.Stems {
		l.counts.Stems++
		l.counts.Bytes += stem.Size
		if err := l.checkStem(ctx, stem); err != nil {
			return err
		}
	}
	return l.checkMIDI(ctx)
}

// checkMIDI finds MIDI of the manifest that is not there, or not as it says. One that is under way
// has nothing yet.
func (l *look) checkMIDI(ctx context.Context) error {
	for _, entry := range l.manifest.MIDI {
		for _, object := range entry.Objects() {
			l.counts.Bytes += object.Size
			problem, err := l.objectProblem(ctx, object)
			if err != nil {
				return err
			}
			if problem != "" {
				l.report(stemflow.FindingMIDIDamaged, object.Key, l.manifest.SeparationTaskID, "%s", problem)
			}
		}
	}
	return nil
}

// objectProblem says what is wrong with an object of MIDI, nothing if it is right.
func (l *look) objectProblem(ctx context.Context, object stemflow.MIDIObject) (problem string, err error) {
	info, err := l.c.stat(ctx, l.loc.Bucket, object.Key)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return "the manifest lists it, and the store does not have it", nil
	case errors.Is(err, errUnreadable):
		return "the store fails when it is asked for it", nil
	case err != nil:
		return "", err
	case info.Size != object.Size:
		return fmt.Sprintf("it has %d bytes, and the manifest says %d", info.Size, object.Size), nil
	case info.SHA256 != "" && info.SHA256 != object.SHA256:
		return "by the store's checksum it is not what the manifest says", nil
	}
	if !l.c.Read.Of(l.state.Total).Takes(l.state.Seed, l.loc.Bucket+"/"+object.Key) {
		return "", nil
	}
	sum, size, err := l.c.readBack(ctx, l.loc.Bucket, object.Key)
	l.counts.ReadBytes += size
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return "the manifest lists it, and the store does not have it", nil
	case errors.Is(err, errUnreadable):
		return "the store cannot give it back whole", nil
	case err != nil:
		return "", err
	case sum != object.SHA256:
		return "what was read of it is not what the manifest says", nil
	}
	return "", nil
}

func (l *look) checkStem(ctx context.Context, stem stemflow.Stem) error {
	info, err := l.c.stat(ctx, l.loc.Bucket, stem.Key)
	proved, differs := info.Proves(stem.SHA256, stem.StoreChecksum)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		l.reportStem(stemflow.FindingStemMissing, stem, "the manifest lists it, and the store does not have it")
		return nil
	case errors.Is(err, errUnreadable):
		l.reportStem(stemflow.FindingStemUnreadable, stem, "the store fails when it is asked for it")
		return nil
	case err != nil:
		return err
	case info.Size != stem.Size:
		l.reportStem(stemflow.FindingStemSize, stem, "it has %d bytes, and the manifest says %d", info.Size, stem.Size)
		return nil
	case differs:
		l.reportStem(stemflow.FindingStemChecksum, stem, "by the store's checksum it is not what the manifest says")
		return nil
	}
	if !l.c.Read.Of(l.state.Total).Takes(l.state.Seed, l.loc.Bucket+"/"+stem.Key) {
		if !proved {
			l.counts.Unproved++
		}
		return nil
	}
	sum, size, err := l.c.readBack(ctx, l.loc.Bucket, stem.Key)
	l.counts.ReadStems++
	l.counts.ReadBytes += size
	switch {
	case errors.Is(err, archive.ErrNotFound):
		l.reportStem(stemflow.FindingStemMissing, stem, "the manifest lists it, and the store does not have it")
	case errors.Is(err, errUnreadable):
		l.reportStem(stemflow.FindingStemUnreadable, stem, "the store cannot give it back whole")
	case err != nil:
		return err
	case sum != stem.SHA256:
		l.reportStem(stemflow.FindingStemChecksum, stem, "what was read of it is not what the manifest says")
	}
	return nil
}

// reportStem adds a finding about a stem. A repair resumes its separation, unless the ledger knows
// of others alone.
func (l *look) reportStem(kind stemflow.FindingKind, stem stemflow.Stem, format string, args ...any) {
	id := l.manifest.SeparationTaskID
	f := l.report(kind, stem.Key, id, format, args...)
	if l.sound() && (knows(l.books.all, id) || len(l.books.all.Entries()) == 0) {
		f.Resume = id
	}
}

// errUnreadable says that the store answers, and yet cannot give back an object that it has.
var errUnreadable = errors.New("the store cannot give the object back")

// The store is asked again after these pauses for what it failed to give: it may be restarting, or
// busy.
var pauses = []time.Duration{time.Second, 3 * time.Second}

// persist tries something that asks the store for an object. An error that stays while the store
// answers otherwise is the object's, and becomes errUnreadable. It is asked for the list of the
// object's folder: of all others, a worker may be let into this one alone.
func (c *Checker) persist(ctx context.Context, bucket, key string, try func() error) error {
	for i := 0; ; i++ {
		err := try()
		var failure *archive.Error
		if err == nil || !errors.As(err, &failure) || failure.Final || ctx.Err() != nil {
			return err
		}
		if i == len(pauses) {
			for _, probeErr := range c.Store.Walk(ctx, bucket, key[:strings.LastIndex(key, "/")+1], "") {
				if probeErr != nil {
					return err
				}
				break
			}
			return errUnreadable
		}
		select {
		case <-time.After(pauses[i]):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Checker) stat(ctx context.Context, bucket, key string) (info archive.Info, err error) {
	err = c.persist(ctx, bucket, key, func() error {
		info, err = c.Store.Stat(ctx, bucket, key)
		return err
	})
	return info, err
}

// readBack reads an object whole, at the bounded rate, and returns its SHA-256.
func (c *Checker) readBack(ctx context.Context, bucket, key string) (sum string, size int64, err error) {
	select {
	case c.reading <- struct{}{}:
		defer func() { <-c.reading }()
	case <-ctx.Done():
		return "", 0, ctx.Err()
	}
	err = c.persist(ctx, bucket, key, func() error {
		content, _, err := c.Store.Open(ctx, bucket, key)
		if err != nil {
			return err
		}
		defer content.Close()
		hash := sha256.New()
		n, err := io.CopyBuffer(hash, &limited{ctx, c, content}, make([]byte, readSize))
		size += n
		sum = hex.EncodeToString(hash.Sum(nil))
		if err != nil && ctx.Err() == nil && !errors.Is(err, errTooSlow) {
			return &archive.Error{Op: "read", Bucket: bucket, Key: key, Err: err}
		}
		return err
	})
	return sum, size, err
}

// readSize is how much is read at once: the limiter has to allow it.
const readSize = 64 << 10

// errTooSlow says nothing of the object that is read.
var errTooSlow = fmt.Errorf("limitRate lets too little be read in the time that the check has, raise it: %w",
	context.DeadlineExceeded)

// limited is a reader that keeps to the checker's rate.
type limited struct {
	ctx context.Context
	c   *Checker
	r   io.Reader
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p[:min(len(p), readSize)])
	if l.c.Limiter != nil && n > 0 {
		if l.c.Limiter.WaitN(l.ctx, n) != nil {
			return n, cmp.Or(l.ctx.Err(), errTooSlow)
		}
	}
	return n, err
}
