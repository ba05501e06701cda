package kie

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

func TestCallbacksAsDocumented(t *testing.T) {
	const vocalTask, splitTask = "3e63b4cc88d52611159371f6af5571e7", "e649edb7abfd759285bd41a47a634b10"
	tests := map[string]stemflow.Callback{
		"callback_en_separate_vocal.json": {
			TaskID: vocalTask, Code: 200, Message: "vocal separation generated successfully.",
			Stems: []stemflow.SourceStem{
				stem("vocals", "", "3d7021c9-fa8b-4eda-91d1-3b9297ddb172_Vocals.mp3", 0),
				stem("instrumental", "", "d92a13bf-c6f4-4ade-bb47-f69738435528_Instrumental.mp3", 0),
			},
		},
		"callback_en_split_stem.json": {
			TaskID: splitTask, Code: 200, Message: "vocal separation generated successfully.", Stems: twelveStems,
		},
		"callback_cn_split_stem.json": {
			TaskID: splitTask, Code: 200, Message: "vocal Removal generated successfully.", Stems: twelveStems,
		},
		"callback_sunoapi_separate_vocal.json": {
			TaskID: "5e72d367bdfbe44785e28d72cb1697c7", Code: 200, Message: "vocal Removal generated successfully.",
			Stems: []stemflow.SourceStem{
				{
					Name: "vocals",
					URL:  "https://tempfile.aiquickdraw.com/v/3d7021c9-fa8b-4eda-91d1-3b9297ddb172_vocal.mp3",
				},
				{
					Name: "instrumental",
					URL:  "https://tempfile.aiquickdraw.com/v/3d7021c9-fa8b-4eda-91d1-3b9297ddb172_instrumental.mp3",
				},
			},
			OriginURL: "https://cdn1.suno.ai/376c687e-d439-42c1-b1e4-bcb43b095ec2.mp3",
		},
		"callback_advanced.json": {
			TaskID: "7220be2955295dda60de46ec6e4ead4c", Code: 200, Message: "vocal Removal generated successfully.", Stems: advancedStems,
		},
		"callback_en_failed.json": {TaskID: vocalTask, Code: 500, Message: "Vocal separation failed"},
		"callback_cn_failed.json": {TaskID: vocalTask, Code: 501, Message: "人声分离失败"},
		"callback_sunoapi_failed.json": {
			TaskID:  "5e72d367bdfbe44785e28d72cb1697c7",
			Code:    400,
			Message: "Vocal separation failed",
		},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decodeCallback(file(t, name))
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestDecodeCallbackVariants(t *testing.T) {
	drums := []stemflow.SourceStem{{Name: "drums", URL: "https://x.example/u"}}
	tests := map[string]struct {
		body string
		want stemflow.Callback
	}{
		"camel case": {
			`{"code":200,"data":{"taskId":"t","vocalSeparationInfo":{"drumsUrl":"https://x.example/u","originUrl":"https://x.example/o"}}}`,
			stemflow.Callback{TaskID: "t", Code: 200, Stems: drums, OriginURL: "https://x.example/o"},
		},
		"camel case, the other container": {
			`{"code":200,"data":{"taskId":"t","vocalRemovalInfo":{"drumsUrl":"https://x.example/u"}}}`,
			stemflow.Callback{TaskID: "t", Code: 200, Stems: drums},
		},
		"one container empty": {
			`{"code":200,"data":{"task_id":"t","vocal_removal_info":{"drums_url":"https://x.example/u"},"vocal_separation_info":null}}`,
			stemflow.Callback{TaskID: "t", Code: 200, Stems: drums},
		},
		"both containers": {
			`{"code":200,"data":{"task_id":"t","vocal_removal_info":{"drums_url":"https://x.example/u"},"vocal_separation_info":{"drums_url":"https://x.example/u"}}}`,
			stemflow.Callback{TaskID: "t", Code: 200, Stems: drums},
		},
		"code as string": {`{"code":"531","data":{"task_id":"t"}}`, stemflow.Callback{TaskID: "t", Code: 531}},
		"last code": {
			`{"code":200,"code":500,"data":{"task_id":"t"}}`,
			stemflow.Callback{TaskID: "t", Code: 500},
		},
		"last task": {
			`{"code":200,"data":{"task_id":"a","task_id":"b"}}`,
			stemflow.Callback{TaskID: "b", Code: 200},
		},
		"task id in data first": {
			`{"taskId":"d","task_id":"c","code":200,"data":{"taskId":"b","task_id":"a"}}`,
			stemflow.Callback{TaskID: "a", Code: 200},
		},
		"data.taskId second": {
			`{"taskId":"d","task_id":"c","code":200,"data":{"taskId":"b","task_id":""}}`,
			stemflow.Callback{TaskID: "b", Code: 200},
		},
		"task_id third": {
			`{"taskId":"d","task_id":"c","code":200,"data":{"task_id":null}}`,
			stemflow.Callback{TaskID: "c", Code: 200},
		},
		"taskId last": {
			`{"taskId":"d","task_id":7,"code":200,"data":null}`,
			stemflow.Callback{TaskID: "d", Code: 200},
		},
		"no data": {`{"taskId":"d","code":200}`, stemflow.Callback{TaskID: "d", Code: 200}},
		"container of another kind": {
			`{"code":200,"data":{"task_id":"t","vocal_removal_info":"done"}}`, stemflow.Callback{TaskID: "t", Code: 200},
		},
		"deep junk": {
			`{"code":200,"data":{"task_id":"t","vocal_removal_info":{"drums_url":"https://x.example/u","bass_url":` +
				strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}}}`,
			stemflow.Callback{TaskID: "t", Code: 200, Stems: drums},
		},
		"message with a link": {
			`{"code":500,"msg":"see https://h.example/callbacks/AQtoken","data":{"task_id":"t"}}`,
			stemflow.Callback{TaskID: "t", Code: 500, Message: "see [link]"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decodeCallback([]byte(tt.body))
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestDecodeCallbackErrorsNameTheField(t *testing.T) {
	tests := map[string]struct{ body, want string }{
		"empty":           {"", "JSON"},
		"page":            {"<html>", "JSON"},
		"list":            {`[]`, "JSON object"},
		"null":            {`null`, "JSON object"},
		"cut":             {`{"code":200,"data":{"task_id":"t"`, "JSON"},
		"two bodies":      {`{"code":200,"data":{"task_id":"t"}}{}`, "JSON"},
		"too deep":        {strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000), "JSON"},
		"no task":         {`{"code":200,"data":{}}`, "data.task_id"},
		"task a number":   {`{"code":200,"data":{"task_id":7}}`, "data.task_id"},
		"task blank":      {`{"code":200,"data":{"task_id":" "}}`, "data.task_id"},
		"task a path":     {`{"code":200,"data":{"task_id":"a/b"}}`, "data.task_id"},
		"task with break": {`{"code":200,"data":{"task_id":"a\nb"}}`, "data.task_id"},
		"task too long":   {`{"code":200,"data":{"task_id":"` + strings.Repeat("a", 129) + `"}}`, "data.task_id"},
		"code a fraction": {`{"code":200.5,"data":{"task_id":"t"}}`, "code"},
		"code an object":  {`{"code":{},"data":{"task_id":"t"}}`, "code"},
		"code too large":  {`{"code":1e999,"data":{"task_id":"t"}}`, "code"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decodeCallback([]byte(tt.body))
			require.ErrorContains(t, err, tt.want)
			require.Zero(t, got)
		})
	}
}

func decodeCallback(body []byte) (stemflow.Callback, error) {
	b, err := ReadCallback(body)
	if err != nil {
		return stemflow.Callback{}, err
	}
	return b.Decode()
}

func FuzzDecodeCallback(f *testing.F) {
	for _, name := range []string{
		"callback_en_separate_vocal.json", "callback_en_split_stem.json", "callback_en_failed.json", "callback_cn_split_stem.json",
		"callback_cn_failed.json", "callback_sunoapi_separate_vocal.json", "callback_sunoapi_failed.json", "callback_advanced.json",
	} {
		f.Add(file(f, name))
	}
	f.Add(
		[]byte(
			`{"taskId":"t","code":"200","data":{"vocalRemovalInfo":{"kazooUrl":"https://x.example/u","kazoo_url":1,"origin_data":[{"extract":{}}]}}}`,
		),
	)
	for seed := range uint64(20) {
		w := writer{rand.New(rand.NewPCG(seed, 3))}
		f.Add(w.callback(w.meaning()))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decodeCallback(body)
		if err != nil {
			require.Zero(t, got)
			return
		}
		require.True(t, usableID(got.TaskID))
		requireBounded(t, got)
		read, err := ReadCallback(body)
		require.NoError(t, err)
		require.Equal(t, read.TaskID, got.TaskID, "what is verified is what is told")
		require.LessOrEqual(t, len(got.Message), maxMessage)
		require.NotRegexp(t, `[A-Za-z][A-Za-z0-9+.-]*://\S+`, got.Message)
		requireSoundStems(t, got.Stems)
		_, err = json.Marshal(got)
		require.NoError(t, err, "a callback becomes a signal")
	})
}

// A callback says how its task ended by its code, or else by the state or the links in it.
func TestCodeOfACallback(t *testing.T) {
	const links = `"response":{"vocalUrl":"https://x.example/v.mp3"}`
	for body, want := range map[string]struct{ code, stems int }{
		`{"data":{"task_id":"t","vocal_url":"https://x.example/v.mp3"}}`:                 {200, 1},
		`{"task_id":"t","vocal_url":"https://x.example/v.mp3"}`:                          {200, 1},
		`{"code":"success","data":{"taskId":"t",` + links + `}}`:                         {200, 1},
		`{"code":null,"data":{"taskId":"t","successFlag":1}}`:                            {200, 0},
		`{"data":{"taskId":"t","state":"fail","failCode":"task_failed"}}`:                {500, 0},
		`{"data":{"taskId":"t","state":"fail","failCode":"531","failMsg":"refunded"}}`:   {531, 0},
		`{"code":200,"data":{"taskId":"t","successFlag":3,"errorCode":200}}`:             {500, 0},
		`{"code":501,"data":{"taskId":"t","successFlag":3,"errorCode":400}}`:             {501, 0},
		`{"code":200,"data":{"taskId":"t","successFlag":"FIRST_SUCCESS",` + links + `}}`: {200, 0},
		`{"code":200,"data":{"taskId":"t","successFlag":"UNHEARD_OF",` + links + `}}`:    {200, 1},
		`{"data":{"taskId":"t","successFlag":"CALLBACK_EXCEPTION"}}`:                     {0, 0},
		`{"data":{"taskId":"t"}}`: {0, 0},
		`{"taskId":"t"}`:          {0, 0},
		`{"code":200,"status":200,"data":"t","task_id":"t"}`: {200, 0},
	} {
		got, err := decodeCallback([]byte(body))
		require.NoError(t, err, body)
		require.Equal(t, want.code, got.Code, body)
		require.Len(t, got.Stems, want.stems, body)
		require.Equal(t, "t", got.TaskID, body)
	}
}
