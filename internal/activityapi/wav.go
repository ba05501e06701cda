package activityapi

import (
	"slices"

	"stemflow"
)

// The activities of a conversion to WAV. They take and return what those of separations do.
const (
	ActivitySubmitWAV    = "SubmitWAV"
	ActivityGetWAVRecord = "GetWAVRecord"
	ActivityRenewWAV     = "RenewWAV"
	ActivityArchiveWAV   = "ArchiveWAV"
)

// WAV is a conversion to WAV.
var WAV = &Task{
	Types: []stemflow.SeparationType{stemflow.TypeWAV},
	Name:  "WAV", Part: "WAV", Field: "wavTaskId", Memo: stemflow.MemoWAVTaskID,
	Submit: ActivitySubmitWAV, GetRecord: ActivityGetWAVRecord, Renew: ActivityRenewWAV, Archive: ActivityArchiveWAV,
	Failed: stemflow.ErrorWAVFailed, TimedOut: stemflow.ErrorWAVTimedOut, Empty: stemflow.ErrorNoWAV,
	Exists:      stemflow.ErrorWAVExists,
	ContentType: "audio/wav",
	results:     theWAV,
	details: func(d stemflow.ErrorDetails) any {
		return stemflow.WAVErrorDetails{
			WAVTaskID: d.SeparationTaskID, Paid: d.Paid,
			ProviderCode: d.ProviderCode, ProviderMessage: d.ProviderMessage,
		}
	},
}

// linkOfWAV is what the provider calls the link of a WAV, audioWavUrl, in the spelling of names.
const linkOfWAV = "audio_wav"

// theWAV is the one file among all links: the one that the provider calls so, or else the first.
func theWAV(stems []stemflow.SourceStem) []stemflow.SourceStem {
	if len(stems) == 0 {
		return nil
	}
	i := slices.IndexFunc(stems, func(s stemflow.SourceStem) bool { return s.Name == linkOfWAV })
	wav := stems[max(i, 0)]
	wav.Name = stemflow.WAVName
	return []stemflow.SourceStem{wav}
}
