package kiesim_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

func TestControlScenario(t *testing.T) {
	p := start(t, kiesim.Options{Defaults: kiesim.Scenario{
		Callback: noCallback, Files: map[string]kiesim.File{"fx": {Silent: true}},
	}})
	set := func(body string) (int, string) {
		response, answer, err := p.call(t.Context(), http.MethodPost, "/sim/knobs", body)
		require.NoError(t, err)
		return response.StatusCode, answer
	}
	status, answer := set(
		`{"audioId":"` + trackID + `","delay":"2s","submit":{"answer":"refuse","code":455},"files":{"drums":{"fault":"truncated"}}}`,
	)
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"delay":"2s","submit":{"answer":"refuse","code":455},"callback":{"lost":true},
		"files":{"fx":{"silent":true},"drums":{"fault":"truncated"}}}`, answer, "on top of the defaults")
	status, _ = set(`{"audioId":"` + trackID + `","once":true}`)
	require.Equal(t, http.StatusOK, status)

	p.generate(kiesim.SplitStem, nowhere)
	require.Contains(t, p.answer(http.MethodPost, generatePath, submission(kiesim.SplitStem, nowhere)), `"code":455`)

	for body, want := range map[string]string{
		`{"delay":"1s"}`:                      "audioId: name the track",
		`{"audioId":"a","delay":3}`:           "cannot unmarshal",
		`{"audioId":"a","delay":"soon"}`:      "invalid duration",
		`{"audioId":"a","dialekt":"en"}`:      "unknown field",
		`{"audioId":"a","dialect":"swabian"}`: "is none of auto, en, cn, sunoapi",
	} {
		status, answer := set(body)
		require.Equal(t, http.StatusBadRequest, status)
		require.Contains(t, answer, want)
	}
}

func TestControlCallback(t *testing.T) {
	r := receive(t, 200, 410)
	p := start(
		t,
		kiesim.Options{
			WebhookHMACKey: "test-webhook-hmac-key",
			Defaults:       kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}},
		},
	)
	id := p.generate(kiesim.SplitStem, r.url)

	require.JSONEq(
		t,
		`{"status":200}`,
		p.answer(
			http.MethodPost,
			"/sim/callback",
			`{"taskId":"`+id+`","linkBase":"https://evil.example","signature":"wrong"}`,
		),
	)
	forged := r.next(t).decode(t)
	require.Equal(t, id, forged.Data.TaskID)
	require.Regexp(t, `^https://evil\.example/s/`, forged.Data.Info["bass_url"])

	require.JSONEq(
		t,
		`{"status":410}`,
		p.answer(http.MethodPost, "/sim/callback", `{"taskId":"`+id+`","asTaskId":"other","failure":true}`),
	)
	other := r.next(t)
	require.Equal(t, "other", other.decode(t).Data.TaskID)
	require.Equal(t, 500, other.decode(t).Code)
	require.NotEmpty(t, other.header.Get("X-Webhook-Signature"))

	for body, status := range map[string]int{
		`{"taskId":"unknown"}`:                        http.StatusNotFound,
		`{"taskId":"` + id + `","signature":"green"}`: http.StatusBadRequest,
		`{"task":1}`: http.StatusBadRequest,
	} {
		response, _, err := p.call(t.Context(), http.MethodPost, "/sim/callback", body)
		require.NoError(t, err)
		require.Equal(t, status, response.StatusCode, body)
	}
}

func TestControlSettle(t *testing.T) {
	r := receive(t)
	p := start(t, kiesim.Options{})
	for name, scenario := range map[string]kiesim.Scenario{
		"delayed": {Delay: kiesim.Duration(time.Hour)},
		"pending": {Outcome: kiesim.Outcome{Pending: true}},
	} {
		p.SetScenario(trackID, scenario)
		id := p.generate(kiesim.SplitStem, r.url)
		require.Equal(t, "PENDING", p.record(id).SuccessFlag, name)
		for range 2 {
			require.JSONEq(t, `{"taskId":"`+id+`"}`, p.answer(http.MethodPost, "/sim/settle", `{"taskId":"`+id+`"}`))
		}
		require.Equal(t, id, r.next(t).decode(t).Data.TaskID, name)
		require.Equal(t, "SUCCESS", p.record(id).SuccessFlag, name)
	}
	for body, status := range map[string]int{`{"taskId":"unknown"}`: http.StatusNotFound, `{"task":1}`: http.StatusBadRequest} {
		response, _, err := p.call(t.Context(), http.MethodPost, "/sim/settle", body)
		require.NoError(t, err)
		require.Equal(t, status, response.StatusCode, body)
	}
}

func TestControlBill(t *testing.T) {
	r := receive(t)
	p := start(t, kiesim.Options{})
	id, _ := p.settled(kiesim.SplitStem, r)
	var bill kiesim.Bill
	require.NoError(t, json.Unmarshal([]byte(p.answer(http.MethodGet, "/sim/bill", "")), &bill))
	require.Equal(t, id, bill.Charges[0].TaskID)
	require.Equal(t, kiesim.DefaultCredits-50, bill.Balance)
	require.Equal(t, 1, bill.Callbacks.Sent)
}

func TestPublicURL(t *testing.T) {
	r := receive(t)
	p := start(t, kiesim.Options{PublicURL: "https://files.example/"})
	_, callback := p.settled(kiesim.SplitStem, r)
	require.Regexp(t, `^https://files\.example/s/`, callback.decode(t).Data.Info["bass_url"])
}
