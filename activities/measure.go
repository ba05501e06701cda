package activities

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/audio"
)

// errNotAudio: an error page is no stem.
var errNotAudio = errors.New("what is served is not audio")

// errCutShort: a body without a length that ends early looks like one that is whole, except that it
// plays too short.
var errCutShort = errors.New("what is served ends before the stem does")

// cutShortSeconds is how much shorter than announced a whole stem may measure.
const cutShortSeconds = 1

// measure learns all that the manifest says of a stem while its bytes pass by.
type measure struct {
	source   io.Reader
	head     []byte
	progress *progress
	meter    audio.Meter
	size     int64
	// wholeFrom is how many seconds a body of unknown length must play to count as whole; 0 takes
	// any.
	wholeFrom float64
}

func newMeasure(r io.Reader, p *progress) *measure {
	return &measure{source: r, progress: p}
}

// sniff looks at the first bytes without consuming them.
func (m *measure) sniff() (audio.Format, error) {
	head := make([]byte, audio.SniffLen)
	n, err := io.ReadFull(m.source, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return audio.Format{}, err
	}
	m.head = head[:n]
	format, ok := audio.Sniff(m.head)
	if !ok {
		return audio.Format{}, fmt.Errorf("%w but begins with %q", errNotAudio, m.head[:min(n, 48)])
	}
	m.source = io.MultiReader(bytes.NewReader(m.head), m.source)
	return format, nil
}

// Read implements io.Reader.
func (m *measure) Read(p []byte) (int, error) {
	n, err := m.source.Read(p)
	_, _ = m.meter.Write(p[:n])
	m.size += int64(n)
	if m.progress != nil {
		m.progress.bytes.Store(m.size)
	}
	if err == io.EOF && m.wholeFrom > 0 {
		if d, ok := m.meter.Duration(); ok && d.Seconds() < m.wholeFrom-cutShortSeconds {
			return n, errCutShort
		}
	}
	return n, err
}

// stem is what passed by. Its SHA-256 is known to the caller.
func (m *measure) stem(in activityapi.ArchiveStemInput, key, sha256 string, format audio.Format) *stemflow.Stem {
	seconds := in.Stem.DurationSeconds
	if d, ok := m.meter.Duration(); ok && seconds == 0 {
		seconds = math.Round(d.Seconds()*1000) / 1000
	}
	return &stemflow.Stem{
		Name: in.Stem.Name, Bucket: in.Location.Bucket, Key: key, Size: m.size, SHA256: sha256,
		ContentType: format.ContentType, DurationSeconds: seconds, SourceID: in.Stem.SourceID,
	}
}
