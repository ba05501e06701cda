package kie

import (
	"slices"

	"stemflow"
)

const (
	opWAVGenerate = "wav-generate"
	opWAVRecord   = "wav-record-info"
)

// WAV is a conversion of a track to WAV.
var WAV = &Task{
	kinds:    []string{string(stemflow.TypeWAV)},
	opSubmit: opWAVGenerate, opRecord: opWAVRecord,
	pathSubmit: "/api/v1/wav/generate", pathRecord: "/api/v1/wav/record-info",
	model: "ai-music-api/convert-to-wav-format",
	body: func(r GenerateRequest) any {
		return wavBody{TaskID: r.TaskID, AudioID: r.AudioID, CallbackURL: r.CallbackURL}
	},
	input:    func(r GenerateRequest) any { return wavInput{TaskID: r.TaskID, AudioID: r.AudioID} },
	once:     true,
	ownLinks: wavLinks, localTimes: true,
}

type wavBody struct {
	TaskID      string `json:"taskId"`
	AudioID     string `json:"audioId"`
	CallbackURL string `json:"callBackUrl"`
}

type wavInput struct {
	TaskID  string `json:"task_id"`
	AudioID string `json:"audio_id"`
}

// wavName is what the link of a WAV is called, in the spelling of names.
const wavName = "audio_wav"

// wavLinks finds the link of a WAV, audioWavUrl. To separations it is none: they have no such stem.
func wavLinks(data object) []stemflow.SourceStem {
	if link := wavLink(data, maxLevels); link != "" {
		return []stemflow.SourceStem{{Name: wavName, URL: link}}
	}
	return nil
}

func wavLink(data object, levels int) string {
	if levels == 0 {
		return ""
	}
	for key, value := range data.members() {
		folded := fold(key)
		if folded == "audiowavurl" {
			if link := audioLink(value); link != "" {
				return link
			}
			continue
		}
		if inner, ok := parseObject(value); ok && !slices.Contains(inputKeys, folded) {
			if link := wavLink(inner, levels-1); link != "" {
				return link
			}
		}
	}
	return ""
}
