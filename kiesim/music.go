package kiesim

import (
	"maps"
	"net/http"
	"slices"
)

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
	var tracks []object
	var fault Fault
	made := s.madeOf(id)
	for _, audioID := range slices.Sorted(maps.Keys(made)) {
		t := made[audioID]
		scenario := t.scenario
		if own := s.scenarios.lasting(audioID); own != nil && t.request.Type == WAV {
			scenario = *own // a conversion has scenarios of its own
		}
		t.musicCalls++
		if spoiled := scenario.MusicInfo.due(t.musicCalls); spoiled != (Fault{}) {
			fault = spoiled
		}
		tracks = append(tracks, shownMusic(audioID, scenario.Music))
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

// madeOf are the first tasks that were submitted of a music task's tracks, by the tracks:
// separations before conversions. The mutex is held.
func (s *Simulator) madeOf(musicTaskID string) map[string]*task {
	made := map[string]*task{}
	for _, t := range s.tasks {
		if t.request.TaskID != musicTaskID || t.request.AudioID == "" {
			continue
		}
		other := made[t.request.AudioID]
		converts := t.request.Type == WAV
		if other == nil || converts != (other.request.Type == WAV) && !converts ||
			converts == (other.request.Type == WAV) && t.accepted.Before(other.accepted) {
			made[t.request.AudioID] = t
		}
	}
	return made
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
