package kie

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const separationID = "3e63b4cc88d52611159371f6af5571e7"

// routes answers by path and notes the paths in order.
func routes(t *testing.T, answers map[string]string) (base string, asked *[]string) {
	asked = new([]string)
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.Path)
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, answer)
	})
	return p.URL, asked
}

func TestJobsRouteSendsTheDocumentedRequest(t *testing.T) {
	var path, got string
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		path, got = r.URL.Path, string(body)
		_, _ = io.WriteString(w, `{"code":200,"msg":"success","data":{"taskId":"new","recordId":"x"}}`)
	})
	c := newClient(t, Options{BaseURL: p.URL, Route: RouteJobs})
	request := GenerateRequest{
		TaskID: "music", AudioID: "track", Type: "split_stem", CallbackURL: "https://h.example/callbacks/x",
	}
	id, err := c.Generate(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, "new", id)
	require.Equal(t, "/api/v1/jobs/createTask", path)
	require.JSONEq(t, `{"model":"ai-music-api/separate-vocals","callBackUrl":"https://h.example/callbacks/x",
		"input":{"task_id":"music","audio_id":"track","type":"split_stem"}}`, got)
	request.Type, request.StemName = "split_stem_advanced", "Lead Vocal"
	_, err = c.Generate(t.Context(), request)
	require.NoError(t, err)
	require.JSONEq(t, `{"model":"ai-music-api/separate-vocals","callBackUrl":"https://h.example/callbacks/x",
		"input":{"task_id":"music","audio_id":"track","type":"split_stem_advanced","stem_name":"Lead Vocal"}}`, got)
}

func TestUnknownRouteIsRefused(t *testing.T) {
	_, err := New(Options{BaseURL: "https://api.kie.ai", Route: "market"})
	require.EqualError(t, err, `"market" is no route of the provider, give dedicated or jobs`)
	c, err := New(Options{BaseURL: "https://api.kie.ai", Route: "dedicated"})
	require.NoError(t, err)
	require.Equal(t, RouteDedicated, c.route)
}

func jobsRecord(state, result string) string {
	asked, _ := json.Marshal(`{"model":"ai-music-api/separate-vocals","callBackUrl":"https://h.example/callbacks/x",` +
		`"input":{"task_id":"music","audio_id":"track","type":"separate_vocal"}}`)
	encoded, _ := json.Marshal(result)
	return fmt.Sprintf(`{"code":200,"msg":"success","data":{"taskId":%q,"model":"ai-music-api/separate-vocals","state":%q,`+
		`"param":%s,"resultJson":%s,"failCode":"501","failMsg":"it failed","costTime":null,"completeTime":0,`+
		`"createTime":1753782854000,"creditsConsumed":10}}`, separationID, state, asked, encoded)
}

func TestJobsRecord(t *testing.T) {
	const vocals = "https://file.aiquickdraw.com/s/a_Vocals.mp3"
	for state, want := range map[string]State{
		"waiting": Pending, "queuing": Pending, "generating": Pending, "success": Succeeded, "fail": Failed,
	} {
		base, asked := routes(t, map[string]string{pathJobsRecord: jobsRecord(state, `{"vocal_removal_info":{"vocal_url":"`+vocals+`"}}`)})
		got, err := newClient(t, Options{BaseURL: base, Route: RouteJobs}).Record(t.Context(), separationID)
		require.NoError(t, err)
		require.Equal(t, want, got.State, state)
		require.Equal(t, map[string]string{"vocals": vocals}, byName(got.Stems), "the input is no result")
		require.Equal(t, "track", got.AudioID)
		require.Equal(t, "https://h.example/callbacks/x", got.CallbackURL)
		require.Equal(t, 501, got.ErrorCode)
		require.Equal(t, "it failed", got.ErrorMessage)
		require.Zero(t, got.CompletedAt)
		require.Equal(t, []string{pathJobsRecord}, *asked)
	}
}

