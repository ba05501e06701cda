package stemflow

import "time"

// SettledBy says how a run learned that its separation was done.
type SettledBy string

const (
	// SettledByCallback: the provider's callback came, and its record agreed.
	SettledByCallback SettledBy = "callback"
	// SettledByPoll: the callback did not come in time, and polling found the result.
	SettledByPoll SettledBy = "poll"
	// SettledByResume: the run took up a separation that was paid before and already done.
	SettledByResume SettledBy = "resume"
	// SettledByArchive: everything stood in the archive already; nothing was paid or fetched.
	SettledByArchive SettledBy = "archive"
)

// ObjectRef names an object in the archive.
type ObjectRef struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
}

// Stem is an archived stem.
type Stem struct {
	// Name is canonical: "vocals", "backing_vocals", "drums" ... A name that the provider adds
	// later has the same spelling.
	Name   string `json:"name"`
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// SHA256 is of the object's content, in lower-case hexadecimal.
	SHA256 string `json:"sha256"`
	// StoreChecksum is the checksum of the same that the store itself keeps, like
	// "CRC32C:yZRlqg==": its algorithm, and S3's spelling of it. It is absent where the store keeps
	// the SHA-256, as for stems that releases before archived.
	StoreChecksum string `json:"storeChecksum,omitempty"`
	ContentType   string `json:"contentType"`
	// DurationSeconds is how long the object's audio plays, as measured, and absent where it is of
	// a format that is not measured.
	DurationSeconds float64 `json:"durationSeconds,omitzero"`
	// AnnouncedDurationSeconds is what the provider said of the duration, and present only where it
	// is not the measured one.
	AnnouncedDurationSeconds float64 `json:"announcedDurationSeconds,omitzero"`
	// SourceID is the provider's id of the stem, where it gives one: what its other APIs (MIDI)
	// take as audioId.
	SourceID string `json:"sourceId,omitempty"`
}

// FailedStem is a stem that the provider served and that could not be archived.
type FailedStem struct {
	Name string `json:"name"`
	// Type is one of the error types, like [ErrorSourceNotAudio].
	Type    string `json:"type"`
	Message string `json:"message"`
}

// MissingStem is a stem that a separation should have, and that the provider did not serve in time.
type MissingStem struct {
	Name string `json:"name"`
	// Reason says why it is missing, for a person.
	Reason string `json:"reason"`
}

// SeparateStemsResult is the result of [WorkflowSeparateStems].
type SeparateStemsResult struct {
	// SeparationTaskID is the provider's id of the paid separation.
	SeparationTaskID string         `json:"separationTaskId"`
	Type             SeparationType `json:"type"`
	SettledBy        SettledBy      `json:"settledBy"`
	// Paid reports that this run paid, or the one that it is a reset or a retry of: the provider
	// accepted its submit, or may have. A run that takes up what others paid for before, or finds
	// the track archived by them, pays nothing.
	Paid bool `json:"paid"`
	// Stems are the archived stems, in the order in which the provider's documents name them.
	Stems []Stem `json:"stems"`
	// Empty names the expected stems that the provider did not serve: instruments that do not play,
	// unless Missing names them, too.
	Empty []string `json:"empty"`
	// Failed is empty unless AllowPartial was set.
	Failed []FailedStem `json:"failed"`
	// Missing are the stems that were promised and not served in time: by the type, by a callback
	// or by an earlier look at the record. A later start looks for them again, unpaid, for as long
	// as the provider keeps them. Those of them that the type has are in Empty, too.
	Missing []MissingStem `json:"missing,omitempty"`
	// MIDI are the transcriptions of the separation and of its stems, as far as they were asked
	// for. One with a Failure was asked for by this run and is not there.
	MIDI     []MIDI    `json:"midi,omitempty"`
	Manifest ObjectRef `json:"manifest"`
	// SubmittedAt is when the provider had accepted the paid call, SettledAt when the provider was
	// done as far as the run knew, ArchivedAt when the last stem was safe.
	SubmittedAt time.Time `json:"submittedAt,omitzero"`
	SettledAt   time.Time `json:"settledAt,omitzero"`
	ArchivedAt  time.Time `json:"archivedAt,omitzero"`
}

// Manifest is the content of manifest.json, the commit marker of an archived track: the result,
// where it came from, and what the provider said of it.
type Manifest struct {
	// Version is 1.
	Version int `json:"version"`
	SeparateStemsResult
	Source   ManifestSource   `json:"source"`
	Provider ManifestProvider `json:"provider"`
}

// ManifestSource names the track that was separated.
type ManifestSource struct {
	TaskID   string `json:"taskId"`
	AudioID  string `json:"audioId"`
	StemName string `json:"stemName,omitempty"`
	// AudioURL is the address of a song of one's own, without its query, and AudioSHA256 the
	// SHA-256 of its content as it was separated.
	AudioURL    string `json:"audioUrl,omitempty"`
	AudioSHA256 string `json:"audioSha256,omitempty"`
	// Music is what people know of the track, where anything is known: by the input's title, the
	// tags of a song of one's own, or the provider's record of the music task.
	Music *Music `json:"music,omitempty"`
}

// Title is what people call the track, empty where that is not known.
func (s ManifestSource) Title() string {
	if s.Music == nil {
		return ""
	}
	return s.Music.Title
}

// Music is what people know of a track. Each field may be empty.
type Music struct {
	Title  string `json:"title,omitempty"`
	Artist string `json:"artist,omitempty"`
	// Tags are the provider's words for the style.
	Tags string `json:"tags,omitempty"`
	// Tempo is in quarters a minute, by the tags of a song of one's own.
	Tempo float64 `json:"tempo,omitzero"`
	// DurationSeconds is how long the unseparated track plays.
	DurationSeconds float64 `json:"durationSeconds,omitzero"`
	// CoverURL is the provider's link to a picture. It is not archived and may expire.
	CoverURL string `json:"coverUrl,omitempty"`
}

// ManifestProvider is what the provider's record says of the separation, with no link that expires
// but the origin's.
type ManifestProvider struct {
	// OriginURL is the link of the unseparated track, where the provider gives one. It is not
	// archived and will expire.
	OriginURL   string    `json:"originUrl,omitempty"`
	CreatedAt   time.Time `json:"createdAt,omitzero"`
	CompletedAt time.Time `json:"completedAt,omitzero"`
}
