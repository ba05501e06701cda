package kiesim_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

func TestSignMatchesTheVectors(t *testing.T) {
	for _, vector := range []struct {
		key, task string
		at        int64
		want      string
	}{
		{"test-webhook-hmac-key", "3e63b4cc88d52611159371f6af5571e7", 1753782937, "i/wt+cbDW4sk6jBnr3fS1ISV9IYm2j/a+9kn5zmrkeE="},
		{"test-webhook-hmac-key", "e649edb7abfd759285bd41a47a634b10", 1753782459, "Z4vaO1FghQ2xQrZ08/w7xo3whol28RKXs3Eoqzi8F2E="},
		{"kie_test_secret_0123456789", "ee9c2715375b7837f8bb51d641ff5863", 1769670760, "Kc7WLiS19vtMGlByvX3ovfiHAP3LBvltwq3yW6L2zRE="},
	} {
		require.Equal(t, vector.want, kiesim.Sign(vector.key, vector.task, vector.at))
	}
}

func TestSignatureOfCallbacks(t *testing.T) {
	const key = "test-webhook-hmac-key"
	for name, test := range map[string]struct {
		key          string
		field        kiesim.Signature
		signed, good bool
		stale        bool
	}{
		"no key":          {},
		"right":           {key: key, signed: true, good: true},
		"missing":         {key: key, field: kiesim.SignatureMissing},
		"wrong":           {key: key, field: kiesim.SignatureWrong, signed: true},
		"wrong, no key":   {field: kiesim.SignatureWrong, signed: true},
		"stale, but good": {key: key, field: kiesim.SignatureStale, signed: true, good: true, stale: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := receive(t)
			p := start(t, kiesim.Options{WebhookHMACKey: test.key})
			p.SetScenario(trackID, kiesim.Scenario{Callback: kiesim.Callback{Signature: test.field}})
			id, callback := p.settled(kiesim.SplitStem, r)
			timestamp := callback.header.Get("X-Webhook-Timestamp")
			signature := callback.header.Get("X-Webhook-Signature")
			if !test.signed {
				require.Empty(t, timestamp+signature)
				return
			}
			at, err := strconv.ParseInt(timestamp, 10, 64)
			require.NoError(t, err)
			require.Equal(t, test.good, signature == kiesim.Sign(test.key, id, at))
			require.Equal(t, test.stale, time.Since(time.Unix(at, 0)) > 30*time.Minute)
		})
	}
}

func TestEarlyCallback(t *testing.T) {
	r := receive(t)
	p := start(t, kiesim.Options{Defaults: kiesim.Scenario{
		Delay: kiesim.Duration(time.Hour), Callback: kiesim.Callback{Delay: kiesim.Duration(-time.Second)},
	}})
	id := p.generate(kiesim.SplitStem, r.url)
	require.Len(t, r.callbacks, 1, "the callback is there before the answer")
	require.Equal(t, id, r.next(t).decode(t).Data.TaskID)
	require.Equal(t, "PENDING", p.record(id).SuccessFlag)
}

func TestLateCallback(t *testing.T) {
	r := receive(t)
	p := start(
		t,
		kiesim.Options{Defaults: kiesim.Scenario{Callback: kiesim.Callback{Delay: kiesim.Duration(time.Hour)}}},
	)
	id := p.generate(kiesim.SplitStem, r.url)
	require.Eventually(
		t,
		func() bool { return p.record(id).SuccessFlag == "SUCCESS" },
		time.Minute,
		5*time.Millisecond,
	)
	require.Zero(t, p.Bill().Callbacks.Sent)
}

func TestDuplicatesAndForeignCallbacks(t *testing.T) {
	r := receive(t)
	p := start(
		t,
		kiesim.Options{Defaults: kiesim.Scenario{Callback: kiesim.Callback{Duplicates: 2, ForOtherTask: true}}},
	)
	id, foreign := p.settled(kiesim.SplitStem, r)
	require.NotEqual(t, id, foreign.decode(t).Data.TaskID)
	for range 3 {
		require.Equal(t, id, r.next(t).decode(t).Data.TaskID)
	}
}

