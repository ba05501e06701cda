// Package session puts the archived stems of a track, their MIDI and what is known of them into one
// file that an audio workstation, or a person, goes on with.
package session

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"stemflow"
	"stemflow/starter/internal/download"
)

// Format is a form of a session.
type Format string

const (
	// Zip has the stems and the MIDI as files with the names that people give them.
	Zip Format = "zip"
	// DAWproject is a project that audio workstations open: one track for each stem and for each
	// instrument that was heard.
	DAWproject Format = "dawproject"
)

// Formats are all formats.
func Formats() []string { return []string{string(Zip), string(DAWproject)} }

// ParseFormat returns the format that a text names.
func ParseFormat(text string) (Format, error) {
	if !slices.Contains(Formats(), text) {
		return "", fmt.Errorf("use %s or %s", Zip, DAWproject)
	}
	return Format(text), nil
}

// Session is what is put into one file. The same session always makes the same file.
type Session struct {
	Format   Format
	Manifest stemflow.Manifest
	// Text is the manifest as it is stored.
	Text []byte
	// Stems are those of the manifest that are wanted.
	Stems []stemflow.Stem
	// Release is the version of the program that makes it.
	Release string
}

// Open opens an object for reading, by its key.
type Open func(key string) (io.ReadCloser, error)

// File is an object that is in a session, or that is read for it.
type File struct {
	stemflow.Stem
	// Name is what it is called in the session, and empty where it is only read.
	Name string
}

// Files are the objects that Write reads: the stems, and the MIDI that goes with them.
func (s Session) Files() []File {
	var files []File
	named := s.names()
	folder := ""
	if s.Format == DAWproject {
		folder = "audio/"
	}
	for _, stem := range s.Stems {
		files = append(files, File{Stem: stem, Name: folder + named.file(displayName(stem.Name, s.Manifest), stem.Key)})
	}
	for _, entry := range s.midi() {
		if s.Format == DAWproject {
			files = append(files, File{Stem: asStem(entry.JSON)})
			continue
		}
		display := allStems
		if entry.Stem != "" {
			display = displayName(entry.Stem, s.Manifest)
		}
		files = append(files, File{Stem: asStem(entry.File), Name: named.file(display, entry.File.Key)})
	}
	return files
}

// midi are the transcriptions that go with the stems. That of all stems together goes with all.
func (s Session) midi() (entries []stemflow.MIDI) {
	for _, entry := range s.Manifest.MIDI {
		of := func(stem stemflow.Stem) bool { return stem.Name == entry.Stem }
		wanted := slices.ContainsFunc(s.Stems, of)
		if entry.Stem == "" {
			wanted = len(s.Stems) == len(s.Manifest.Stems)
		}
		if wanted && entry.IsArchived() {
			entries = append(entries, entry)
		}
	}
	return entries
}

func asStem(object *stemflow.MIDIObject) stemflow.Stem {
	return stemflow.Stem{
		Name:   strings.TrimSuffix(path.Base(object.Key), path.Ext(object.Key)),
		Bucket: object.Bucket, Key: object.Key, Size: object.Size, SHA256: object.SHA256,
		ContentType: object.ContentType,
	}
}

// Write writes the session. It reads each object twice: first to measure it and to compare it with
// the manifest, and then for what is written. An object that is not what the manifest says is a
// [*download.DamageError].
func (s Session) Write(ctx context.Context, w io.Writer, open Open) error {
	parts, err := s.measure(ctx, open)
	if err != nil {
		return err
	}
	out := newPacker(ctx, w, s.Manifest.ArchivedAt)
	if s.Format == DAWproject {
		err = s.writeProject(out, parts, open)
	} else {
		err = s.writeIndex(out, parts)
	}
	if err != nil {
		return err
	}
	for _, part := range parts {
		if part.Name == "" {
			continue
		}
		if err := out.store(part, open); err != nil {
			return err
		}
	}
	return out.close()
}

// measure reads all objects.
func (s Session) measure(ctx context.Context, open Open) (parts []part, err error) {
	for _, file := range s.Files() {
		p, err := measure(ctx, file, open)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	if err := lineUp(parts[:len(s.Stems)]); err != nil {
		return nil, err
	}
	return parts, nil
}

// damaged says that an object is not what the manifest says.
func damaged(file File, problem string) error {
	return &download.DamageError{Stem: file.Stem.Name, Key: file.Key, Problem: problem}
}
