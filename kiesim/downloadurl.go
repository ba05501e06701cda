package kiesim

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// linkLifetime is how long a link from download-url works, by the documents.
const linkLifetime = 20 * time.Minute

// tempLink is a link that was made by download-url.
type tempLink struct {
	stem    *stem
	expires time.Time
}

// downloadURL is POST /api/v1/common/download-url: another link to one of the simulator's own
// files, for a short time.
func (s *Simulator) downloadURL(w http.ResponseWriter, r *http.Request) {
	var request struct {
		URL string `json:"url"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestSize)).Decode(&request); err != nil {
		writeJSON(w, r, http.StatusOK, refusal(http.StatusBadRequest, ""))
		return
	}
	fault, link := s.newTempLink(request.URL)
	if link == "" && fault.Answer == "" {
		writeJSON(w, r, http.StatusOK, refusal(http.StatusUnprocessableEntity, "url is wrong"))
		return
	}
	s.answer(w, r, fault, success(link))
}

// newTempLink makes a link for an address that the simulator gave out. It is empty for any other.
func (s *Simulator) newTempLink(address string) (Fault, string) {
	parsed, err := url.Parse(address)
	if err != nil {
		return Fault{}, ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, original := s.owner(parsed)
	if t == nil {
		return Fault{}, ""
	}
	t.linkCalls++
	if original.file.expired && !original.file.renewableBy(RenewedByDownloadURL) {
		return t.scenario.DownloadURL.due(t.linkCalls), ""
	}
	path := "/t/" + newTaskID() + ".mp3"
	s.tempLinks[path] = tempLink{original, time.Now().Add(cmp.Or(time.Duration(t.scenario.LinkLifetime), linkLifetime))}
	return t.scenario.DownloadURL.due(t.linkCalls), t.base + path
}

// owner finds the task and the stem of a link.
func (s *Simulator) owner(link *url.URL) (*task, *stem) {
	stem := s.paths[link.Path]
	if stem == nil {
		return nil, nil
	}
	t := stem.task
	if base := link.Scheme + "://" + link.Host; base != t.base {
		return nil, nil
	}
	return t, stem
}
