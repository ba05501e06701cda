package activities

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"stemflow"
	"stemflow/internal/activityapi"
	"stemflow/internal/archive"
)

// manifestVersion is the newest version of manifests that this release may change.
const manifestVersion = 1

// storedManifest is a manifest as it is in the store. What this release does not know of it stays
// when it is written again.
type storedManifest struct {
	stemflow.Manifest
	etag string
	// members are those of the document, in their order.
	members []documentMember
}

type documentMember struct {
	name  string
	value json.RawMessage
}

// errManifest says that what is stored is no manifest that this release may change.
var errManifest = errors.New("what is stored there is no manifest that this release can change")

// readManifest fails with archive.ErrNotFound, archive.ErrNoBucket, archive.ErrCorrupt,
// errManifest, and archive.ErrForeign where it names what is not its own.
func readManifest(ctx context.Context, store Store, at activityapi.Location) (storedManifest, error) {
	var m storedManifest
	var text json.RawMessage
	var err error
	if m.etag, err = store.ReadJSON(ctx, at.Bucket, archive.ManifestKey(at), &text); err != nil {
		return m, err
	}
	if m.members, err = membersOf(text); err != nil {
		return m, errManifest
	}
	if err := json.Unmarshal(text, &m.Manifest); err != nil || m.Version != manifestVersion {
		return m, errManifest
	}
	return m, archive.CheckStems(at, m.Manifest)
}

func membersOf(text []byte) (members []documentMember, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return nil, errManifest
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		m := documentMember{}
		m.name, _ = name.(string)
		if err := decoder.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

// midiMember is the member of a manifest that lists its MIDI.
const midiMember = "midi"

func (m *storedManifest) member(name string) json.RawMessage {
	for _, member := range m.members {
		if member.name == name {
			return member.value
		}
	}
	return nil
}

func (m *storedManifest) set(name string, value json.RawMessage) {
	for i := range m.members {
		if m.members[i].name == name {
			m.members[i].value = value
			return
		}
	}
	m.members = append(m.members, documentMember{name, value})
}

// midi is what the manifest has of the MIDI of a stem, nil if nothing.
func (m *storedManifest) midi(stem string) *stemflow.MIDI {
	for i := range m.MIDI {
		if m.MIDI[i].Stem == stem {
			return &m.MIDI[i]
		}
	}
	return nil
}

// setMIDI puts a MIDI into the manifest, in the place of that of the same stem.
func (m *storedManifest) setMIDI(entry stemflow.MIDI) error {
	var entries []json.RawMessage
	if listed := m.member(midiMember); listed != nil {
		if err := json.Unmarshal(listed, &entries); err != nil {
			return errManifest
		}
	}
	encoded, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	placed := false
	for i, other := range entries {
		var named struct {
			Stem string `json:"stem"`
		}
		if json.Unmarshal(other, &named) == nil && named.Stem == entry.Stem {
			entries[i], placed = encoded, true
		}
	}
	if !placed {
		entries = append(entries, encoded)
	}
	listed, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	m.set(midiMember, listed)
	return nil
}

// MarshalJSON implements json.Marshaler: the members in their order.
func (m storedManifest) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, member := range m.members {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(member.name)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(member.value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// manifestTries is how often a manifest that others write at the same time is tried to be changed.
const manifestTries = 5

// errReplaced says that the manifest is of another separation by now.
var errReplaced = errors.New("the archive has another separation of the track by now")

// recordMIDI puts a MIDI into the manifest of a separation, and nothing else of it changes. Nothing
// is written where keep says so of what the manifest has.
func recordMIDI(
	ctx context.Context, store Store, at activityapi.Location, separationTaskID string, entry stemflow.MIDI,
	keep func(known *stemflow.MIDI) bool,
) error {
	for try := 1; ; try++ {
		m, err := readManifest(ctx, store, at)
		if err != nil {
			return err
		}
		if m.SeparationTaskID != separationTaskID {
			return errReplaced
		}
		if keep(m.midi(entry.Stem)) {
			return nil
		}
		if err := m.setMIDI(entry); err != nil {
			return err
		}
		_, err = store.ReplaceJSON(ctx, at.Bucket, archive.ManifestKey(at), m.etag, m)
		if !errors.Is(err, archive.ErrPrecondition) || try == manifestTries {
			return err
		}
	}
}
