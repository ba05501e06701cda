package kie

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// upload hands a file of five bytes to a client.
func upload(t *testing.T, c *Client) (string, error) {
	t.Helper()
	return c.Upload(t.Context(), Upload{
		Name: `a "song".mp3`, ContentType: "audio/mpeg", Size: 5, Body: strings.NewReader("audio"),
	})
}

func TestUploadSendsTheDocumentedForm(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/api/file-stream-upload" ||
			r.Header.Get("Authorization") != "Bearer "+apiKey || r.ContentLength < 5 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		file, header, err := r.FormFile("file")
		if err != nil || header.Filename != `a "song".mp3` || header.Header.Get("Content-Type") != "audio/mpeg" ||
			r.FormValue("uploadPath") != uploadFolder || r.FormValue("fileName") != `a "song".mp3` {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if body, err := io.ReadAll(file); err != nil || string(body) != "audio" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		const link = "https://tempfile.example/x/song.mp3"
		reply(200, `{"success":true,"code":200,"msg":"ok","data":{"downloadUrl":"`+link+`"}}`)(w, r)
	})
	link, err := upload(t, newClient(t, Options{BaseURL: "https://api.example", UploadURL: p.URL}))
	require.NoError(t, err)
	require.Equal(t, "https://tempfile.example/x/song.mp3", link)
}

func TestUploadsThatFail(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		want   Verdict
		says   string
	}{
		"key":        {200, `{"code":401,"msg":"You do not have access permissions"}`, Unauthorized, "permissions"},
		"limited":    {429, `{"code":429,"msg":"slow down"}`, Busy, "slow down"},
		"page":       {502, "<html>bad gateway</html>", Unknown, "not the provider's JSON"},
		"no data":    {200, `{"code":200,"msg":"success"}`, Unknown, errNoLink.Error()},
		"no link":    {200, `{"code":200,"data":{"downloadUrl":""}}`, Unknown, errNoLink.Error()},
		"no host":    {200, `{"code":200,"data":{"downloadUrl":"/x/song.mp3"}}`, Unknown, errNoLink.Error()},
		"no address": {200, `{"code":200,"data":{"downloadUrl":"https://a.example/%zz"}}`, Unknown, errNoLink.Error()},
		"file":       {200, `{"code":200,"data":{"downloadUrl":"file://host/etc/passwd"}}`, Unknown, errNoLink.Error()},
		"too long": {
			200, `{"code":200,"data":{"downloadUrl":"https://a.example/` + strings.Repeat("a", maxLink) + `"}}`,
			Unknown, errNoLink.Error(),
		},
		"repeats key": {200, `{"code":500,"msg":"no such key: ` + apiKey + `"}`, Unknown, "no such key"},
		"too large":   {200, strings.Repeat(" ", maxAnswer+1), Unknown, "the answer is larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				reply(tt.status, tt.body)(w, r)
			})
			link, err := upload(t, newClient(t, Options{BaseURL: p.URL}))
			require.Empty(t, link)
			refused := refusedBy(t, err)
			require.Equal(t, tt.want, refused.Verdict)
			require.Equal(t, opUpload, refused.Op)
			require.ErrorContains(t, err, tt.says)
		})
	}
	p := serve(t, reply(200, ""))
	address := p.URL
	p.Close()
	_, err := upload(t, newClient(t, Options{BaseURL: address}))
	require.Equal(t, opUpload, refusedBy(t, err).Op)
	require.ErrorContains(t, err, "connection refused")
}
