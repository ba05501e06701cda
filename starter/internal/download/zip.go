package download

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"time"
)

// Zip puts all files into one zip file of the folder, stored and not compressed: audio does not get
// smaller. The stems come to a folder beside it first, so that an interrupted download goes on, and
// the zip is read back before it is put in place. Written is the time of its entries.
func (d *Downloader) Zip(ctx context.Context, name string, files []File, written time.Time) ([]Result, error) {
	kept := make([]Result, len(files))
	for i, f := range files {
		kept[i] = Result{
			Stem: f.Stem.Name, File: f.Name, Size: f.Stem.Size, SHA256: f.Stem.SHA256, Status: Kept,
		}
	}
	if d.checkZip(ctx, name, files) == nil {
		for _, r := range kept {
			d.Progress.Advance(r.Size)
		}
		return kept, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return d.pack(ctx, name, files, func(from *os.Root, out io.Writer) error {
		w := zip.NewWriter(out)
		for _, f := range files {
			if err := packOne(ctx, w, from, f, written); err != nil {
				return err
			}
		}
		return w.Close()
	}, func(temporary string) error { return d.checkZip(ctx, temporary, files) })
}

// Pack has write make one file of the folder, of files that come to a folder beside it first, so
// that an interrupted download goes on. It is read back before it is put in place.
func (d *Downloader) Pack(
	ctx context.Context, name string, files []File, write func(from *os.Root, out io.Writer) error,
) ([]Result, error) {
	written := crc32.NewIEEE() // its parts are verified: this one finds what differs on the disk
	return d.pack(ctx, name, files, func(from *os.Root, out io.Writer) error {
		return write(from, io.MultiWriter(out, written))
	}, func(temporary string) error {
		in, err := d.Folder.Open(temporary)
		if err != nil {
			return &FileError{err}
		}
		defer in.Close()
		read := crc32.NewIEEE()
		if _, err := copyChunks(ctx, read, in, nil); err != nil {
			return err
		}
		if read.Sum32() != written.Sum32() {
			return &FileError{fmt.Errorf("%s is not what was written: another program writes it, too", temporary)}
		}
		return nil
	})
}

// pack is Pack for a file that is checked before it is put in place.
func (d *Downloader) pack(
	ctx context.Context, name string, files []File,
	write func(from *os.Root, out io.Writer) error, check func(temporary string) error,
) ([]Result, error) {
	parts, temporary := name+".parts", name+".part"
	if err := d.Folder.MkdirAll(parts, 0o755); err != nil {
		return nil, &FileError{err}
	}
	from, err := d.Folder.OpenRoot(parts)
	if err != nil {
		return nil, &FileError{err}
	}
	defer from.Close()
	into := *d
	into.Folder, into.passing = from, true
	results, err := into.All(ctx, files)
	if err != nil {
		return results, err
	}
	out, err := d.Folder.Create(temporary)
	if err != nil {
		return nil, &FileError{err}
	}
	defer out.Close()
	if err := write(from, fileWriter{out}); err != nil {
		_ = d.Folder.Remove(temporary) // it is made again from the parts
		return nil, err
	}
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return nil, &FileError{err}
	}
	if err := check(temporary); err != nil {
		return nil, err
	}
	if err := d.Folder.Rename(temporary, name); err != nil {
		return nil, &FileError{err}
	}
	if err := d.Folder.RemoveAll(parts); err != nil {
		return nil, &FileError{err}
	}
	return results, nil
}

func packOne(ctx context.Context, w *zip.Writer, from *os.Root, f File, written time.Time) error {
	in, err := from.Open(f.Name)
	if err != nil {
		return &FileError{err}
	}
	defer in.Close()
	entry, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Store, Modified: written.UTC()})
	if err != nil {
		return &FileError{err}
	}
	_, err = copyChunks(ctx, entry, in, nil)
	return err
}

// checkZip reports why a zip file is not one of exactly these stems, or nil.
func (d *Downloader) checkZip(ctx context.Context, name string, files []File) error {
	file, err := d.Folder.Open(name)
	if err != nil {
		return &FileError{err}
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return &FileError{err}
	}
	if !info.Mode().IsRegular() {
		return &FileError{&fs.PathError{Op: "open", Path: name, Err: errors.New("is no file")}}
	}
	r, err := zip.NewReader(file, info.Size())
	if err != nil {
		return &FileError{fmt.Errorf("%s: %w", name, err)}
	}
	if len(r.File) != len(files) {
		return &FileError{fmt.Errorf("%s has %d entries and not %d", name, len(r.File), len(files))}
	}
	for i, f := range files {
		if err := checkEntry(ctx, r.File[i], f); err != nil {
			return err
		}
	}
	return nil
}

func checkEntry(ctx context.Context, entry *zip.File, f File) error {
	differs := &FileError{fmt.Errorf("%s in the zip is not what was archived", f.Name)}
	if entry.Name != f.Name || entry.Method != zip.Store || entry.UncompressedSize64 != uint64(f.Stem.Size) {
		return differs
	}
	content, err := entry.Open()
	if err != nil {
		return &FileError{err}
	}
	defer content.Close()
	sum := sha256.New()
	if _, err := copyChunks(ctx, sum, io.LimitReader(content, f.Stem.Size+1), nil); err != nil {
		return err
	}
	if hexOf(sum) != f.Stem.SHA256 {
		return differs
	}
	return nil
}
