package kie

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// GenerateRequest is what to make of which track, and where to call back.
type GenerateRequest struct {
	// TaskID and AudioID name the track: the music task that made it, and the track within.
	// AudioURL stands in their place for a song that the provider has not made: it fetches that.
	TaskID, AudioID, AudioURL string
	// Type is separate_vocal, split_stem or split_stem_advanced, with which alone StemName goes; or
	// wav.
	Type, StemName string
	// CallbackURL is required by the provider, if only as a placeholder.
	CallbackURL string
}

type generateBody struct {
	TaskID      string `json:"taskId,omitempty"`
	AudioID     string `json:"audioId,omitempty"`
	AudioURL    string `json:"audioUrl,omitempty"`
	CallbackURL string `json:"callBackUrl"`
	Type        string `json:"type"`
	StemName    string `json:"stemName,omitempty"`
}

var errNoTaskID = errors.New("the answer reports success without a usable data.taskId")

// Generate makes the paid call, by the configured route, and returns the id of the task, of the
// kind that the request's type has. It sends at most one request, on a connection of its own. Every
// error is an [*Error]; unless its Verdict is one of the refusals, the call may have been accepted
// and billed.
func (c *Client) Generate(ctx context.Context, r GenerateRequest) (taskID string, err error) {
	t := TaskOf(r.Type)
	l := call{
		op: t.opSubmit, method: http.MethodPost, path: c.route.submitPath(t), paid: true, once: t.once,
		about: r.TaskID, body: r.body(t, c.route),
		secrets: []string{secretPath(r.CallbackURL), secretQuery(r.AudioURL)},
	}
	a, err := c.do(ctx, l)
	if err != nil {
		return "", err
	}
	data, _ := parseObject(a.data)
	if id := text(data.get("taskId")); usableID(id) {
		return id, nil
	}
	return "", c.refusal(l, a, errNoTaskID)
}

// secretPath is the part of a callback URL that holds its token. The URL as a whole is hidden like
// every link.
func secretPath(callbackURL string) string {
	u, err := url.Parse(callbackURL)
	if err != nil || u.Path == "/" {
		return ""
	}
	return u.EscapedPath()
}

// secretQuery is the part of a song's address that may hold a signature.
func secretQuery(audioURL string) string {
	_, query, _ := strings.Cut(audioURL, "?")
	return query
}

// usableID reports whether a task's id can go into object keys, headers and logs. The provider's
// are 32 hexadecimal digits.
func usableID(id string) bool {
	return id != "" && len(id) <= 128 &&
		!strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == '\\' })
}
