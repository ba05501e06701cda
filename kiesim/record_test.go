package kiesim_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

const unknownRecord = `{"code":200,"msg":"success","data":null}`

func TestRecordOfUnknownTask(t *testing.T) {
	p := start(t, kiesim.Options{})
	require.Equal(t, unknownRecord, p.recordText("3e63b4cc88d52611159371f6af5571e7"))
	require.Equal(t, `{"code":422,"msg":"不能为空","data":null}`, p.recordText(""))
}

func TestRecordWhilePending(t *testing.T) {
	p := start(t, kiesim.Options{Defaults: kiesim.Scenario{Outcome: kiesim.Outcome{Pending: true}}})
	record := p.record(p.generate(kiesim.SplitStem, nowhere))
	require.Equal(t, "PENDING", record.SuccessFlag)
	require.Nil(t, record.Response)
	require.Nil(t, record.CompleteTime)
	require.NotNil(t, record.CreateTime)
}

func TestRecordIsInvisibleAtFirst(t *testing.T) {
	t.Run("for some looks, then with an unknown flag", func(t *testing.T) {
		r := receive(t)
		p := start(
			t,
			kiesim.Options{
				Defaults: kiesim.Scenario{
					Record: kiesim.Record{NullLooks: 2, UnknownFlagLooks: 2, UnknownFlag: "RENDERING"},
				},
			},
		)
		id, _ := p.settled(kiesim.SplitStem, r)
		for range 2 {
			require.Equal(t, unknownRecord, p.recordText(id))
		}
		for range 2 {
			record := p.record(id)
			require.Equal(t, "RENDERING", record.SuccessFlag)
			require.Nil(t, record.Response)
		}
		require.Equal(t, "SUCCESS", p.record(id).SuccessFlag)
	})
	t.Run("for some time", func(t *testing.T) {
		p := start(t, kiesim.Options{Defaults: kiesim.Scenario{Callback: noCallback}})
		p.QueueScenarios(trackID,
			kiesim.Scenario{Record: kiesim.Record{NullFor: kiesim.Duration(time.Hour)}, Callback: noCallback},
			kiesim.Scenario{Record: kiesim.Record{NullFor: kiesim.Duration(time.Nanosecond)}, Callback: noCallback})
		require.Nil(t, p.record(p.generate(kiesim.SplitStem, nowhere)))
		require.NotNil(t, p.record(p.generate(kiesim.SplitStem, nowhere)))
	})
}

func TestRecordLagsBehindTheCallback(t *testing.T) {
	r := receive(t)
	p := start(t, kiesim.Options{Defaults: kiesim.Scenario{Record: kiesim.Record{Lag: kiesim.Duration(time.Hour)}}})
	id, callback := p.settled(kiesim.SplitStem, r)
	require.Equal(t, 200, callback.decode(t).Code)
	require.Equal(t, "PENDING", p.record(id).SuccessFlag)
}

func TestTimesOfRecords(t *testing.T) {
	for format, read := range map[kiesim.TimeFormat]func(*testing.T, any){
		"": func(t *testing.T, v any) {
			ms, ok := v.(float64)
			require.True(t, ok)
			require.Zero(t, int64(ms)%1000, "whole seconds")
			require.WithinDuration(t, time.Now(), time.UnixMilli(int64(ms)), time.Minute)
		},
		kiesim.TimesNumericString: func(t *testing.T, v any) { require.Regexp(t, `^\d{10}000$`, v) },
		kiesim.TimesDateTime: func(t *testing.T, v any) {
			_, err := time.Parse(time.RFC3339, v.(string))
			require.NoError(t, err)
		},
	} {
		t.Run(string(format), func(t *testing.T) {
			r := receive(t)
			p := start(t, kiesim.Options{Defaults: kiesim.Scenario{Record: kiesim.Record{Times: format}}})
			id, _ := p.settled(kiesim.SeparateVocal, r)
			record := p.record(id)
			read(t, record.CreateTime)
			read(t, record.CompleteTime)
		})
	}
}

