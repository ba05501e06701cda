package kie

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewChecksItsOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"no address":     {},
		"no scheme":      {BaseURL: "api.kie.ai"},
		"other scheme":   {BaseURL: "ftp://api.kie.ai"},
		"no host":        {BaseURL: "https:///api"},
		"password":       {BaseURL: "https://me:secret-word@api.kie.ai"},
		"query":          {BaseURL: "https://api.kie.ai?secret-word"},
		"unparsable":     {BaseURL: "https://api.kie.ai:secret-word"},
		"fragment":       {BaseURL: "https://api.kie.ai#secret-word"},
		"upload address": {BaseURL: "https://api.kie.ai", UploadURL: "https://me:secret-word@uploads.example"},
		"key with break": {BaseURL: "https://api.kie.ai", APIKey: "secret-word\n"},
		"key with blank": {BaseURL: "https://api.kie.ai", APIKey: "Bearer secret-word"},
		"key not ASCII":  {BaseURL: "https://api.kie.ai", APIKey: "secret-wörd"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(o)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "secret-w")
		})
	}
}

func TestBaseURLMayHaveAPath(t *testing.T) {
	var path string
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.Path
		reply(200, `{"code":200,"data":1}`)(w, r)
	})
	for _, base := range []string{p.URL + "/proxy", p.URL + "/proxy/"} {
		_, err := newClient(t, Options{BaseURL: base}).Credits(t.Context())
		require.NoError(t, err)
		require.Equal(t, "/proxy/api/v1/chat/credit", path)
	}
}

func TestNoKeySendsNoAuthorization(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, sent := r.Header["Authorization"]
		if sent {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, `{"code":200,"data":1}`)
	})
	c, err := New(Options{BaseURL: p.URL})
	require.NoError(t, err)
	_, err = c.Credits(t.Context())
	require.NoError(t, err)
}

func TestCredits(t *testing.T) {
	for body, want := range map[string]float64{
		`{"code":200,"msg":"success","data":5916.25}`: 5916.25,
		`{"code":200,"msg":"success","data":100}`:     100,
		`{"code":200,"msg":"success","data":"12.5"}`:  12.5,
		`{"code":200,"msg":"success","data":0}`:       0,
	} {
		p := serve(t, reply(200, body))
		got, err := newClient(t, Options{BaseURL: p.URL}).Credits(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for body, want := range map[string]Verdict{
		`{"code":200,"msg":"success","data":null}`:                Unknown,
		`{"code":200,"msg":"success","data":"NaN"}`:               Unknown,
		`{"code":401,"msg":"You do not have access permissions"}`: Unauthorized,
	} {
		p := serve(t, reply(200, body))
		_, err := newClient(t, Options{BaseURL: p.URL}).Credits(t.Context())
		require.Equal(t, want, refusedBy(t, err).Verdict)
	}
}

func TestDownloadURL(t *testing.T) {
	const link = "https://hooks.example.com/s/d92a13bf_Drums.mp3"
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1/common/download-url" ||
			string(body) != `{"url":"`+link+`"}` {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		reply(200, `{"code":200,"msg":"success","data":"https://tempfile.example.com/x?sig=1"}`)(w, r)
	})
	got, err := newClient(t, Options{BaseURL: p.URL}).DownloadURL(t.Context(), link)
	require.NoError(t, err)
	require.Equal(t, "https://tempfile.example.com/x?sig=1", got)

	for body, want := range map[string]Verdict{
		`{"code":422,"msg":"url is wrong","data":null}`:           Rejected,
		`{"code":422,"msg":"url is wrong: ` + link + `"}`:         Rejected,
		`{"code":200,"msg":"success","data":null}`:                Unknown,
		`{"code":200,"msg":"success","data":""}`:                  Unknown,
		`{"code":200,"msg":"success","data":{"url":"elsewhere"}}`: Unknown,
		`{"code":200,"msg":"success","data":"None"}`:              Unknown,
		`{"code":200,"msg":"success","data":"/files/Drums.mp3"}`:  Unknown,
		`{"code":200,"msg":"success","data":"https://"}`:          Unknown,
	} {
		p := serve(t, reply(200, body))
		_, err := newClient(t, Options{BaseURL: p.URL}).DownloadURL(t.Context(), link)
		require.Equal(t, want, refusedBy(t, err).Verdict)
	}
}
