package download

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	parts := name + ".parts"
	if err := d.Folder.MkdirAll(parts, 0o755); err != nil {
		return nil, &FileError{err}
	}
	root, err := d.Folder.OpenRoot(parts)
	if err != nil {
		return nil, &FileError{err}
	}
	defer root.Close()
	into := *d
	into.Folder = root
	results, err := into.All(ctx, files)
	if err != nil {
		return results, err
	}
	if err := d.pack(ctx, &into, name, files, written); err != nil {
		return nil, err
	}
	if err := d.Folder.RemoveAll(parts); err != nil {
		return nil, &FileError{err}
	}
	return results, nil
}

// pack makes the zip of files that are there.
func (d *Downloader) pack(ctx context.Context, from *Downloader, name string, files []File, written time.Time) error {
	temporary := name + ".part"
	out, err := d.Folder.Create(temporary)
	if err != nil {
		return &FileError{err}
	}
	defer out.Close()
	w := zip.NewWriter(out)
	for _, f := range files {
		if err := packOne(ctx, w, from, f, written); err != nil {
			return err
		}
	}
	if err := errors.Join(w.Close(), out.Sync(), out.Close()); err != nil {
		return &FileError{err}
	}
	if err := d.checkZip(ctx, temporary, files); err != nil {
		return err
	}
	if err := d.Folder.Rename(temporary, name); err != nil {
		return &FileError{err}
	}
	return nil
}

func packOne(ctx context.Context, w *zip.Writer, from *Downloader, f File, written time.Time) error {
	in, err := from.Folder.Open(f.Name)
	if err != nil {
		return &FileError{err}
	}
	defer in.Close()
	entry, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Store, Modified: written.UTC()})
	if err != nil {
		return &FileError{err}
	}
	if _, err := copyChunks(ctx, fileWriter{entry}, in, nil); err != nil {
		return err
	}
	return nil
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
