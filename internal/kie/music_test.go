package kie

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"stemflow"
)

func TestMusicOfATrack(t *testing.T) {
	const list = `[{"id":"other","title":"Other"},{"id":"E231","title":"Größe – 夜曲","tags":"pop,\nrock",` +
		`"imageUrl":"https://cdn.example/e231.jpeg","duration":198.44,"audioUrl":"https://cdn.example/secret"}]`
	want := &stemflow.Music{
		Title: "Größe – 夜曲", Tags: "pop, rock", DurationSeconds: 198.44, CoverURL: "https://cdn.example/e231.jpeg",
	}
	for name, c := range map[string]struct {
		data string
		want *stemflow.Music
	}{
		"as documented":   {`{"taskId":"5c79","response":{"sunoData":` + list + `},"status":"SUCCESS"}`, want},
		"JSON in strings": {`{"response":` + strconv.Quote(`{"sunoData":`+list+`}`) + `}`, want},
		"snake case": {`{"response":{"suno_data":[{"id":"e231","title":"Größe – 夜曲","tags":"pop, rock",` +
			`"image_url":"https://cdn.example/e231.jpeg","duration":"198.44"}]}}`, want},
		"without wrapping": {`{"sunoData":` + list + `}`, want},
		"nothing known":    {`{"response":{"sunoData":[{"id":"e231","title":null,"imageUrl":"","duration":null}]}}`, &stemflow.Music{}},
		"wrong kinds": {`{"response":{"sunoData":[7,null,"x",{"id":"e231","title":5,"tags":[],"imageUrl":"javascript:x",` +
			`"duration":-1}]}}`, &stemflow.Music{}},
		"long": {`{"response":{"sunoData":[{"id":"e231","title":"` + strings.Repeat("é ", stemflow.MaxTitle) +
			`","imageUrl":"https://cdn.example/` + strings.Repeat("a", maxLink) + `","duration":86400}]}}`,
			&stemflow.Music{Title: strings.Repeat("é ", stemflow.MaxTitle/2-1) + "é"}},
		"other tracks": {`{"response":{"sunoData":[{"id":"x"}]}}`, nil},
		"pending":      {`{"response":null,"status":"PENDING"}`, nil},
		"no data":      {`null`, nil},
		"a list":       {`[]`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				require.Equal(t, "/api/v1/generate/record-info?taskId=5c79", r.URL.String())
				_, _ = w.Write([]byte(`{"code":200,"msg":"success","data":` + c.data + `}`))
			}))
			defer server.Close()
			client, err := New(Options{BaseURL: server.URL})
			require.NoError(t, err)
			music, err := client.Music(t.Context(), "5c79", "e231")
			if c.want == nil {
				require.ErrorIs(t, err, ErrNoMusic)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, music)
		})
	}
}

// A cover's address is in manifests, and shown by pages that people open.
func TestCoversAreHTTPSAddresses(t *testing.T) {
	for _, link := range []string{
		"http://cdn.example/a.jpeg", "https:/a.jpeg", "//cdn.example/a.jpeg", "https://me:secret@cdn.example/a.jpeg",
		"https://cdn.example/a b.jpeg", "https://cdn.example/\x7f", "https://cdn.example/%zz", "data:image/png;base64,AA==",
	} {
		require.Empty(t, coverLink(json.RawMessage(strconv.Quote(link))), link)
	}
}

func FuzzMusic(f *testing.F) {
	f.Add(`{"response":{"sunoData":[{"id":"e231","title":"a","duration":1}]}}`, "e231")
	f.Add(`{"response":"{\"sunoData\":\"[{}]\"}"}`, "")
	f.Fuzz(func(t *testing.T, data, id string) {
		if !json.Valid([]byte(data)) {
			t.Skip()
		}
		music, ok := decodeMusic(json.RawMessage(strings.TrimSpace(data)), id)
		require.False(t, ok && id == "")
		require.LessOrEqual(t, utf8.RuneCountInString(music.Title), stemflow.MaxTitle)
		require.True(t, utf8.ValidString(music.Title+music.Tags))
		_, err := json.Marshal(music)
		require.NoError(t, err)
	})
}
