package kiesim_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

func TestGenerateValidates(t *testing.T) {
	p := start(t, kiesim.Options{})
	for name, test := range map[string]struct{ body, want string }{
		"no callback":       {`{"taskId":"m","audioId":"a"}`, `{"code":422,"msg":"Please enter callBackUrl.","data":null}`},
		"misspelt callback": {`{"taskId":"m","audioId":"a","callbackUrl":"http://h/c"}`, `{"code":422,"msg":"Please enter callBackUrl.","data":null}`},
		"callback no URL":   {`{"taskId":"m","audioId":"a","callBackUrl":"h/c"}`, `{"code":422,"msg":"The callBackUrl is not a valid URL.","data":null}`},
		"no track":          {`{"taskId":"m","callBackUrl":"http://h/c"}`, `{"code":422,"msg":"不能为空","data":null}`},
		"unknown type":      {`{"taskId":"m","audioId":"a","callBackUrl":"http://h/c","type":"karaoke"}`, `{"code":422,"msg":"The type is not supported.","data":null}`},
		"no stem name":      {`{"taskId":"m","audioId":"a","callBackUrl":"http://h/c","type":"split_stem_advanced"}`, `{"code":422,"msg":"Please enter stemName.","data":null}`},
		"no JSON":           {`taskId=m`, `{"code":400,"msg":"Format Error","data":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			p.t = t
			require.Equal(t, test.want, p.answer(http.MethodPost, generatePath, test.body))
		})
	}
	require.Empty(t, p.Bill().Charges)
}

func TestTypeDefaultsToSeparateVocal(t *testing.T) {
	p := start(t, kiesim.Options{Defaults: kiesim.Scenario{Callback: noCallback}})
	p.answer(http.MethodPost, generatePath, `{"taskId":"m","audioId":"a","callBackUrl":"`+nowhere+`"}`)
	require.Equal(t, kiesim.SeparateVocal, p.Bill().Charges[0].Type)
}

func TestAnswersLookLikeTheProviders(t *testing.T) {
	p := start(t, kiesim.Options{})
	request, err := http.NewRequest(http.MethodGet, p.url+"/api/v1/chat/credit", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+apiKey)
	request.Header.Set("Accept-Encoding", "gzip")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, "gzip", response.Header.Get("Content-Encoding"))
	require.Equal(t, []string{"chunked"}, response.TransferEncoding)
	require.EqualValues(t, -1, response.ContentLength)
	require.Equal(t, "application/json;charset=UTF-8", response.Header.Get("Content-Type"))
	require.Equal(t, "cloudflare", response.Header.Get("Server"))
	require.NotEmpty(t, response.Header.Get("CF-Ray"))

	require.Equal(t, `{"code":200,"msg":"success","data":5916.25}`, p.answer(http.MethodGet, "/api/v1/chat/credit", ""))
	response, answer, err := p.call(t.Context(), http.MethodGet, "/api/v1/nothing", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	require.Equal(t, `{"code":404,"msg":"Not Found","data":null}`, answer)
}

func TestOnlyTheKeyGetsIn(t *testing.T) {
	p := start(t, kiesim.Options{})
	for _, authorization := range []string{"", apiKey, "Bearer ", "Bearer another"} {
		request, err := http.NewRequest(
			http.MethodPost,
			p.url+generatePath,
			strings.NewReader(submission(kiesim.SplitStem, nowhere)),
		)
		require.NoError(t, err)
		request.Header.Set("Authorization", authorization)
		status, answer := do(t, request)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, `{"code":401,"msg":"You do not have access permissions"}`, answer)
	}
	require.Empty(t, p.Bill().Charges)
}

func TestEdgeBlocksRequestsWithoutUserAgent(t *testing.T) {
	p := start(t, kiesim.Options{})
	request, err := http.NewRequest(http.MethodGet, p.url+"/api/v1/chat/credit", nil)
	require.NoError(t, err)
	request.Header.Set("User-Agent", "")
	status, answer := do(t, request)
	require.Equal(t, http.StatusForbidden, status)
	require.Equal(t, "error code: 1010", answer)
}

func TestEveryAcceptedCallIsBilled(t *testing.T) {
	p := start(t, kiesim.Options{Credits: 100, Defaults: kiesim.Scenario{Callback: noCallback}})
	vocal := p.generate(kiesim.SeparateVocal, nowhere)
	again := p.generate(kiesim.SeparateVocal, nowhere)
	p.generate(kiesim.SplitStemAdvanced, nowhere)
	p.generate(kiesim.SplitStem, nowhere)
	require.NotEqual(t, vocal, again, "the provider has no idempotency")

	require.Equal(t, `{"code":402,"msg":"`+kiesim.InsufficientCredits+`","data":null}`,
		p.answer(http.MethodPost, generatePath, submission(kiesim.SplitStem, nowhere)))
	bill := p.Bill()
	require.Len(t, bill.Charges, 4)
	charge := bill.Charges[2]
	require.Equal(t, musicID, charge.MusicTaskID)
	require.Equal(t, trackID, charge.AudioID)
	require.Equal(t, "Lead Vocal", charge.StemName)
	require.Equal(t, 20.0, charge.Credits)
	require.NotZero(t, charge.At)
	require.Equal(t, 10.0, p.Balance())
	require.Equal(t, map[string]int{"generate": 5}, bill.Requests)
}

func TestRateLimit(t *testing.T) {
	const refused = `{"code":429,"msg":"Your call frequency is too high. Please try again later.","data":null}`
	scenario := kiesim.Scenario{Callback: noCallback}

	t.Run("as documented", func(t *testing.T) {
		p := start(t, kiesim.Options{Defaults: scenario})
		for range 20 {
			p.generate(kiesim.SeparateVocal, nowhere)
		}
		require.Equal(t, refused, p.answer(http.MethodPost, generatePath, submission(kiesim.SeparateVocal, nowhere)))
		require.Len(t, p.Bill().Charges, 20, "what is over the limit is not queued")
	})
	t.Run("a window later", func(t *testing.T) {
		p := start(
			t,
			kiesim.Options{Defaults: scenario, RateLimit: kiesim.RateLimit{Tasks: 1, Window: 200 * time.Millisecond}},
		)
		p.generate(kiesim.SeparateVocal, nowhere)
		require.Equal(t, refused, p.answer(http.MethodPost, generatePath, submission(kiesim.SeparateVocal, nowhere)))
		require.Eventually(t, func() bool {
			return p.answer(http.MethodPost, generatePath, submission(kiesim.SeparateVocal, nowhere)) != refused
		}, time.Minute, 20*time.Millisecond)
	})
	t.Run("lifted", func(t *testing.T) {
		p := start(t, kiesim.Options{Defaults: scenario, RateLimit: kiesim.RateLimit{Tasks: -1}})
		for range 25 {
			p.generate(kiesim.SeparateVocal, nowhere)
		}
	})
}

func TestSubmitRefused(t *testing.T) {
	p := start(t, kiesim.Options{})
	for name, test := range map[string]struct {
		fault  kiesim.Fault
		status int
		want   string
	}{
		"unknown track": {kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 422}, 200, `{"code":422,"msg":"Record does not exist","data":null}`},
		"unauthorized":  {kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 401}, 200, `{"code":401,"msg":"You do not have access permissions"}`},
		"busy":          {kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 455}, 200, `{"code":455,"msg":"The service is under maintenance. Please try again later.","data":null}`},
		"402 as 500":    {kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 500, Message: kiesim.InsufficientCredits}, 200, `{"code":500,"msg":"` + kiesim.InsufficientCredits + `","data":null}`},
		"real status":   {kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 429, Message: "slow", Status: 429}, 429, `{"code":429,"msg":"slow","data":null}`},
		"blocked":       {kiesim.Fault{Answer: kiesim.AnswerBlocked}, 403, `error code: 1010`},
	} {
		t.Run(name, func(t *testing.T) {
			p.t = t
			p.SetScenario(trackID, kiesim.Scenario{Submit: test.fault})
			response, answer, err := p.call(
				t.Context(),
				http.MethodPost,
				generatePath,
				submission(kiesim.SplitStem, nowhere),
			)
			require.NoError(t, err)
			require.Equal(t, test.status, response.StatusCode)
			require.Equal(t, test.want, answer)
		})
	}
	require.Empty(t, p.Bill().Charges)
}

// TestSubmitOutcomeUnknown: the same broken answer, once for a call that was accepted and once for
// one that was not.
func TestSubmitOutcomeUnknown(t *testing.T) {
	for answer, broken := range map[kiesim.Answer]func(*testing.T, *http.Response, string, error){
		kiesim.AnswerHTML: func(t *testing.T, r *http.Response, body string, err error) {
			require.NoError(t, err)
			require.Equal(t, http.StatusBadGateway, r.StatusCode)
			require.Contains(t, body, "<html>")
		},
		kiesim.AnswerCut: func(t *testing.T, _ *http.Response, _ string, err error) { require.Error(t, err) },
		kiesim.AnswerUnreadable: func(t *testing.T, _ *http.Response, body string, err error) {
			require.NoError(t, err)
			require.False(t, json.Valid([]byte(body)))
		},
		kiesim.AnswerCutGzip: func(t *testing.T, _ *http.Response, _ string, err error) {
			require.ErrorContains(t, err, "unexpected EOF")
		},
		kiesim.AnswerNoData: func(t *testing.T, _ *http.Response, body string, err error) {
			require.NoError(t, err)
			require.Equal(t, `{"code":200,"msg":"success","data":null}`, body)
		},
	} {
		for _, accepted := range []bool{true, false} {
			name := string(answer)
			if accepted {
				name += ", accepted"
			}
			t.Run(name, func(t *testing.T) {
				r := receive(t)
				p := start(t, kiesim.Options{})
				p.SetScenario(trackID, kiesim.Scenario{Submit: kiesim.Fault{Answer: answer, Accept: accepted}})
				response, body, err := p.call(
					t.Context(),
					http.MethodPost,
					generatePath,
					submission(kiesim.SplitStem, r.url),
				)
				broken(t, response, body, err)
				if !accepted {
					require.Empty(t, p.Bill().Charges)
					return
				}
				require.Equal(t, p.Bill().Charges[0].TaskID, r.next(t).decode(t).Data.TaskID)
			})
		}
	}
}

// TestAnswerComesLate: the callback is there while the submit still waits for its answer.
func TestAnswerComesLate(t *testing.T) {
	for name, fault := range map[string]kiesim.Fault{
		"hang": {Answer: kiesim.AnswerHang, Accept: true},
		"slow": {Delay: kiesim.Duration(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			r := receive(t)
			p := start(t, kiesim.Options{Defaults: kiesim.Scenario{Submit: fault}})
			ctx, cancel := context.WithCancel(t.Context())
			answered := make(chan error)
			go func() {
				_, _, err := p.call(ctx, http.MethodPost, generatePath, submission(kiesim.SplitStem, r.url))
				answered <- err
			}()
			r.next(t)
			cancel()
			require.ErrorIs(t, <-answered, context.Canceled)
			require.Len(t, p.Bill().Charges, 1)
		})
	}
}

func TestFaultsPass(t *testing.T) {
	p := start(t, kiesim.Options{Defaults: kiesim.Scenario{
		Submit:   kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 430, Times: 2},
		Callback: noCallback,
	}})
	for range 2 {
		require.Contains(
			t,
			p.answer(http.MethodPost, generatePath, submission(kiesim.SplitStem, nowhere)),
			`"code":430`,
		)
	}
	p.generate(kiesim.SplitStem, nowhere)
}

func TestQueuedScenariosServeOneCallEach(t *testing.T) {
	p := start(t, kiesim.Options{Defaults: kiesim.Scenario{Callback: noCallback}})
	refuse := func(code int) kiesim.Scenario {
		return kiesim.Scenario{Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: code}}
	}
	p.SetScenario(trackID, refuse(505))
	p.QueueScenarios(trackID, refuse(429), kiesim.Scenario{Callback: noCallback}, refuse(433))
	for _, want := range []string{`"code":429`, `"code":200`, `"code":433`, `"code":505`, `"code":505`} {
		require.Contains(t, p.answer(http.MethodPost, generatePath, submission(kiesim.SplitStem, nowhere)), want)
	}
	other := strings.Replace(submission(kiesim.SplitStem, nowhere), trackID, "another", 1)
	require.Contains(t, p.answer(http.MethodPost, generatePath, other), `"code":200`, "another track has the defaults")
}

func TestScenariosAreChecked(t *testing.T) {
	require.NoError(t, kiesim.Scenario{}.Validate())
	for want, scenario := range map[string]kiesim.Scenario{
		"dialect":                 {Dialect: "klingon"},
		"submit.answer":           {Submit: kiesim.Fault{Answer: "no"}},
		"submit.code":             {Submit: kiesim.Fault{Answer: kiesim.AnswerRefuse}},
		"accept":                  {RecordInfo: kiesim.Fault{Accept: true}},
		"outcome.links":           {Outcome: kiesim.Outcome{Links: "none"}},
		"outcome.emptyStems":      {Outcome: kiesim.Outcome{EmptyStems: []string{"kazoo"}}},
		"outcome.lateStems":       {Outcome: kiesim.Outcome{LateStems: []string{"kazoo"}}},
		"record.times":            {Record: kiesim.Record{Times: "roman"}},
		"callback.signature":      {Callback: kiesim.Callback{Signature: "illegible"}},
		"callback.exception":      {Callback: kiesim.Callback{Exception: "yes"}},
		`files: there is no stem`: {Files: map[string]kiesim.File{"kazoo": {}}},
		"files.drums.size":        {Files: map[string]kiesim.File{"drums": {Size: 10}}},
		"files.*.status":          {Files: map[string]kiesim.File{kiesim.AllStems: {Fault: kiesim.FileStatus}}},
		"files.*.fault":           {Files: map[string]kiesim.File{kiesim.AllStems: {Fault: "late"}}},
		"files.*.expired":         {Files: map[string]kiesim.File{kiesim.AllStems: {Expired: "soon"}}},
		"files.*.renewedBy":       {Files: map[string]kiesim.File{kiesim.AllStems: {RenewedBy: "prayer"}}},
	} {
		require.ErrorContains(t, scenario.Validate(), want)
		require.Panics(t, func() { kiesim.New(kiesim.Options{}).SetScenario(trackID, scenario) })
	}
}