func TestFailureCallbackOfASuccess(t *testing.T) {
	r := receive(t)
	p := start(t, kiesim.Options{Defaults: kiesim.Scenario{Callback: kiesim.Callback{Failure: true}}})
	id, callback := p.settled(kiesim.SplitStem, r)
	require.Equal(t, 500, callback.decode(t).Code)
	require.Nil(t, callback.decode(t).Data.Info)
	require.Equal(t, "SUCCESS", p.record(id).SuccessFlag)
}

func TestDeliveryIsRetriedUntilHTTP200(t *testing.T) {
	r := receive(t, 500, 202, 302, 200)
	p := start(t, kiesim.Options{RetrySchedule: []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}})
	id, first := p.settled(kiesim.SplitStem, r)
	for range 3 {
		require.Equal(t, first.body, r.next(t).body)
	}
	require.Eventually(t, func() bool {
		return p.Bill().Callbacks == kiesim.CallbackCount{Sent: 4, Acknowledged: 1, Refused: 3}
	}, time.Minute, time.Millisecond)
	require.Equal(t, "SUCCESS", p.record(id).SuccessFlag)
}

func TestDeliveryIsGivenUp(t *testing.T) {
	for exception, withLinks := range map[kiesim.Exception]bool{kiesim.ExceptionWithLinks: true,
		kiesim.ExceptionWithoutLinks: false} {
		t.Run(string(exception), func(t *testing.T) {
			r := receive(t, 503)
			p := start(t, kiesim.Options{
				RetrySchedule: []time.Duration{time.Millisecond, time.Millisecond},
				Defaults:      kiesim.Scenario{Callback: kiesim.Callback{Exception: exception}},
			})
			id := p.generate(kiesim.SplitStem, r.url)
			require.Eventually(
				t,
				func() bool { return p.record(id).SuccessFlag == "CALLBACK_EXCEPTION" },
				time.Minute,
				time.Millisecond,
			)
			require.Equal(t, withLinks, p.record(id).Response != nil)
			require.Equal(t, kiesim.CallbackCount{Sent: 3, Refused: 3, Abandoned: 1}, p.Bill().Callbacks)
		})
	}
}

func TestLostCallback(t *testing.T) {
	p := start(
		t,
		kiesim.Options{
			Defaults: kiesim.Scenario{Callback: kiesim.Callback{Lost: true, Exception: kiesim.ExceptionWithLinks}},
		},
	)
	id := p.generate(kiesim.SplitStem, nowhere)
	require.Eventually(
		t,
		func() bool { return p.record(id).SuccessFlag == "CALLBACK_EXCEPTION" },
		time.Minute,
		time.Millisecond,
	)
	require.Zero(t, p.Bill().Callbacks.Sent)
}

func TestReceiverThatHangs(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	p := start(t, kiesim.Options{CallbackTimeout: 10 * time.Millisecond, RetrySchedule: []time.Duration{}})
	p.generate(kiesim.SplitStem, server.URL)
	require.Eventually(t, func() bool { return p.Bill().Callbacks.Abandoned == 1 }, time.Minute, time.Millisecond)
	require.Equal(t, 1, p.Bill().Callbacks.Sent)
}

func TestCloseDropsPendingCallbacks(t *testing.T) {
	r := receive(t, 500)
	p := start(t, kiesim.Options{RetrySchedule: []time.Duration{time.Hour}})
	p.settled(kiesim.SplitStem, r)
	p.SetScenario(trackID, kiesim.Scenario{Delay: kiesim.Duration(time.Hour)})
	p.generate(kiesim.SplitStem, r.url)
	require.NoError(t, p.Close())
	require.Equal(t, 1, p.Bill().Callbacks.Sent)
}