// A separation that was paid for by one route is found after a change to the other.
func TestRecordOfTheOtherRoute(t *testing.T) {
	dedicated := `{"code":200,"data":{"taskId":"` + separationID + `","successFlag":"SUCCESS"}}`
	const (
		none     = `{"code":200,"msg":"success","data":null}`
		jobsNone = `{"code":422,"msg":"recordInfo is null","data":null}`
		broken   = `{"code":500,"msg":"Server Error","data":null}`
		limited  = `{"code":429,"msg":"Rate limit exceeded","data":null}`
	)
	for name, tt := range map[string]struct {
		route           Route
		dedicated, jobs string
		asked           int
		want            error // nil: the record
		verdict         Verdict
	}{
		"dedicated, found at once":           {RouteDedicated, dedicated, broken, 1, nil, 0},
		"jobs, found at once":                {RouteJobs, broken, jobsRecord("success", ""), 1, nil, 0},
		"dedicated, found by jobs":           {RouteDedicated, none, jobsRecord("success", ""), 2, nil, 0},
		"jobs, found by dedicated":           {RouteJobs, dedicated, jobsNone, 2, nil, 0},
		"dedicated is no more, found":        {RouteDedicated, "", jobsRecord("success", ""), 2, nil, 0},
		"jobs says 404, found":               {RouteJobs, dedicated, "", 2, nil, 0},
		"dedicated, nowhere":                 {RouteDedicated, none, jobsNone, 2, ErrNoRecord, 0},
		"dedicated, and there are no jobs":   {RouteDedicated, none, "", 2, ErrNoRecord, 0},
		"jobs, nowhere":                      {RouteJobs, none, jobsNone, 2, ErrNoRecord, 0},
		"jobs, and dedicated is no more":     {RouteJobs, "", jobsNone, 2, ErrNoRecord, 0},
		"dedicated is no more, nor in jobs":  {RouteDedicated, "", jobsNone, 2, new(Error), Rejected},
		"not there, and jobs does not say":   {RouteDedicated, none, broken, 2, new(Error), Unknown},
		"not there, and jobs is busy":        {RouteDedicated, none, limited, 2, new(Error), Busy},
		"jobs is busy, and dedicated silent": {RouteJobs, none, limited, 1, new(Error), Busy},
	} {
		t.Run(name, func(t *testing.T) {
			answers := map[string]string{Separation.pathRecord: tt.dedicated, pathJobsRecord: tt.jobs}
			for path, answer := range answers {
				if answer == "" {
					delete(answers, path)
				}
			}
			base, asked := routes(t, answers)
			got, err := newClient(t, Options{BaseURL: base, Route: tt.route}).Record(t.Context(), separationID)
			require.Len(t, *asked, tt.asked)
			switch tt.want {
			case nil:
				require.NoError(t, err)
				require.Equal(t, Succeeded, got.State)
			case ErrNoRecord:
				require.ErrorIs(t, err, ErrNoRecord)
			default:
				require.NotErrorIs(t, err, ErrNoRecord)
				require.Equal(t, tt.verdict, refusedBy(t, err).Verdict)
			}
		})
	}
}

func TestRecordOfAnotherTaskIsNotBelieved(t *testing.T) {
	const other = "ffffffffffffffffffffffffffffffff"
	for name, data := range map[string]string{
		"camel case":  `{"taskId":"` + other + `","successFlag":"SUCCESS"}`,
		"snake case":  `{"task_id":"` + other + `","successFlag":"SUCCESS"}`,
		"wrapped":     `{"data":{"taskId":"` + other + `","successFlag":"SUCCESS"}}`,
		"as a string": `"{\"taskId\":\"` + other + `\"}"`,
		"failed":      `{"taskId":"` + other + `","successFlag":"CREATE_TASK_FAILED"}`,
		"longer":      `{"taskId":"` + separationID + `0","successFlag":"SUCCESS"}`,
	} {
		t.Run(name, func(t *testing.T) {
			base, asked := routes(t, map[string]string{Separation.pathRecord: `{"code":200,"data":` + data + `}`})
			got, err := newClient(t, Options{BaseURL: base}).Record(t.Context(), separationID)
			require.ErrorIs(t, err, ErrOtherTask)
			require.NotErrorIs(t, err, ErrNoRecord)
			require.Nil(t, got)
			require.Len(t, *asked, 1)
		})
	}
	for name, data := range map[string]string{
		"no id": `{"successFlag":"SUCCESS"}`, "null": `{"taskId":null,"successFlag":"SUCCESS"}`,
		"empty": `{"taskId":"","successFlag":"SUCCESS"}`, "capitals": `{"taskId":"3E63B4CC88D52611159371F6AF5571E7","successFlag":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			base, _ := routes(t, map[string]string{Separation.pathRecord: `{"code":200,"data":` + data + `}`})
			got, err := newClient(t, Options{BaseURL: base}).Record(t.Context(), separationID)
			require.NoError(t, err)
			require.Equal(t, Succeeded, got.State)
		})
	}
}
