package kiesim_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

// decoded is JSON as it comes.
type decoded = map[string]any

func decodeText(t *testing.T, text string) decoded {
	t.Helper()
	var v decoded
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}

// data is the data of a record as it comes.
func (p *provider) data(taskID string) decoded {
	p.t.Helper()
	data, _ := decodeText(p.t, p.recordText(taskID))["data"].(decoded)
	return data
}

func (p *provider) jobsData(taskID string) decoded {
	p.t.Helper()
	answer := decodeText(p.t, p.answer(http.MethodGet, "/api/v1/jobs/recordInfo?taskId="+taskID, ""))
	data, _ := answer["data"].(decoded)
	return data
}

func startWith(t *testing.T, scenario kiesim.Scenario) *provider {
	return start(t, kiesim.Options{Defaults: scenario})
}

func TestStateForms(t *testing.T) {
	failed := &kiesim.Failure{}
	for form, want := range map[kiesim.StateForm]struct {
		key           string
		done, failure any
	}{
		kiesim.StateNumber:        {"successFlag", 1.0, 3.0},
		kiesim.StateNumericString: {"successFlag", "1", "3"},
		kiesim.StateStatus:        {"status", "SUCCESS", "GENERATE_AUDIO_FAILED"},
		kiesim.StateState:         {"state", "success", "fail"},
	} {
		t.Run(string(form), func(t *testing.T) {
			r := receive(t)
			p := startWith(t, kiesim.Scenario{Record: kiesim.Record{State: form}})
			id, _ := p.settled(kiesim.SeparateVocal, r)
			require.Equal(t, want.done, p.data(id)[want.key])
			p.SetScenario(trackID, kiesim.Scenario{
				Record: kiesim.Record{State: form}, Outcome: kiesim.Outcome{Failure: failed},
			})
			id, _ = p.settled(kiesim.SeparateVocal, r)
			require.Equal(t, want.failure, p.data(id)[want.key])
		})
	}
}

func TestLinksForms(t *testing.T) {
	response := func(data decoded) any { return data["response"].(decoded)["vocalUrl"] }
	for form, link := range map[kiesim.LinksForm]func(*testing.T, decoded) any{
		kiesim.LinksNested: func(_ *testing.T, data decoded) any {
			return data["response"].(decoded)["vocal_removal_info"].(decoded)["vocalUrl"]
		},
		kiesim.LinksDoubled: func(_ *testing.T, data decoded) any { return response(data["data"].(decoded)) },
		kiesim.LinksString: func(t *testing.T, data decoded) any {
			return decodeText(t, data["response"].(string))["vocalUrl"]
		},
		kiesim.LinksResultJSON: func(t *testing.T, data decoded) any {
			return decodeText(t, data["resultJson"].(string))["vocal_separation_info"].(decoded)["vocalUrl"]
		},
		kiesim.LinksResultURLs: func(t *testing.T, data decoded) any {
			return decodeText(t, data["resultJson"].(string))["resultUrls"].([]any)[0]
		},
	} {
		t.Run(string(form), func(t *testing.T) {
			r := receive(t)
			p := startWith(t, kiesim.Scenario{Record: kiesim.Record{Links: form}})
			id, _ := p.settled(kiesim.SeparateVocal, r)
			require.Regexp(t, `_Vocals\.mp3$`, link(t, p.data(id)))
		})
	}
}

func TestRecordOfAnotherTask(t *testing.T) {
	r := receive(t)
	p := startWith(t, kiesim.Scenario{Record: kiesim.Record{OtherTaskLooks: 1}})
	id, _ := p.settled(kiesim.SeparateVocal, r)
	require.NotEqual(t, id, p.record(id).TaskID)
	require.Equal(t, id, p.record(id).TaskID)

	p.SetScenario(trackID, kiesim.Scenario{Record: kiesim.Record{NoTaskID: true}})
	id, _ = p.settled(kiesim.SeparateVocal, r)
	require.NotContains(t, p.data(id), "taskId")
}

func TestPartialRecord(t *testing.T) {
	r := receive(t)
	p := startWith(t, kiesim.Scenario{Record: kiesim.Record{PartialLooks: 2, PartialStems: 4}})
	id, callback := p.settled(kiesim.SplitStem, r)
	links := func(fields map[string]any) (n int) {
		for _, value := range fields {
			if link, ok := value.(string); ok && link != "" {
				n++
			}
		}
		return n
	}
	require.Equal(t, 12, links(callback.decode(t).Data.Info))
	for _, want := range []int{4, 4, 12} {
		response := p.record(id).Response
		require.Equal(t, want, links(response))
		require.Len(t, response["originData"], want)
	}
}

// What comes late in the record is in every callback, whatever its form.
func TestLateStemsAreInCallbacks(t *testing.T) {
	r := receive(t)
	p := startWith(t, kiesim.Scenario{
		Outcome:  kiesim.Outcome{LateStems: []string{"vocals"}},
		Callback: kiesim.Callback{Form: kiesim.CallbackRecord},
	})
	id, callback := p.settled(kiesim.SeparateVocal, r)
	require.Nil(t, p.record(id).Response["vocalUrl"])
	told := decodeText(t, callback.body)["data"].(decoded)["response"].(decoded)
	require.Regexp(t, `_Vocals\.mp3$`, told["vocalUrl"])
	require.Len(t, told["originData"], 2)
}

