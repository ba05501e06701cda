// Package songfile reads songs from files on this machine, as they are separated: whole, known by
// their content, and no larger than the provider takes.
package songfile

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"stemflow"
	"stemflow/internal/audio"
	"stemflow/internal/bounded"
)

// Song is a song that was read from a file.
type Song struct {
	// Name is the file's path, as it was given.
	Name string
	// Content is all of it: at most [stemflow.MaxAudioSize].
	Content []byte
	// SHA256 is of the content, in lower-case hexadecimal.
	SHA256 string
	Format audio.Format
	// Cut says that the file itself says that there should be more of it.
	Cut bool
	// Title is what people call it.
	Title string
}

// Error says why a file is no song that can be separated.
type Error struct {
	// Name is the file's path.
	Name string
	// Problem says what is wrong and what to do.
	Problem string
	// Err is the cause, where the file cannot be read.
	Err error
}

func (e *Error) Error() string { return e.Name + ": " + e.Problem }

func (e *Error) Unwrap() error { return e.Err }

// Read reads a song. Every error is an [*Error].
func Read(name string) (*Song, error) {
	content, err := read(name)
	if err != nil {
		return nil, err
	}
	var meter audio.Meter
	_, _ = meter.Write(content) // it takes all
	found := meter.End()
	if !found.Audio {
		return nil, &Error{
			Name: name, Problem: "is no audio that is known: give a whole MP3, WAV, FLAC, M4A, AAC or Ogg file",
		}
	}
	sum := sha256.Sum256(content)
	return &Song{
		Name: name, Content: content, SHA256: hex.EncodeToString(sum[:]), Format: found.Format, Cut: found.Cut,
		Title: cmp.Or(audio.ReadTags(bytes.NewReader(content)).Title, titleOf(name)),
	}, nil
}

func read(name string) ([]byte, error) {
	info, err := os.Stat(name) // before it is opened: a pipe would wait for its other end
	if err != nil {
		return nil, unread(name, err)
	}
	switch {
	case info.IsDir():
		return nil, &Error{Name: name, Problem: "is a folder: give a file"}
	case !info.Mode().IsRegular():
		return nil, &Error{Name: name, Problem: "is no regular file: give one"}
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, unread(name, err)
	}
	defer file.Close()
	if info.Size() > stemflow.MaxAudioSize {
		return nil, tooLarge(name)
	}
	var content bytes.Buffer
	content.Grow(int(info.Size()) + bytes.MinRead)
	if _, err := content.ReadFrom(io.LimitReader(file, stemflow.MaxAudioSize+1)); err != nil {
		return nil, unread(name, err)
	}
	if content.Len() > stemflow.MaxAudioSize { // it has grown
		return nil, tooLarge(name)
	}
	return content.Bytes(), nil
}

func unread(name string, err error) error {
	text := err.Error()
	if failed, ok := err.(*os.PathError); ok {
		text = failed.Err.Error()
	}
	return &Error{Name: name, Problem: "cannot be read: " + text, Err: err}
}

func tooLarge(name string) error {
	return &Error{Name: name, Problem: fmt.Sprintf("is larger than %d MB, which is the most that the provider takes: "+
		"give a smaller file", stemflow.MaxAudioSize>>20)}
}

// titleOf is the name of a file without folders and extension.
func titleOf(name string) string {
	base := filepath.Base(name)
	title := strings.TrimSpace(cmp.Or(strings.TrimSuffix(base, filepath.Ext(base)), base))
	title = strings.ToValidUTF8(title, "\uFFFD")
	if runes := []rune(title); len(runes) > stemflow.MaxTitle {
		title = string(runes[:stemflow.MaxTitle])
	}
	return bounded.Text(title, 4*stemflow.MaxTitle)
}

// extensions are those of files that are songs to people.
var extensions = []string{
	".mp3", ".wav", ".flac", ".m4a", ".mp4", ".aac", ".ogg", ".oga", ".opus", ".aif", ".aiff",
}

// HasExtension reports whether a file is called like a song.
func HasExtension(name string) bool {
	return slices.Contains(extensions, strings.ToLower(filepath.Ext(name)))
}
