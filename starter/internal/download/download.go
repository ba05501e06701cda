// Package download brings archived stems to a folder. What it puts in place is verified against the
// manifest; what is interrupted stays beside it as a part, and is gone on with.
package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"time"

	"golang.org/x/sync/errgroup"

	"stemflow"
	"stemflow/internal/archive"
)

const (
	// parallel is how many stems are fetched at once: more makes no store on the network faster.
	parallel = 4
	// chunk is what one of them has in memory.
	chunk = 128 << 10
	// tries is how often a stem is asked for in a row without a single byte.
	tries = 5
	// pause is before the second try, and doubles.
	pause = 200 * time.Millisecond
	// stall is how long a store that answers may say nothing.
	stall = 30 * time.Second
)

// Source is what stems are read from.
type Source interface {
	Stat(ctx context.Context, bucket, key string) (archive.Info, error)
	OpenFrom(ctx context.Context, bucket, key, etag string, offset int64) (io.ReadCloser, archive.Info, error)
}

// File is a stem and the name that it gets: a path with slashes within the folder.
type File struct {
	Stem stemflow.Stem
	Name string
}

// Status says how a file came to be there.
type Status string

const (
	// Fetched: it was downloaded as a whole.
	Fetched Status = "fetched"
	// Resumed: an earlier download was gone on with.
	Resumed Status = "resumed"
	// Kept: it was there already.
	Kept Status = "kept"
)

