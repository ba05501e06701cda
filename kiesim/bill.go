package kiesim

import (
	"maps"
	"slices"
	"time"
)

// Prices in credits of one call, by type.
var prices = map[string]float64{SeparateVocal: 10, SplitStem: 50, SplitStemAdvanced: 20, WAV: 0.4}

// codeRefunded is the code of a failure for which the provider gives the credits back.
const codeRefunded = 531

// Bill is what was asked of the simulator and what it cost.
type Bill struct {
	// Charges are the accepted calls of generate, in their order.
	Charges []Charge `json:"charges"`
	Refunds []Refund `json:"refunds"`
	// Balance is in credits.
	Balance float64 `json:"balance"`
	// Requests are counted by endpoint: generate, record-info, music-record-info, credit,
	// download-url, file-stream-upload, midi-generate, midi-record-info, wav-generate,
	// wav-record-info, and createTask and recordInfo of the jobs route.
	Requests  map[string]int `json:"requests"`
	Callbacks CallbackCount  `json:"callbacks"`
	// Downloads counts the requests for files, whatever came of them.
	Downloads int `json:"downloads"`
}

// Charge is one accepted and billed call of generate.
type Charge struct {
	// TaskID is that of the separation, MusicTaskID and AudioID those of its track. A song that was
	// given by its address has its file name as AudioID.
	TaskID      string    `json:"taskId"`
	MusicTaskID string    `json:"musicTaskId"`
	AudioID     string    `json:"audioId"`
	Type        string    `json:"type"`
	StemName    string    `json:"stemName,omitempty"`
	Credits     float64   `json:"credits"`
	At          time.Time `json:"at"`
}

// Refund gives the credits of a charge back.
type Refund struct {
	TaskID  string    `json:"taskId"`
	Credits float64   `json:"credits"`
	At      time.Time `json:"at"`
}

// CallbackCount counts callback requests.
type CallbackCount struct {
	Sent int `json:"sent"`
	// Acknowledged ones were answered with HTTP 200, refused ones with anything else or not at all.
	Acknowledged int `json:"acknowledged"`
	Refused      int `json:"refused"`
	// Abandoned counts the callbacks whose retries ran out.
	Abandoned int `json:"abandoned"`
}

func (b Bill) clone() Bill {
	b.Charges = slices.Clone(b.Charges)
	b.Refunds = slices.Clone(b.Refunds)
	b.Requests = maps.Clone(b.Requests)
	return b
}

// charge bills a task. The balance must suffice.
func (b *Bill) charge(t *task) {
	credits := prices[t.request.Type]
	b.Balance -= credits
	b.Charges = append(b.Charges, Charge{
		TaskID: t.id, MusicTaskID: t.request.TaskID, AudioID: t.request.key(),
		Type: t.request.Type, StemName: t.request.StemName, Credits: credits, At: t.accepted,
	})
}

func (b *Bill) refund(t *task) {
	credits := prices[t.request.Type]
	b.Balance += credits
	b.Refunds = append(b.Refunds, Refund{TaskID: t.id, Credits: credits, At: t.settled})
}
