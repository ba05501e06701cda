package verify_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/sample"
	"stemflow/internal/verify"
)

// putMIDI archives MIDI of a planted track.
func (p *planted) putMIDI(stem string) stemflow.MIDI {
	p.f.t.Helper()
	put := func(ext string) *stemflow.MIDIObject {
		content := p.content(p.id, "midi of "+stem+ext)
		key := archive.MIDIKey(p.loc, p.id, stem, ext)
		written, err := p.f.Put(p.f.t.Context(), p.loc.Bucket, key, "audio/midi", bytes.NewReader(content), int64(len(content)))
		require.NoError(p.f.t, err)
		return &stemflow.MIDIObject{Bucket: p.loc.Bucket, Key: key, Size: written.Size, SHA256: written.SHA256}
	}
	return stemflow.MIDI{Stem: stem, MIDITaskID: "m", JSON: put("json"), File: put("mid")}
}

// MIDI that is whole, MIDI that is under way, and MIDI that is about to be listed are no alarm.
func TestMIDIIsNoAlarm(t *testing.T) {
	f := newFixture(t)
	p := f.plant(stemflow.SeparateVocal, f.at)
	p.manifest.MIDI = []stemflow.MIDI{p.putMIDI(""), {Stem: "vocals", MIDITaskID: "under way"}}
	p.writeManifest()
	p.putMIDI("vocals")
	f.options.Read = sample.Sample{Share: 1}
	result := f.check()
	require.Empty(t, result.findings)
	require.Equal(t, 2, result.counts.Stems)
}

func TestDamagedMIDIIsFound(t *testing.T) {
	for name, damage := range map[string]func(p *planted, m stemflow.MIDI){
		"gone": func(p *planted, m stemflow.MIDI) { p.remove(p.loc.Bucket, m.File.Key) },
		"cut":  func(p *planted, m stemflow.MIDI) { p.putRaw(m.File.Key, []byte("MThd")) },
		"replaced": func(p *planted, m stemflow.MIDI) {
			p.putRaw(m.File.Key, bytes.Repeat([]byte("x"), int(m.File.Size)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			p := f.plant(stemflow.SeparateVocal, f.at)
			made := p.putMIDI("")
			p.manifest.MIDI = []stemflow.MIDI{made}
			p.writeManifest()
			damage(p, made)
			// Of what is replaced the store has no checksum: reading it finds that.
			result := f.check(func(o *verify.Tuned) { o.Read = sample.Sample{Share: 1} })
			require.Len(t, result.findings, 1)
			require.Equal(t, stemflow.FindingMIDIDamaged, result.findings[0].Kind)
			require.Equal(t, made.File.Key, result.findings[0].Key)
		})
	}
}

func TestAManifestWithMIDIElsewhereIsMisplaced(t *testing.T) {
	f := newFixture(t)
	p := f.plant(stemflow.SeparateVocal, f.at)
	made := p.putMIDI("")
	made.File.Key = "secrets/key.mid"
	p.manifest.MIDI = []stemflow.MIDI{made}
	p.writeManifest()
	result := f.check()
	require.NotEmpty(t, result.findings)
	require.Equal(t, stemflow.FindingManifestMisplaced, result.findings[0].Kind)
}