// Result is a file that is in place and verified.
type Result struct {
	Stem   string `json:"stem"`
	File   string `json:"file"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Status Status `json:"status"`
}

// Progress is told what goes on, from several goroutines.
type Progress interface {
	// Advance counts bytes that are there; negative where they had to be given up.
	Advance(bytes int64)
	Finished(Result)
}

// DamageError says that the archive has not what its manifest says.
type DamageError struct{ Stem, Key, Problem string }

func (e *DamageError) Error() string {
	return fmt.Sprintf("the stem %s: %s %s", e.Stem, e.Key, e.Problem)
}

// FileError says that a file cannot be written or read here.
type FileError struct{ Err error }

func (e *FileError) Error() string { return e.Err.Error() }

func (e *FileError) Unwrap() error { return e.Err }

// Downloader brings stems from a bucket to a folder, which nothing can lead out of: no name, and no
// symbolic link in it.
type Downloader struct {
	Source   Source
	Bucket   string
	Folder   *os.Root
	Progress Progress

	// passing says that the files are made into another one, and need not outlive a power failure.
	passing bool
}

// All brings all files. A file that fails does not keep the others from coming; the error joins
// what failed. The results are those that are in place, in the order of the files.
func (d *Downloader) All(ctx context.Context, files []File) ([]Result, error) {
	var group errgroup.Group
	group.SetLimit(parallel)
	all, errs := make([]*Result, len(files)), make([]error, len(files))
	for i, f := range files {
		group.Go(func() error {
			if ctx.Err() != nil {
				errs[i] = ctx.Err()
				return nil
			}
			r, err := d.bring(ctx, f)
			if errs[i] = err; err == nil {
				all[i] = &r
				d.Progress.Finished(r)
			}
			return nil
		})
	}
	_ = group.Wait() // each has its error in errs
	var results []Result
	for _, r := range all {
		if r != nil {
			results = append(results, *r)
		}
	}
	if ctx.Err() != nil {
		return results, ctx.Err()
	}
	return results, errors.Join(errs...)
}

const anotherContent = "is not what was archived: its checksum differs from the manifest's"

var sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)

// bring brings one file.
func (d *Downloader) bring(ctx context.Context, f File) (Result, error) {
	result := Result{Stem: f.Stem.Name, File: f.Name, Size: f.Stem.Size, SHA256: f.Stem.SHA256, Status: Kept}
	if !sha256Form.MatchString(f.Stem.SHA256) {
		return result, &DamageError{f.Stem.Name, f.Stem.Key, "has no SHA-256 in the manifest, so it cannot be verified"}
	}
	switch there, err := d.isThere(ctx, f); {
	case err != nil:
		return result, err
	case there:
		d.Progress.Advance(f.Stem.Size)
		return result, nil
	}
	if err := d.Folder.MkdirAll(path.Dir(f.Name), 0o755); err != nil {
		return result, &FileError{err}
	}
	t := transfer{Downloader: d, file: f, part: fmt.Sprintf("%s.%s.part", f.Name, f.Stem.SHA256[:8])}
	wholes, idle := 0, 0
	for {
		err := t.finish(ctx)
		var damage *DamageError
		var local *FileError
		var refused *archive.Error
		switch {
		case err == nil:
			result.Status = Fetched
			if t.resumed {
				result.Status = Resumed
			}
			return result, nil
		case ctx.Err() != nil:
			return result, ctx.Err()
		case errors.Is(err, errDiffers):
			// What was there before may be wrong, or the way here damaged it: a second whole copy
			// that differs says that the archive does.
			if !t.resumed {
				wholes++
			}
			t.resumed = false
			if wholes == 2 {
				return result, &DamageError{f.Stem.Name, f.Stem.Key, anotherContent}
			}
			continue
		case errors.As(err, &damage), errors.As(err, &local), errors.As(err, &refused) && refused.Final:
			return result, err
		case t.moved:
			idle = 0
		}
		if idle++; idle == tries {
			return result, err
		}
		select {
		case <-time.After(pause << (idle - 1)):
		case <-ctx.Done():
			return result, ctx.Err()
		}
	}
}

// isThere reports whether the file is in place and right.
func (d *Downloader) isThere(ctx context.Context, f File) (bool, error) {
	file, err := d.Folder.Open(f.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, &FileError{err}
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false, &FileError{fmt.Errorf("%s is no file: move it away", f.Name)}
	}
	if info.Size() != f.Stem.Size {
		return false, nil
	}
	sum := sha256.New()
	if _, err := copyChunks(ctx, sum, file, nil); err != nil {
		return false, err
	}
	return hexOf(sum) == f.Stem.SHA256, nil
}

// transfer is the download of one file, over several tries.
type transfer struct {
	*Downloader
	file File
	// part is the file's name until it is whole and verified. It begins with the checksum, so that
	// no other content is gone on with.
	part string
	// begun says that there was a try, resumed that the part had something before the first one,
	// and moved that the last one brought more of it.
	begun, resumed, moved bool
	// counted is what the progress knows of.
	counted int64
}

// errDiffers says that a whole part has not the manifest's SHA-256. It is gone then.
var errDiffers = errors.New("what was downloaded is not what the manifest says")

// finish goes on with the part, and puts it in place once it is whole and verified.
func (t *transfer) finish(ctx context.Context) error {
	stem := t.file.Stem
	t.moved = false
	part, err := t.Folder.OpenFile(t.part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return &FileError{err}
	}
	defer part.Close()
	sum := sha256.New()
	have, err := copyChunks(ctx, sum, part, nil)
	if err != nil {
		return err
	}
	if !t.begun {
		t.begun, t.resumed = true, have > 0
	}
	if have > stem.Size {
		return t.giveUp()
	}
	t.count(have)
	if have < stem.Size {
		if err := t.fetch(ctx, part, sum, have); err != nil {
			return err
		}
	}
	if hexOf(sum) != stem.SHA256 {
		return t.giveUp()
	}
	if !t.passing {
		if err := part.Sync(); err != nil {
			return &FileError{err}
		}
	}
	if err := part.Close(); err != nil {
		return &FileError{err}
	}
	if err := t.Folder.Rename(t.part, t.file.Name); err != nil {
		// Another one that fetches the same may have been quicker.
		if there, _ := t.isThere(ctx, t.file); !there {
			return &FileError{err}
		}
	}
	return nil
}

// count makes the progress know of so many bytes of the part.
func (t *transfer) count(have int64) {
	t.Progress.Advance(have - t.counted)
	t.counted = have
}

// giveUp removes the part, so that the next try begins again. It is not cut: another one may have
// put it in place already.
func (t *transfer) giveUp() error {
	if err := t.Folder.Remove(t.part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &FileError{err}
	}
	t.count(0)
	return errDiffers
}

// fetch appends to the part what it lacks.
func (t *transfer) fetch(ctx context.Context, part io.Writer, sum hash.Hash, have int64) error {
	stem := t.file.Stem
	damaged := func(format string, args ...any) error {
		return &DamageError{stem.Name, stem.Key, fmt.Sprintf(format, args...)}
	}
	// A store that stops to say anything must not hold the command up.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(stall, func() {
		cancel(fmt.Errorf("the object store has sent nothing for %v", stall))
	})
	defer silence.Stop()

	info, err := t.Source.Stat(ctx, t.Bucket, stem.Key)
	_, differs := info.Proves(stem.SHA256, stem.StoreChecksum)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return damaged("is not in bucket %s", t.Bucket)
	case err != nil:
		return saying(ctx, err)
	case info.Size != stem.Size:
		return damaged("has %d bytes, and the manifest says %d", info.Size, stem.Size)
	case differs:
		return damaged(anotherContent)
	}
	body, _, err := t.Source.OpenFrom(ctx, t.Bucket, stem.Key, info.ETag, have)
	if err != nil {
		return saying(ctx, err)
	}
	defer body.Close()
	to, from := io.MultiWriter(fileWriter{part}, sum), io.LimitReader(body, stem.Size-have)
	got, err := copyChunks(ctx, to, from, func(n int64) {
		silence.Reset(stall)
		t.moved = true
		t.count(t.counted + n)
	})
	if err != nil {
		return saying(ctx, err)
	}
	if have+got < stem.Size {
		return fmt.Errorf("%s ended after %d of %d bytes", stem.Key, have+got, stem.Size)
	}
	return nil
}

// saying is an error, or why the request was given up.
func saying(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// fileWriter makes errors of writing known as such.
type fileWriter struct{ io.Writer }

func (w fileWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		err = &FileError{err}
	}
	return n, err
}

// copyChunks copies until the end, or until the user interrupts it.
func copyChunks(ctx context.Context, to io.Writer, from io.Reader, advanced func(int64)) (int64, error) {
	buffer := make([]byte, chunk)
	var total int64
	for {
		if ctx.Err() != nil {
			return total, ctx.Err()
		}
		n, err := from.Read(buffer)
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return total, err
			}
			total += int64(n)
			if advanced != nil {
				advanced(int64(n))
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

func hexOf(sum hash.Hash) string { return hex.EncodeToString(sum.Sum(nil)) }

// Silent shows nobody what goes on.
type Silent struct{}

// Advance implements Progress.
func (Silent) Advance(int64) {}

// Finished implements Progress.
func (Silent) Finished(Result) {}
