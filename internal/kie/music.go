package kie

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"stemflow"
)

const (
	pathMusic = "/api/v1/generate/record-info"
	opMusic   = "music record-info"
	// maxTags bounds what the provider says of a track's style, in bytes: its requests take 1000
	// characters of it.
	maxTags = 1000
	// maxSeconds is far more than a track has: a day.
	maxSeconds = 24 * 60 * 60
)

// ErrNoMusic says that the provider's record of a music task does not have the track.
var ErrNoMusic = errors.New("the provider's record of the music task does not have the track")

// Music looks up what the provider knows of a track that it has made. The error is [ErrNoMusic],
// or an [*Error].
func (c *Client) Music(ctx context.Context, musicTaskID, audioID string) (*stemflow.Music, error) {
	l := call{op: opMusic, method: http.MethodGet, path: pathMusic, query: url.Values{"taskId": {musicTaskID}}}
	a, err := c.do(ctx, l)
	if err != nil {
		return nil, err
	}
	music, ok := decodeMusic(a.data, audioID)
	if !ok {
		return nil, ErrNoMusic
	}
	music.Title = c.redact.Secrets(music.Title)
	music.Tags = c.redact.Secrets(music.Tags)
	music.CoverURL = c.redact.Secrets(music.CoverURL)
	return &music, nil
}

// decodeMusic finds a track in the "data" of an answer. Its list is within "response", which may be
// JSON in a string.
func decodeMusic(raw json.RawMessage, audioID string) (music stemflow.Music, ok bool) {
	data, ok := parseObject(unwrap(raw))
	if !ok {
		return music, false
	}
	lists := []json.RawMessage{data.get("sunoData"), data.get("data")}
	if response, ok := parseObject(unwrap(data.get("response"))); ok {
		lists = append([]json.RawMessage{response.get("sunoData"), response.get("data")}, lists...)
	}
	for _, list := range lists {
		for item := range items(unwrap(list)) {
			track, ok := parseObject(item)
			if !ok {
				continue
			}
			read := track.pick("id", "audioId", "title", "tags", "imageUrl", "duration")
			if id := cmp.Or(text(read[0]), text(read[1])); audioID == "" || !strings.EqualFold(id, audioID) {
				continue
			}
			music = stemflow.Music{
				Title: titleText(read[2]), Tags: printableTo(text(read[3]), maxTags), CoverURL: coverLink(read[4]),
			}
			if seconds, ok := number(read[5]); ok && seconds > 0 && seconds < maxSeconds {
				music.DurationSeconds = seconds
			}
			return music, true
		}
	}
	return music, false
}

// titleText is a title in one line, cut to as many characters as an input's may have.
func titleText(raw json.RawMessage) string {
	title := strings.Join(strings.Fields(printableTo(text(raw), utf8.UTFMax*stemflow.MaxTitle)), " ")
	if runes := []rune(title); len(runes) > stemflow.MaxTitle {
		title = strings.TrimSpace(string(runes[:stemflow.MaxTitle]))
	}
	return title
}

// coverLink is an https address, and "" for anything else.
func coverLink(raw json.RawMessage) string {
	link := text(raw)
	at, err := url.Parse(link)
	if err != nil || len(link) > maxLink || at.Scheme != "https" || at.Host == "" || at.User != nil ||
		strings.ContainsFunc(link, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return ""
	}
	return link
}