func TestPlaceholdersAndPictures(t *testing.T) {
	r := receive(t)
	p := startWith(t, kiesim.Scenario{Outcome: kiesim.Outcome{
		EmptyStems: []string{"brass"}, EmptyLink: "None", OpaqueLinks: true, OriginDataBase: "https://cdn1.suno.ai",
		ExtraFields: map[string]any{"imageUrl": "https://cdn1.suno.ai/a.jpeg"},
	}})
	id, callback := p.settled(kiesim.SplitStem, r)
	response, info := p.record(id).Response, callback.decode(t).Data.Info
	require.Equal(t, "None", response["brassUrl"])
	require.Equal(t, "None", info["brass_url"])
	require.Equal(t, "https://cdn1.suno.ai/a.jpeg", response["imageUrl"])
	require.Equal(t, "https://cdn1.suno.ai/a.jpeg", info["image_url"])
	require.Regexp(t, `/s/[0-9a-f]{32}$`, response["drumsUrl"])
	require.NotEmpty(t, p.download(response["drumsUrl"].(string)))
	require.Regexp(t, `^https://cdn1\.suno\.ai/`, response["originData"].([]any)[0].(decoded)["audio_url"])
}

func TestCallbackForms(t *testing.T) {
	for form, link := range map[kiesim.CallbackForm]func(decoded) any{
		kiesim.CallbackRecord: func(body decoded) any {
			return body["data"].(decoded)["response"].(decoded)["vocalUrl"]
		},
		kiesim.CallbackFlat: func(body decoded) any { return body["data"].(decoded)["vocal_url"] },
		kiesim.CallbackBare: func(body decoded) any { return body["vocal_url"] },
	} {
		t.Run(string(form), func(t *testing.T) {
			r := receive(t)
			p := startWith(t, kiesim.Scenario{Callback: kiesim.Callback{Form: form, NoCode: true}})
			_, callback := p.settled(kiesim.SeparateVocal, r)
			body := decodeText(t, callback.body)
			require.NotContains(t, body, "code")
			require.Regexp(t, `_Vocals\.mp3$`, link(body))
		})
	}
}

func TestCallbackCallsItsTaskByAnotherName(t *testing.T) {
	for _, form := range []kiesim.CallbackForm{"", kiesim.CallbackRecord, kiesim.CallbackFlat, kiesim.CallbackBare} {
		t.Run(string(form), func(t *testing.T) {
			r := receive(t)
			p := startWith(t, kiesim.Scenario{Callback: kiesim.Callback{Form: form, IDField: "id"}})
			id, callback := p.settled(kiesim.SeparateVocal, r)
			body := decodeText(t, callback.body)
			if form != kiesim.CallbackBare {
				body = body["data"].(decoded)
			}
			require.Equal(t, id, body["id"])
			require.NotContains(t, body, "task_id")
			require.NotContains(t, body, "taskId")
		})
	}
}

// The jobs route needs no address to call back.
func TestJobsRouteWithoutACallback(t *testing.T) {
	p := start(t, kiesim.Options{})
	create := `{"model":"ai-music-api/separate-vocals",` +
		`"input":{"task_id":"` + musicID + `","audio_id":"` + trackID + `","type":"split_stem"}}`
	answer := decodeText(t, p.answer(http.MethodPost, "/api/v1/jobs/createTask", create))
	require.EqualValues(t, 200, answer["code"], answer["msg"])
	id := answer["data"].(decoded)["taskId"].(string)
	require.Eventually(t, func() bool { return p.jobsData(id)["state"] == "success" }, time.Minute, 5*time.Millisecond)
	require.Zero(t, p.Bill().Callbacks)
}

func TestJobsRoute(t *testing.T) {
	r := receive(t)
	p := start(t, kiesim.Options{})
	create := `{"model":"ai-music-api/separate-vocals","callBackUrl":"` + r.url + `",` +
		`"input":{"task_id":"` + musicID + `","audio_id":"` + trackID + `","type":"split_stem"}}`
	answer := decodeText(t, p.answer(http.MethodPost, "/api/v1/jobs/createTask", create))
	id := answer["data"].(decoded)["taskId"].(string)
	require.Equal(t, 50.0, p.Bill().Charges[0].Credits)

	callback := decodeText(t, r.next(t).body)["data"].(decoded)
	require.Equal(t, id, callback["taskId"])
	require.Equal(t, "success", callback["state"])

	data := p.jobsData(id)
	require.Equal(t, "success", data["state"])
	require.Equal(t, r.url, decodeText(t, data["param"].(string))["callBackUrl"])
	require.Equal(t, data["resultJson"], callback["resultJson"])
	require.Nil(t, p.record(id), "the dedicated route does not know it")

	const unknown = `{"code":422,"msg":"recordInfo is null","data":null}`
	dedicated := p.generate(kiesim.SplitStem, r.url)
	require.Equal(t, unknown, p.answer(http.MethodGet, "/api/v1/jobs/recordInfo?taskId="+dedicated, ""))

	p.SetScenario(trackID, kiesim.Scenario{
		Outcome: kiesim.Outcome{Failure: &kiesim.Failure{}}, Record: kiesim.Record{BothRoutes: true},
	})
	r.next(t)
	failed := p.generate(kiesim.SplitStem, r.url)
	r.next(t)
	require.Equal(t, "fail", p.jobsData(failed)["state"])
}

func TestShortFileAndAnnouncedDuration(t *testing.T) {
	r := receive(t)
	p := startWith(t, kiesim.Scenario{Files: map[string]kiesim.File{
		"vocals": {Fault: kiesim.FileShort, Times: 1, AnnouncedSeconds: 600},
	}})
	id, _ := p.settled(kiesim.SeparateVocal, r)
	response := p.record(id).Response
	link := response["vocalUrl"].(string)
	third := p.download(link)
	require.Len(t, third, len(p.download(link))/3)
	require.Equal(t, 600.0, response["originData"].([]any)[0].(decoded)["duration"])
}
