package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/program"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/download"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/limit"
	"stemflow/starter/internal/session"
	"stemflow/starter/internal/view"
)

// formatFlag is a flag with the format of a session.
type formatFlag session.Format

// String implements pflag.Value.
func (f *formatFlag) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *formatFlag) Type() string { return "FORMAT" }

// Set implements pflag.Value.
func (f *formatFlag) Set(text string) error {
	format, err := session.ParseFormat(text)
	*f = formatFlag(format)
	return err
}

// getSession makes one file of a track, and puts it where it was asked for.
func (c *cli) getSession(ctx context.Context, o getOptions) error {
	store, cfg, err := c.openStore()
	if err != nil {
		return err
	}
	track, err := archived.Read(ctx, store, cfg, o.Place)
	if err != nil {
		return err
	}
	m := track.Manifest
	wanted, err := download.Select(m, o.stems)
	if err != nil {
		return failure.Usage("get", "%v", err)
	}
	made := sessionFile{
		c: c, track: track, session: session.Session{
			Format: o.format, Manifest: m, Text: track.Text, Stems: wanted, Release: program.Release(),
		},
	}
	if o.midi && len(made.session.Files()) == len(wanted) {
		return noMIDI()
	}
	var got gotFiles
	dir, name := filePlace(o.out, made.session.FileName())
	if o.archive && o.out == "" {
		if dir, err = os.MkdirTemp("", "stemflow-session-"); err != nil {
			return cannotWrite(err)
		}
		defer os.RemoveAll(dir)
	} else {
		got.Dir, got.Session = dir, name
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return cannotWrite(err)
	}
	if made.folder, err = os.OpenRoot(dir); err != nil {
		return cannotWrite(err)
	}
	defer made.folder.Close()
	made.name = name
	if got.Files, err = made.make(ctx, store); err != nil {
		return err
	}
	if o.archive {
		if got.Object, err = made.archive(ctx); err != nil {
			return err
		}
	}
	if !c.printGotJSON(got) {
		c.printSession(made.session, got)
	}
	return nil
}

func (c *cli) printSession(made session.Session, got gotFiles) {
	what := view.Plural(len(made.Stems), "stem")
	if parts := len(made.Files()) - len(made.Stems); parts > 0 {
		what += " and " + view.Plural(parts, "transcription")
	}
	if got.Session != "" {
		verb := "Wrote"
		if got.Files[0].Status == download.Kept {
			verb = "Kept"
		}
		c.printf("%s %s: %s\n", verb, view.Printable(filepath.Join(got.Dir, got.Session)), what)
	}
	if got.Object != nil {
		c.printf("Put it in bucket %s as %s: %s\n", got.Object.Bucket, view.Printable(got.Object.Key), what)
	}
	c.printLacking(made.Manifest)
}

// sessionFile is a session that becomes a file of a folder.
type sessionFile struct {
	c       *cli
	track   *archived.Track
	session session.Session
	folder  *os.Root
	name    string
}

// make makes the file, unless it is there. Another one of the name is kept: it may be what somebody
// has made of an earlier session.
func (f sessionFile) make(ctx context.Context, store *archive.Store) ([]download.Result, error) {
	switch kept, err := f.isThere(ctx); {
	case err != nil:
		return nil, err
	case kept:
		return f.results(download.Kept), nil
	}
	var parts []download.File
	partOf := map[string]string{}
	for _, file := range f.session.Files() {
		name := file.Name
		if name == "" {
			name = file.Key
		}
		part := download.File{Stem: file.Stem, Name: download.SafeName(path.Base(name))}
		partOf[file.Key] = part.Name
		parts = append(parts, part)
	}
	progress, hide := f.c.downloadProgress(parts)
	d := download.Downloader{Source: store, Bucket: f.track.Bucket(), Folder: f.folder, Progress: progress}
	got, err := d.Pack(ctx, f.name, parts, func(from *os.Root, out io.Writer) error {
		return f.session.Write(ctx, out, func(key string) (io.ReadCloser, error) { return from.Open(partOf[key]) })
	})
	hide()
	if err != nil {
		return nil, notGot(ctx, err, len(got), len(parts))
	}
	return f.results(download.Fetched), nil
}

// results are the files in the session.
func (f sessionFile) results(status download.Status) (all []download.Result) {
	for _, file := range f.session.Files() {
		if file.Name != "" {
			all = append(all, download.Result{
				Stem: file.Stem.Name, File: file.Name, Size: file.Size, SHA256: file.SHA256, Status: status,
			})
		}
	}
	return all
}

// isThere reports whether the session is in place already: made again of what is in it, it comes
// out the same.
func (f sessionFile) isThere(ctx context.Context) (bool, error) {
	file, err := f.folder.Open(f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, cannotWrite(err)
	}
	defer file.Close()
	same, err := f.isSame(ctx, file)
	switch {
	case err != nil:
		return false, notGot(ctx, err, 0, len(f.session.Stems))
	case !same:
		return false, &failure.Failure{
			Type: failure.TypeFile, Code: failure.ExitFailed,
			Message: fmt.Sprintf("%s is there already, and is not this session", f.name),
			Hint:    "It is kept: move it away, or name another file with --out.",
		}
	}
	return true, nil
}

func (f sessionFile) isSame(ctx context.Context, file *os.File) (bool, error) {
	info, err := file.Stat()
	if err != nil {
		return false, &download.FileError{Err: err}
	}
	there, err := zip.NewReader(file, info.Size())
	if err != nil {
		return false, nil // it is another file
	}
	nameOf := map[string]string{}
	for _, of := range f.session.Files() {
		nameOf[of.Key] = of.Name
	}
	again := sha256.New()
	err = f.session.Write(ctx, again, func(key string) (io.ReadCloser, error) {
		if name := nameOf[key]; name != "" {
			return there.Open(name)
		}
		return f.track.Object(ctx, key) // notes, which are in it in another form
	})
	var refused *archive.Error
	var silent *limit.Exceeded
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.As(err, &refused), errors.As(err, &silent):
		return false, err
	case err != nil:
		return false, nil
	}
	sum, _, err := f.sum(file)
	return sum == hex.EncodeToString(again.Sum(nil)), err
}

// sum is the SHA-256 of a file, and its size.
func (f sessionFile) sum(file *os.File) (sum string, size int64, err error) {
	hash := sha256.New()
	if size, err = io.Copy(hash, io.NewSectionReader(file, 0, 1<<62)); err != nil {
		return "", 0, &download.FileError{Err: err}
	}
	return hex.EncodeToString(hash.Sum(nil)), size, nil
}

// archive puts the file beside the manifest.
func (f sessionFile) archive(ctx context.Context) (*stemflow.ObjectRef, error) {
	file, err := f.folder.Open(f.name)
	if err != nil {
		return nil, cannotWrite(err)
	}
	defer file.Close()
	sum, size, err := f.sum(file)
	if err != nil {
		return nil, cannotWrite(err)
	}
	at, err := f.track.PutSession(ctx, string(f.session.Format), file, size, sum)
	if err != nil {
		return nil, err
	}
	return &at, nil
}