func TestFailure(t *testing.T) {
	r := receive(t)
	p := start(t, kiesim.Options{Credits: 100})
	p.QueueScenarios(
		trackID,
		kiesim.Scenario{Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}},
		kiesim.Scenario{
			Outcome: kiesim.Outcome{
				Failure: &kiesim.Failure{Code: 531, Message: "Please try again.", Flag: "CREATE_TASK_FAILED"},
			},
		},
	)

	id, callback := p.settled(kiesim.SplitStem, r)
	record := p.record(id)
	require.Equal(t, "GENERATE_AUDIO_FAILED", record.SuccessFlag)
	require.EqualValues(t, 500, record.ErrorCode)
	require.Equal(t, "Instrument separation failed", record.ErrorMessage)
	require.Nil(t, record.Response)
	require.Equal(t, 500, callback.decode(t).Code)
	require.Equal(t, 50.0, p.Balance())

	id, callback = p.settled(kiesim.SplitStem, r)
	record = p.record(id)
	require.Equal(t, "CREATE_TASK_FAILED", record.SuccessFlag)
	require.EqualValues(t, 531, record.ErrorCode)
	require.Equal(t, "Please try again.", callback.decode(t).Msg)
	require.Equal(t, 531, callback.decode(t).Code)
	require.Equal(t, 50.0, p.Balance(), "refunded")
	require.Equal(t, id, p.Bill().Refunds[0].TaskID)
}

func TestSuccessWithoutLinks(t *testing.T) {
	for links, want := range map[kiesim.Links]any{kiesim.LinksNull: nil, kiesim.LinksEmpty: ""} {
		t.Run(string(links), func(t *testing.T) {
			r := receive(t)
			p := start(
				t,
				kiesim.Options{Defaults: kiesim.Scenario{Outcome: kiesim.Outcome{Links: links, LinksAfter: 2}}},
			)
			id, callback := p.settled(kiesim.SeparateVocal, r)
			require.Equal(t, want, callback.decode(t).Data.Info["vocal_url"])
			for range 2 {
				record := p.record(id)
				require.Equal(t, "SUCCESS", record.SuccessFlag)
				require.Equal(t, want, record.Response["vocalUrl"])
				require.Empty(t, record.Response["originData"])
			}
			response := p.record(id).Response
			require.NotEmpty(t, response["vocalUrl"])
			require.Len(t, response["originData"], 2)
		})
	}
}

func TestUnusualStems(t *testing.T) {
	r := receive(t)
	p := start(t, kiesim.Options{Defaults: kiesim.Scenario{Outcome: kiesim.Outcome{
		EmptyStems: []string{"brass"}, ExtraStem: "kazoo", Candidates: 2,
		OriginURL: "https://cdn1.suno.ai/" + trackID + ".mp3",
	}}})
	id, callback := p.settled(kiesim.SplitStem, r)
	info := callback.decode(t).Data.Info
	require.Equal(t, "", info["brass_url"])
	require.Equal(t, "https://cdn1.suno.ai/"+trackID+".mp3", info["origin_url"])
	require.Regexp(t, `/s/[0-9a-f-]{36}_Kazoo\.mp3$`, info["kazoo_url"])

	response := p.record(id).Response
	require.Nil(t, response["brassUrl"])
	require.Equal(t, info["origin_url"], response["originUrl"])
	require.Equal(t, info["kazoo_url"], response["kazooUrl"])
	require.Equal(t, info["drums_url"], response["drumsUrl"])
	require.Len(t, response["originData"], 2*12, "two sets of eleven stems and the kazoo")
	require.NotEmpty(t, p.download(response["kazooUrl"].(string)))
}

func TestLateStems(t *testing.T) {
	for lateBy, late := range map[time.Duration]bool{0: true, time.Hour: true, time.Nanosecond: false} {
		r := receive(t)
		p := start(t, kiesim.Options{Defaults: kiesim.Scenario{Outcome: kiesim.Outcome{
			LateStems: []string{"brass"}, LateBy: kiesim.Duration(lateBy),
		}}})
		id, callback := p.settled(kiesim.SplitStem, r)
		require.NotEmpty(t, callback.decode(t).Data.Info["brass_url"])
		response := p.record(id).Response
		require.NotNil(t, response["drumsUrl"])
		require.Equal(t, late, response["brassUrl"] == nil, lateBy)
	}
}

func TestRecordInfoFails(t *testing.T) {
	r := receive(t)
	p := start(
		t,
		kiesim.Options{
			Defaults: kiesim.Scenario{RecordInfo: kiesim.Fault{Answer: kiesim.AnswerHTML, Status: 503, Times: 1}},
		},
	)
	id, _ := p.settled(kiesim.SplitStem, r)
	response, _, err := p.call(t.Context(), http.MethodGet, "/api/v1/vocal-removal/record-info?taskId="+id, "")
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Equal(t, "SUCCESS", p.record(id).SuccessFlag)
}
