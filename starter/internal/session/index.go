package session

import (
	"encoding/json"
	"io"
	"strings"

	"stemflow"
)

// index is what a zip says of what is in it.
type index struct {
	// Version is 1.
	Version          int    `json:"version"`
	Title            string `json:"title,omitempty"`
	Artist           string `json:"artist,omitempty"`
	SeparationTaskID string `json:"separationTaskId"`
	// Tempo is in quarters a minute, where it is known.
	Tempo float64      `json:"tempo,omitzero"`
	Stems []indexStem  `json:"stems"`
	MIDI  []indexMIDI  `json:"midi,omitempty"`
	Lacks []indexLacks `json:"missing,omitempty"`
}

type indexStem struct {
	Stem  string `json:"stem"`
	Name  string `json:"name"`
	Color string `json:"color"`
	File  string `json:"file"`
	// StartSeconds is where the stem begins: always 0. SkipSeconds is how much of what a decoder
	// plays is passed over, so that it begins with the others.
	StartSeconds    float64 `json:"startSeconds"`
	SkipSeconds     float64 `json:"skipSeconds"`
	DurationSeconds float64 `json:"durationSeconds"`
	SampleRate      int     `json:"sampleRate"`
	Channels        int     `json:"channels"`
	SHA256          string  `json:"sha256"`
}

type indexMIDI struct {
	// Stem is empty for a transcription of all stems in one.
	Stem string `json:"stem,omitempty"`
	File string `json:"file"`
}

type indexLacks struct {
	Stem   string `json:"stem"`
	Reason string `json:"reason"`
}

// lacks are the stems that the archive should have, and has not.
func lacks(m stemflow.Manifest) (all []indexLacks) {
	for _, stem := range m.Missing {
		all = append(all, indexLacks{stem.Name, strings.TrimSpace(stem.Reason)})
	}
	for _, stem := range m.Failed {
		all = append(all, indexLacks{stem.Name, strings.TrimSpace(stem.Message)})
	}
	return all
}

// writeIndex writes the texts of a zip: what is in it, and the manifest.
func (s Session) writeIndex(out *packer, parts []part) error {
	err := out.text(indexFile, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(s.index(parts))
	})
	if err != nil {
		return err
	}
	return out.text(manifestFile, func(w io.Writer) error {
		_, err := w.Write(s.Text)
		return err
	})
}

func (s Session) index(parts []part) index {
	described := s.metaData()
	of := index{
		Version: 1, Title: described.Title, Artist: described.Artist,
		SeparationTaskID: s.Manifest.SeparationTaskID, Lacks: lacks(s.Manifest),
	}
	of.Tempo, _ = tempoOf(s.Manifest)
	for _, p := range parts[:len(s.Stems)] {
		of.Stems = append(of.Stems, indexStem{
			Stem: p.Stem.Name, Name: displayName(p.Stem.Name, s.Manifest), Color: colorOf(p.Stem.Name), File: p.Name,
			SkipSeconds: p.skip.Seconds(), DurationSeconds: p.signal.Duration.Seconds(),
			SampleRate: p.signal.SampleRate, Channels: p.signal.Channels, SHA256: p.SHA256,
		})
	}
	for i, entry := range s.midi() {
		of.MIDI = append(of.MIDI, indexMIDI{Stem: entry.Stem, File: parts[len(s.Stems)+i].Name})
	}
	return of
}
