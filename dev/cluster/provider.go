package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"stemflow"
	"stemflow/dev/internal/proving"
	"stemflow/kiesim"
)

const (
	// callTime is how long the provider takes to answer a paid call: long enough that what is
	// killed or frozen has some under way.
	callTime = time.Second
	// cutDeadline ends the runs of cut submits soon.
	cutDeadline = time.Minute
)

// cuts are the submits that the provider spoils on purpose, by what an operator has to do then.
var cuts = []struct {
	remedy   string
	scenario kiesim.Scenario
}{
	// The connection is cut before the provider has accepted.
	{forced, kiesim.Scenario{Submit: kiesim.Fault{Answer: kiesim.AnswerCut, Times: 1}}},
	{forced, kiesim.Scenario{Submit: kiesim.Fault{Answer: kiesim.AnswerCut, Times: 1}}},
	// It has accepted, and neither the answer nor the callback arrives.
	{resumed, lost},
	{resumed, lost},
}

var lost = kiesim.Scenario{
	Submit:   kiesim.Fault{Answer: kiesim.AnswerCut, Accept: true, Times: 1},
	Callback: kiesim.Callback{Lost: true},
}

// newTracks are tracks, every other one of the catalogue. The submits of the first of the others
// are cut, unless all is to be calm.
func newTracks(n int, calm bool) []*track {
	tracks := make([]*track, n)
	left := cuts
	if calm {
		left = nil
	}
	for i := range tracks {
		t := &track{catalogued: i%2 == 0, in: stemflow.SeparateStemsInput{
			TaskID: proving.NewID(), AudioID: proving.NewID(), Type: kind, Deadline: stemflow.Duration(deadline),
		}}
		t.scenario.Submit.Delay = kiesim.Duration(callTime)
		if !t.catalogued && len(left) > 0 {
			t.in.Deadline, t.scenario, t.remedy = stemflow.Duration(cutDeadline), left[0].scenario, left[0].remedy
			left = left[1:]
		}
		tracks[i] = t
	}
	return tracks
}

// setScenarios tells kiesim how to behave towards the tracks that are not paid for yet. It forgets
// that when it is killed.
func (p *proof) setScenarios(ctx context.Context) error {
	return proving.Eventually(ctx, "kiesim knows how to behave", func(ctx context.Context) error {
		bill, err := p.bill(ctx)
		if err != nil {
			return err
		}
		paid := map[string]bool{}
		for _, charge := range bill.Charges {
			paid[charge.AudioID] = true
		}
		for _, t := range p.tracks {
			// Those that are cut came before all else: their next call is an operator's.
			if paid[t.in.AudioID] || t.remedy != "" && len(bill.Charges) > 0 {
				continue
			}
			if err := p.setScenario(ctx, t); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *proof) setScenario(ctx context.Context, t *track) error {
	body, err := json.Marshal(struct {
		AudioID string `json:"audioId"`
		kiesim.Scenario
	}{t.in.AudioID, t.scenario})
	if err != nil {
		return err
	}
	url := "http://" + p.kiesim + "/sim/knobs"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("kiesim refuses a scenario: %s", response.Status)
	}
	return nil
}
