package stemflow

// What takes the place of the music task's id for songs of one's own, which no music task has made.
const (
	// TaskURL is the TaskID of a [Track] that is known by its address.
	TaskURL = "url"
	// TaskSHA256 is the TaskID of a [Track] that is known by its content.
	TaskSHA256 = "sha256"
)

// Track is what is separated, and how. A song of one's own has TaskURL or TaskSHA256 as TaskID, and
// as AudioID the SHA-256 of its address without the query, or of its content, in hexadecimal.
type Track struct {
	TaskID   string         `json:"taskId"`
	AudioID  string         `json:"audioId"`
	Type     SeparationType `json:"type"`
	StemName string         `json:"stemName,omitempty"`
}

// Track is the track that the input names, with the defaults of what it leaves out. It is what is
// paid for once, and where it is archived: the same song under two names, on two machines, is one
// track as long as AudioSHA256 is given or its address is the same.
func (in SeparateStemsInput) Track() Track {
	in = in.WithDefaults()
	t := Track{TaskID: in.TaskID, AudioID: in.AudioID, Type: in.Type, StemName: in.StemName}
	if in.AudioURL != "" {
		t.TaskID, t.AudioID = in.song()
	}
	return t
}

// IsSong reports whether the track is a song of one's own.
func (t Track) IsSong() bool { return t.TaskID == TaskURL || t.TaskID == TaskSHA256 }
