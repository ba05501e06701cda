package kiesim_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow/kiesim"
)

// do makes a request and returns the answer's status and body.
func do(t *testing.T, request *http.Request) (int, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// get fetches a link with its spaces encoded.
func get(t *testing.T, link string) *http.Response {
	t.Helper()
	response, err := http.Get(strings.ReplaceAll(link, " ", "%20"))
	require.NoError(t, err)
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func (p *provider) download(link string) []byte {
	p.t.Helper()
	response := get(p.t, link)
	require.Equal(p.t, http.StatusOK, response.StatusCode)
	data, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	return data
}

// playingTime adds up the frames of an MP3 in seconds. Behind an ID3v2 tag there must be only
// frames.
func playingTime(t *testing.T, data []byte) float64 {
	t.Helper()
	if strings.HasPrefix(string(data), "ID3") {
		size := int(data[6])<<21 | int(data[7])<<14 | int(data[8])<<7 | int(data[9])
		data = data[10+size:]
	}
	frames := 0
	for len(data) > 0 {
		// MPEG-1 Layer III, 64 kbit/s at 48 kHz: all frames of the tune are 192 bytes and 24 ms.
		require.GreaterOrEqual(t, len(data), 192, "frame %d is cut", frames)
		require.Equal(t, []byte{0xff, 0xfb, 0x54}, data[:3], "header of frame %d", frames)
		data = data[192:]
		frames++
	}
	return float64(frames) * 0.024
}

// drums separates a track whose files are served as the settings say, and returns the task and the
// link to its drums.
func drums(t *testing.T, file kiesim.File) (*provider, string, string) {
	t.Helper()
	r := receive(t)
	p := start(t, kiesim.Options{Defaults: kiesim.Scenario{Files: map[string]kiesim.File{"drums": file}}})
	id, callback := p.settled(kiesim.SplitStem, r)
	return p, id, callback.decode(t).Data.Info["drums_url"].(string)
}

func TestStemsAreServed(t *testing.T) {
	r := receive(t)
	p := start(t, kiesim.Options{})
	id, _ := p.settled(kiesim.SplitStem, r)
	for _, item := range p.record(id).Response["originData"].([]any) {
		stem := item.(map[string]any)
		response := get(t, stem["audio_url"].(string))
		require.Equal(t, "audio/mpeg", response.Header.Get("Content-Type"))
		require.Positive(t, response.ContentLength)
		data, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.InDelta(t, stem["duration"], playingTime(t, data), 1e-9)
	}
	require.Equal(t, 12, p.Bill().Downloads)
	require.Equal(t, http.StatusNotFound, get(t, p.url+"/s/other.mp3").StatusCode)
}

func TestHeadAndRange(t *testing.T) {
	p, _, link := drums(t, kiesim.File{})
	whole := p.download(link)
	response, err := http.Head(link)
	require.NoError(t, err)
	require.EqualValues(t, len(whole), response.ContentLength)
	request, err := http.NewRequest(http.MethodGet, link, nil)
	require.NoError(t, err)
	request.Header.Set("Range", "bytes=100-199")
	status, part := do(t, request)
	require.Equal(t, http.StatusPartialContent, status)
	require.Equal(t, string(whole[100:200]), part)
}

func TestFileProperties(t *testing.T) {
	t.Run("size", func(t *testing.T) {
		p, id, link := drums(t, kiesim.File{Size: 1_000_000})
		data := p.download(link)
		require.Len(t, data, 1_000_000)
		for _, item := range p.record(id).Response["originData"].([]any) {
			if stem := item.(map[string]any); stem["stem_type_group_name"] == "Drums" {
				require.InDelta(t, stem["duration"], playingTime(t, data), 1e-9)
			}
		}
	})
	t.Run("silent", func(t *testing.T) {
		p, _, link := drums(t, kiesim.File{Silent: true})
		data := p.download(link)
		playingTime(t, data)
		require.Greater(t, strings.Count(string(data), "\x00"), len(data)*7/10)
	})
	t.Run("content type", func(t *testing.T) {
		_, _, link := drums(t, kiesim.File{ContentType: "application/octet-stream"})
		require.Equal(t, "application/octet-stream", get(t, link).Header.Get("Content-Type"))
	})
	t.Run("chunked", func(t *testing.T) {
		_, _, link := drums(t, kiesim.File{Chunked: true})
		response := get(t, link)
		require.EqualValues(t, -1, response.ContentLength)
		data, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.InDelta(t, 12, playingTime(t, data), 0.1)
	})
	t.Run("slow", func(t *testing.T) {
		p, _, link := drums(t, kiesim.File{BytesPerSecond: 10})
		response := get(t, link)
		_, err := io.ReadFull(response.Body, make([]byte, 2))
		require.NoError(t, err)
		require.NoError(t, p.Close())
		rest, err := io.ReadAll(response.Body)
		require.Error(t, err, "it ends with the simulator")
		require.Less(t, len(rest), 1000)
	})
	t.Run("redirect", func(t *testing.T) {
		r := receive(t)
		p := start(t, kiesim.Options{})
		elsewhere := strings.Replace(p.url, "127.0.0.1", "localhost", 1)
		p.SetScenario(trackID, kiesim.Scenario{Files: map[string]kiesim.File{kiesim.AllStems: {Redirect: elsewhere}}})
		_, callback := p.settled(kiesim.SplitStem, r)
		link := callback.decode(t).Data.Info["fx_url"].(string)
		refuse := http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		response, err := refuse.Get(link)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusFound, response.StatusCode)
		require.Equal(t, strings.Replace(link, "127.0.0.1", "localhost", 1), response.Header.Get("Location"))
	})
}

func TestFileFaults(t *testing.T) {
	t.Run("truncated, then whole", func(t *testing.T) {
		p, _, link := drums(t, kiesim.File{Fault: kiesim.FileTruncated, Times: 1})
		response := get(t, link)
		data, err := io.ReadAll(response.Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.EqualValues(t, response.ContentLength/2, len(data))
		playingTime(t, p.download(link))
	})
	t.Run("truncated and chunked", func(t *testing.T) {
		_, _, link := drums(t, kiesim.File{Fault: kiesim.FileTruncated, Chunked: true})
		_, err := io.ReadAll(get(t, link).Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
	t.Run("short, then whole", func(t *testing.T) {
		p, _, link := drums(t, kiesim.File{Fault: kiesim.FileShort, Times: 1})
		third := p.download(link)
		whole := p.download(link)
		require.Equal(t, whole[:len(whole)/3], third)
	})
	t.Run("zeros before the tune", func(t *testing.T) {
		p, _, link := drums(t, kiesim.File{Content: kiesim.ContentZeros, Size: 10_000})
		data := p.download(link)
		tune := bytes.TrimLeft(data, "\x00")
		require.Len(t, data, 2100+10_000)
		require.Len(t, tune, 10_000)
		playingTime(t, tune)
	})
	t.Run("a tag only", func(t *testing.T) {
		p, _, link := drums(t, kiesim.File{Content: kiesim.ContentTagOnly})
		data := p.download(link)
		require.True(t, bytes.HasPrefix(data, []byte("ID3")))
		require.Zero(t, playingTime(t, data))
	})
	t.Run("WAV behind a tag", func(t *testing.T) {
		p, _, link := drums(t, kiesim.File{Content: kiesim.ContentWAV})
		data := p.download(link)
		require.True(t, bytes.HasPrefix(data, []byte("ID3")))
		sound := data[bytes.Index(data, []byte("RIFF")):]
		require.Len(t, sound, 44+8000)
		require.EqualValues(t, len(sound)-8, binary.LittleEndian.Uint32(sound[4:]))
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
		require.NoError(t, err)
		request.Header.Set("Range", "bytes=4600-4700")
		_, part := do(t, request)
		require.Equal(t, string(data[4600:4701]), part, "across the end of the tag")
	})
	t.Run("stall", func(t *testing.T) {
		p, _, link := drums(t, kiesim.File{Fault: kiesim.FileStall})
		response := get(t, link)
		_, err := io.CopyN(io.Discard, response.Body, response.ContentLength/2)
		require.NoError(t, err)
		more := make(chan error, 1)
		go func() {
			_, err := response.Body.Read(make([]byte, 1))
			more <- err
		}()
		select {
		case err := <-more:
			require.Fail(t, "it did not stall", err)
		case <-time.After(50 * time.Millisecond):
		}
		require.NoError(t, p.Close())
		require.Error(t, <-more)
	})
	t.Run("empty", func(t *testing.T) {
		_, _, link := drums(t, kiesim.File{Fault: kiesim.FileEmpty})
		response := get(t, link)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Zero(t, response.ContentLength)
	})
	t.Run("HTML under the name of audio", func(t *testing.T) {
		p, _, link := drums(t, kiesim.File{Fault: kiesim.FileHTML, ContentType: "audio/mpeg"})
		require.Contains(t, string(p.download(link)), "<html>")
	})
	t.Run("5xx, then whole", func(t *testing.T) {
		p, _, link := drums(t, kiesim.File{Fault: kiesim.FileStatus, Status: 503, Times: 2})
		for range 2 {
			require.Equal(t, http.StatusServiceUnavailable, get(t, link).StatusCode)
		}
		playingTime(t, p.download(link))
	})
	t.Run("blocked, then whole", func(t *testing.T) {
		p, _, link := drums(t, kiesim.File{Fault: kiesim.FileBlocked, Times: 1, ContentType: "audio/mpeg"})
		response := get(t, link)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusForbidden, response.StatusCode)
		require.Equal(t, "cloudflare", response.Header.Get("Server"))
		require.Equal(t, "text/plain; charset=UTF-8", response.Header.Get("Content-Type"))
		require.Equal(t, "error code: 1010", string(text))
		playingTime(t, p.download(link))
	})
	t.Run("other stems are whole", func(t *testing.T) {
		p, id, _ := drums(t, kiesim.File{Fault: kiesim.FileEmpty})
		playingTime(t, p.download(p.record(id).Response["bassUrl"].(string)))
	})
}

var regexpLink = regexp.MustCompile(`http:[^"]*`)

// renew asks download-url for a link and returns it, or the message if there is none.
func (p *provider) renew(link string) string {
	p.t.Helper()
	body, err := json.Marshal(map[string]string{"url": link})
	require.NoError(p.t, err)
	var answer struct {
		Code int
		Msg  string
		Data string
	}
	require.NoError(
		p.t,
		json.Unmarshal([]byte(p.answer(http.MethodPost, "/api/v1/common/download-url", string(body))), &answer),
	)
	if answer.Code != 200 {
		return answer.Msg
	}
	return answer.Data
}

func TestDownloadURL(t *testing.T) {
	p, _, link := drums(t, kiesim.File{})
	playingTime(t, p.download(p.renew(link)))
	for _, foreign := range []string{"https://example.com/a.mp3", p.url + "/s/other.mp3", strings.Replace(link, "127.0.0.1", "evil.example", 1), "%", ""} {
		require.Equal(t, "url is wrong", p.renew(foreign))
	}
}

func TestDownloadURLExpires(t *testing.T) {
	r := receive(t)
	p := start(t, kiesim.Options{Defaults: kiesim.Scenario{LinkLifetime: kiesim.Duration(time.Nanosecond)}})
	_, callback := p.settled(kiesim.SplitStem, r)
	renewed := p.renew(callback.decode(t).Data.Info["fx_url"].(string))
	require.Equal(t, http.StatusForbidden, get(t, renewed).StatusCode)
}

func TestDownloadURLFails(t *testing.T) {
	r := receive(t)
	p := start(
		t,
		kiesim.Options{
			Defaults: kiesim.Scenario{DownloadURL: kiesim.Fault{Answer: kiesim.AnswerRefuse, Code: 500, Times: 1}},
		},
	)
	_, callback := p.settled(kiesim.SplitStemAdvanced, r)
	link := regexpLink.FindString(callback.body)
	require.Equal(t, "Server Error", p.renew(link))
	playingTime(t, p.download(p.renew(link)))
}

func TestExpiredLinks(t *testing.T) {
	for _, test := range []struct {
		by                       kiesim.Renewal
		recordInfo, downloadLink bool
	}{
		{"", true, true},
		{kiesim.RenewedByRecordInfo, true, false},
		{kiesim.RenewedByDownloadURL, false, true},
		{kiesim.RenewedNever, false, false},
	} {
		t.Run(string(test.by), func(t *testing.T) {
			p, id, link := drums(t, kiesim.File{Expired: kiesim.ExpiredAtOnce, ExpiredStatus: 404, RenewedBy: test.by})
			require.Equal(t, link, p.record(id).Response["drumsUrl"], "nobody has tried it yet")
			require.Equal(t, http.StatusNotFound, get(t, link).StatusCode)

			if renewed := p.renew(link); test.downloadLink {
				playingTime(t, p.download(renewed))
			} else {
				require.Equal(t, "url is wrong", renewed)
			}
			renewed := p.record(id).Response["drumsUrl"].(string)
			require.Equal(t, test.recordInfo, renewed != link)
			if test.recordInfo {
				playingTime(t, p.download(renewed))
			}
			require.Equal(t, http.StatusNotFound, get(t, link).StatusCode, "the old link stays expired")
		})
	}
}

func TestExpiredLinksOfAnObjectStore(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized} {
		_, _, link := drums(t, kiesim.File{Expired: kiesim.ExpiredAtOnce, ExpiredStatus: status})
		response := get(t, link)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, status, response.StatusCode)
		require.Equal(t, "application/xml", response.Header.Get("Content-Type"))
		require.Contains(t, string(text), "<Error><Code>ExpiredToken</Code>")
	}
}

func TestLinkExpiresWhileRead(t *testing.T) {
	p, id, link := drums(t, kiesim.File{Expired: kiesim.ExpiredMidRead})
	_, err := io.ReadAll(get(t, link).Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, http.StatusForbidden, get(t, link).StatusCode)
	renewed, err := url.Parse(p.record(id).Response["drumsUrl"].(string))
	require.NoError(t, err)
	playingTime(t, p.download(renewed.String()))
}
