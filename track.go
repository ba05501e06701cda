package stemflow

// Track is what is separated, and how.
type Track struct {
	TaskID   string         `json:"taskId"`
	AudioID  string         `json:"audioId"`
	Type     SeparationType `json:"type"`
	StemName string         `json:"stemName,omitempty"`
}

// Track is the track that the input names, with the defaults of what it leaves out.
func (in SeparateStemsInput) Track() Track {
	in = in.WithDefaults()
	return Track{TaskID: in.TaskID, AudioID: in.AudioID, Type: in.Type, StemName: in.StemName}
}
