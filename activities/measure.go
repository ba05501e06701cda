package activities

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"time"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/audio"
)

var (
	// errNotAudio: an error page is no stem.
	errNotAudio = errors.New("what is served is not audio")
	// errChanged: what is served is not what the object's name was chosen for.
	errChanged = errors.New("what is served has changed its format")
)

const (
	// cutShort is how much shorter than announced a whole stem may play: announced durations are
	// rounded, to a whole second at worst.
	cutShort = time.Second
	// sameDuration is how much an announced duration may differ and still be the measured one: the
	// encoder's delay and padding, and the rounding to a hundredth of a second or a tenth.
	sameDuration = 100 * time.Millisecond

	// firstHead is what the format of almost every stem is found in. mostHead is how much of a
	// stem is kept for what the format is found behind, mostly a picture in a tag.
	firstHead = 4 << 10
	mostHead  = 1 << 20
)

// measure learns all that the manifest says of a stem while its bytes pass by.
type measure struct {
	source   io.Reader
	progress *progress
	head     []byte
	meter    audio.Meter
	size     int64
	// format is what the object's name was chosen for.
	format audio.Format
	result audio.Result
	// hash is nil where only the size of what passes by is wanted.
	hash hash.Hash
	// check, where set, says at the end whether what has passed may be kept.
	check func() error
}

func newMeasure(r io.Reader, p *progress) *measure {
	m := &measure{progress: p}
	m.source = io.TeeReader(r, &m.meter)
	return m
}

// sniff finds the format without consuming what it looks at. far says that the format was found
// behind more than is kept: then the rest is of no use, and the source must be opened again.
func (m *measure) sniff() (far bool, err error) {
	buffer := make([]byte, firstHead)
	for {
		n, err := m.source.Read(buffer[len(m.head):])
		m.head = buffer[:len(m.head)+n]
		if err == io.EOF {
			m.result = m.meter.End()
		} else if err != nil {
			return false, err
		}
		format, ok := m.meter.Format()
		switch {
		case ok:
			m.format = format
			m.source = io.MultiReader(bytes.NewReader(m.head), m.source)
			return far, nil
		case err == io.EOF || m.meter.Refused():
			return false, m.notAudio()
		case len(m.head) < len(buffer):
		case len(buffer) < mostHead:
			buffer = append(buffer, make([]byte, len(buffer))...)
		default:
			far, m.head = true, m.head[:0]
		}
	}
}

func (m *measure) notAudio() error {
	return fmt.Errorf("%w but begins with %q", errNotAudio, m.head[:min(len(m.head), 48)])
}

// Read implements io.Reader. It ends only what may be kept with io.EOF.
func (m *measure) Read(p []byte) (int, error) {
	n, err := m.source.Read(p)
	m.size += int64(n)
	if m.hash != nil {
		m.hash.Write(p[:n])
	}
	if m.progress != nil {
		m.progress.bytes.Store(m.size)
	}
	if err == io.EOF {
		if bad := m.end(); bad != nil {
			return n, bad
		}
	}
	return n, err
}

func (m *measure) end() error {
	m.result = m.meter.End()
	switch {
	case m.result.Format == audio.Format{}:
		return m.notAudio()
	case !m.result.Audio:
		return fmt.Errorf("%w but headers of %s with no audio behind them", errNotAudio, m.result.Format.ContentType)
	case m.format != audio.Format{} && m.format != m.result.Format:
		return fmt.Errorf("%w from %s to %s", errChanged, m.format.ContentType, m.result.Format.ContentType)
	case m.check != nil:
		return m.check()
	}
	return nil
}

// cutShortError: a file that a host has only a part of is served as a whole one, except that it
// plays too short.
type cutShortError struct {
	played    time.Duration
	announced float64
	size      int64
	// hashed says that the content was compared with what came before, and repeated that it is the
	// same.
	hashed, repeated bool
}

func (e *cutShortError) Error() string {
	expected := "its own header says more"
	if e.announced > 0 {
		expected = fmt.Sprintf("%.5g s are announced", e.announced)
	}
	return fmt.Sprintf("what is served ends before the stem does: its %d bytes play %.5g s, and %s; try again "+
		"later: what stays the same over several fetches is archived as it is", e.size, e.played.Seconds(), expected)
}

// shortOf reports whether what has passed is surely less than a stem of which seconds are
// announced; 0 is that none are.
func (m *measure) shortOf(seconds float64) bool {
	played := m.result.Duration.Seconds()
	return m.result.Cut || played > 0 && played < seconds-cutShort.Seconds()
}

// sum is the SHA-256 of what has passed, empty where it was not wanted.
func (m *measure) sum() string {
	if m.hash == nil {
		return ""
	}
	return hex.EncodeToString(m.hash.Sum(nil))
}

// wantSum makes sum what it says.
func (m *measure) wantSum() { m.hash = sha256.New() }

// stem is what passed by. Its checksums are known to the caller. What the provider says of the
// duration is kept beside the measured one where it is another.
func (m *measure) stem(in activityapi.ArchiveStemInput, key, sha256, storeChecksum string) *stemflow.Stem {
	stem := &stemflow.Stem{
		Name: in.Stem.Name, Bucket: in.Location.Bucket, Key: key, Size: m.size, SHA256: sha256,
		StoreChecksum: storeChecksum,
		ContentType:   m.result.Format.ContentType, SourceID: in.Stem.SourceID,
		DurationSeconds: math.Round(m.result.Duration.Seconds()*1000) / 1000,
	}
	if announced := in.Stem.DurationSeconds; announced > 0 &&
		math.Abs(announced-m.result.Duration.Seconds()) > sameDuration.Seconds() {
		stem.AnnouncedDurationSeconds = announced
	}
	return stem
}
