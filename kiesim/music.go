package kiesim

import "net/http"

// Music is what a record of a music task says of a track.
type Music struct {
	Title    string  `json:"title,omitempty"`
	Tags     string  `json:"tags,omitempty"`
	ImageURL string  `json:"imageUrl,omitempty"`
	Duration float64 `json:"duration,omitzero"`
}

// musicRecordInfo is GET /api/v1/generate/record-info. It knows the music tasks of tracks that
// separations were submitted of, for only those are known to have been made.
func (s *Simulator) musicRecordInfo(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("taskId")
	if id == "" {
		writeJSON(w, r, http.StatusOK, refusal(http.StatusUnprocessableEntity, cannotBeEmpty))
		return
	}
	s.mu.Lock()
	tracks, seen := []object{}, map[string]bool{}
	var fault Fault
	for _, t := range s.tasks {
		request := t.request
		if request.TaskID != id || request.AudioID == "" || seen[request.AudioID] {
			continue
		}
		seen[request.AudioID] = true
		t.musicCalls++
		if spoiled := t.scenario.MusicInfo.due(t.musicCalls); spoiled != (Fault{}) {
			fault = spoiled
		}
		tracks = append(tracks, shownMusic(request.AudioID, t.scenario.Music))
	}
	s.mu.Unlock()
	if len(tracks) == 0 {
		writeJSON(w, r, http.StatusOK, success(nil))
		return
	}
	s.answer(w, r, fault, success(object{
		{"taskId", id},
		{"parentMusicId", ""},
		{"response", object{{"taskId", id}, {"sunoData", tracks}}},
		{"status", flagSuccess},
		{"type", "GENERATE"},
		{"operationType", "generate"},
		{"errorCode", nil},
		{"errorMessage", nil},
	}))
}

func shownMusic(audioID string, music Music) object {
	return object{
		{"id", audioID},
		{"imageUrl", music.ImageURL},
		{"modelName", "chirp-v3-5"},
		{"title", music.Title},
		{"tags", music.Tags},
		{"createTime", "2025-01-01 00:00:00"},
		{"duration", music.Duration},
	}
}
