package kiesim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"time"
)

const (
	// maxUpload is what the provider advises at most for a file that is streamed.
	maxUpload = 100 << 20
	// maxAudio is what the provider separates at most.
	maxAudio = 20 << 20
	// uploadsFolder is where uploaded files stand: a folder of the account.
	uploadsFolder = "/kieai/1/stemflow/"
	// fetchTimeout is what the provider gives to a host that it fetches a song from.
	fetchTimeout = 30 * time.Second
)

// uploaded is a file that was handed over. It is kept in memory.
type uploaded struct {
	content     []byte
	contentType string
}

// streamUpload is POST /api/file-stream-upload, which is free.
func (s *Simulator) streamUpload(w http.ResponseWriter, r *http.Request) {
	content, name, contentType, err := readUpload(http.MaxBytesReader(w, r.Body, maxUpload), r)
	if err != nil {
		writeJSON(w, r, http.StatusOK, refusal(http.StatusBadRequest, err.Error()))
		return
	}
	at := uploadsFolder + newTaskID() + "/" + name
	s.mu.Lock()
	s.uploads[at] = uploaded{content, contentType}
	s.mu.Unlock()
	file := object{
		{"success", true},
		{"fileName", name},
		{"filePath", at[1:]},
		{"downloadUrl", s.baseURL(r) + (&url.URL{Path: at}).EscapedPath()},
		{"fileSize", len(content)},
		{"mimeType", contentType},
		{"uploadedAt", time.Now().UTC().Format("2006-01-02T15:04:05.000Z")},
	}
	writeJSON(w, r, http.StatusOK, object{
		{"success", true}, {"code", http.StatusOK}, {"msg", "File uploaded successfully"}, {"data", file},
	})
}

// readUpload reads a form with uploadPath, fileName and file.
func readUpload(body io.ReadCloser, r *http.Request) (content []byte, name, contentType string, err error) {
	r.Body = body
	form, err := r.MultipartReader()
	if err != nil {
		return nil, "", "", errors.New("the request is no multipart form")
	}
	found, folder := false, ""
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, "", "", errors.New("the form is cut")
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, "", "", errors.New("the form is cut, or larger than 100 MB")
		}
		switch part.FormName() {
		case "uploadPath":
			folder = string(value)
		case "fileName":
			name = path.Base(string(value))
		case "file":
			found, content, contentType = true, value, part.Header.Get("Content-Type")
			if name == "" {
				name = path.Base(part.FileName())
			}
		}
	}
	switch {
	case !found:
		return nil, "", "", errors.New("file is required")
	case folder == "":
		return nil, "", "", errors.New("uploadPath is required")
	}
	return content, name, contentType, nil
}

// serveUpload serves what was handed over.
func (s *Simulator) serveUpload(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	file, ok := s.uploads[r.URL.Path]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", file.contentType)
	_, _ = w.Write(file.content)
}

// fetch gets a song as the provider does, and says what is wrong with it; nil: nothing.
func (s *Simulator) fetch(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("the audioUrl is not a valid URL")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return errors.New("the audioUrl cannot be fetched")
	}
	defer response.Body.Close()
	size, err := io.Copy(io.Discard, io.LimitReader(response.Body, maxAudio+1))
	switch {
	case err != nil:
		return errors.New("the audioUrl cannot be read to its end")
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("the audioUrl answers %d", response.StatusCode)
	case size > maxAudio:
		return errors.New("the audio file exceeds 20 MB")
	}
	return nil
}
