package activityapi

import (
	"time"

	"stemflow"
)

// The activities of a transcription.
const (
	ActivityPrepareMIDI   = "PrepareMIDI"
	ActivitySubmitMIDI    = "SubmitMIDI"
	ActivityGetMIDIRecord = "GetMIDIRecord"
	ActivityArchiveMIDI   = "ArchiveMIDI"
)

// PrepareMIDIInput asks what is archived of a track, and whether its MIDI is.
type PrepareMIDIInput struct {
	Track stemflow.Track `json:"track"`
	// Bucket and Prefix are the run's own, empty for the worker's configuration.
	Bucket string `json:"bucket,omitempty"`
	Prefix string `json:"prefix,omitempty"`
	// SeparationTaskID is the separation that must be archived; empty: any.
	SeparationTaskID string `json:"separationTaskId,omitempty"`
	Stem             string `json:"stem,omitempty"`
}

// PreparedMIDI is what is archived of a track.
type PreparedMIDI struct {
	Location         Location `json:"location"`
	SeparationTaskID string   `json:"separationTaskId"`
	// Stem is the stem's name as the manifest has it, and SourceID what the provider calls it.
	Stem     string             `json:"stem,omitempty"`
	SourceID string             `json:"sourceId,omitempty"`
	Manifest stemflow.ObjectRef `json:"manifest"`
	// Known is what the manifest has of the MIDI: archived, or under way. Whole says that it is
	// archived and its objects are there.
	Known *stemflow.MIDI `json:"known,omitempty"`
	Whole bool           `json:"whole,omitempty"`
	// SubmitTaskQueue and CallbacksExpected are as in [PreparedArchive].
	SubmitTaskQueue   string `json:"submitTaskQueue,omitempty"`
	CallbacksExpected bool   `json:"callbacksExpected"`
}

// SubmitMIDIInput asks for a transcription. It costs nothing.
type SubmitMIDIInput struct {
	Location         Location `json:"location"`
	SeparationTaskID string   `json:"separationTaskId"`
	Stem             string   `json:"stem,omitempty"`
	SourceID         string   `json:"sourceId,omitempty"`
	// Except is a transcription that the manifest knows and that does not do: any other is taken
	// up.
	Except string `json:"except,omitempty"`
	// Owner is the first run of the chain that resets and retries make of this run.
	Owner string `json:"owner"`
	// Deadline is how long the run will wait: the callback's token outlives it.
	Deadline stemflow.Duration `json:"deadline"`
}

// SubmittedMIDI is a transcription that the provider has taken.
type SubmittedMIDI struct {
	MIDITaskID  string    `json:"midiTaskId"`
	RequestedAt time.Time `json:"requestedAt"`
}

// GetMIDIRecordInput asks for the provider's record of a transcription.
type GetMIDIRecordInput struct {
	MIDITaskID string `json:"midiTaskId"`
	// ReportPending makes a pending record a result, not an error to be retried.
	ReportPending bool `json:"reportPending,omitempty"`
}

// MIDIRecord is what the record says, without the notes.
type MIDIRecord struct {
	// Pending is only ever true with ReportPending.
	Pending bool `json:"pending,omitempty"`
	// Instruments and Notes are how many there are.
	Instruments int `json:"instruments"`
	Notes       int `json:"notes"`
}

// ArchiveMIDIInput asks for the notes of a transcription that is done to be put into the archive,
// and into the manifest.
type ArchiveMIDIInput struct {
	Location         Location  `json:"location"`
	SeparationTaskID string    `json:"separationTaskId"`
	Stem             string    `json:"stem,omitempty"`
	MIDITaskID       string    `json:"midiTaskId"`
	RequestedAt      time.Time `json:"requestedAt,omitzero"`
}
