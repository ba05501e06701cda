package kiesim

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// file is how a stem is served. All but the settings are guarded by the simulator's mutex.
type file struct {
	settings File
	requests int
	// version counts the renewals of its link; only the latest link works.
	version int
	expired bool
	// tried is set when a link was asked for that had expired.
	tried bool
}

// contentType is what a file is served as.
func (s *stem) contentType() string {
	if s.name == WAV {
		return "audio/wav"
	}
	return "audio/mpeg"
}

func (f *file) versionQuery() string {
	if f.version == 0 {
		return ""
	}
	return "?v=" + strconv.Itoa(f.version)
}

func (f *file) renewableBy(where Renewal) bool {
	return f.settings.RenewedBy == "" || f.settings.RenewedBy == where
}

// renew gives a file a new link, once its expired one was tried.
func (f *file) renew() {
	if f.expired && f.tried && f.renewableBy(RenewedByRecordInfo) {
		f.version++
		f.expired, f.tried = false, false
	}
}

// serveFile is the file host. Like the provider's it asks for no key.
func (s *Simulator) serveFile(w http.ResponseWriter, r *http.Request) {
	stem, status, fault := s.admit(r)
	switch status {
	case http.StatusOK:
	case http.StatusFound:
		http.Redirect(w, r, redirection(stem.file.settings.Redirect, r), status)
		return
	case http.StatusBadRequest, http.StatusUnauthorized:
		writeExpired(w, status)
		return
	default:
		http.Error(w, http.StatusText(status), status)
		return
	}
	settings := stem.file.settings
	ctx, cancel := s.whileOpen(r)
	defer cancel()
	if settings.BytesPerSecond > 0 {
		w = &pacedWriter{ResponseWriter: w, ctx: ctx, bytesPerSecond: settings.BytesPerSecond}
	}
	w.Header().Set("Content-Type", cmp.Or(settings.ContentType, stem.contentType()))
	content := io.NewSectionReader(stem.recording, 0, stem.recording.Size)
	switch fault {
	case FileBlocked:
		writeBlocked(w)
	case FileEmpty:
		w.Header().Set("Content-Length", "0")
	case FileHTML:
		w.Header().Set("Content-Type", cmp.Or(settings.ContentType, "text/html; charset=UTF-8"))
		_, _ = io.WriteString(
			w,
			"<!DOCTYPE html>\n<html><head><title>Not here</title></head><body><p>This file is being "+
				"prepared.</p></body></html>\n",
		)
	case FileTruncated:
		stream(w, content, content.Size()/2, settings.Chunked)
		cut()
	case FileShort:
		third := io.NewSectionReader(stem.recording, 0, stem.recording.Size/3)
		stream(w, third, third.Size(), settings.Chunked)
	case FileStall:
		stream(w, content, content.Size()/2, settings.Chunked)
		<-ctx.Done()
		cut()
	default:
		if settings.Chunked {
			stream(w, content, content.Size(), true)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, content)
	}
}

// admit finds the stem of a request and says how to serve it: with a status other than 200, not at
// all. A HEAD request meets no fault and uses none up.
func (s *Simulator) admit(r *http.Request) (*stem, int, FileFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bill.Downloads++
	stem, link := s.paths[r.URL.Path], s.tempLinks[r.URL.Path]
	temporary := link.stem != nil
	if temporary {
		stem = link.stem
	}
	if stem == nil {
		return nil, http.StatusNotFound, ""
	}

	file, settings := stem.file, stem.file.settings
	current := r.URL.RawQuery == strings.TrimPrefix(file.versionQuery(), "?")
	switch {
	case redirection(settings.Redirect, r) != "":
		return stem, http.StatusFound, ""
	case temporary && time.Now().After(link.expires):
		return stem, http.StatusForbidden, ""
	case !temporary && (file.expired || !current):
		file.tried = file.tried || current
		return stem, cmp.Or(settings.ExpiredStatus, http.StatusForbidden), ""
	case r.Method == http.MethodHead:
		return stem, http.StatusOK, ""
	case !temporary && settings.Expired == ExpiredMidRead && file.version == 0:
		file.expired, file.tried = true, true
		return stem, http.StatusOK, FileTruncated
	}

	file.requests++
	switch {
	case settings.Times > 0 && file.requests > settings.Times:
		return stem, http.StatusOK, ""
	case settings.Fault == FileStatus:
		return stem, settings.Status, ""
	}
	return stem, http.StatusOK, settings.Fault
}

// writeExpired is how an object store refuses a link whose signature is over.
func writeExpired(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>ExpiredToken</Code>`+
		`<Message>The provided token has expired.</Message></Error>`)
}

// redirection is where a request is sent on to, empty if it came in under that host or there is
// none.
func redirection(base string, r *http.Request) string {
	target, err := url.Parse(base)
	if err != nil || base == "" || target.Host == r.Host {
		return ""
	}
	target.Path, target.RawQuery = r.URL.Path, r.URL.RawQuery
	return target.String()
}

// stream writes the first n bytes, announced as the whole or, chunked, with no length at all.
func stream(w http.ResponseWriter, content *io.SectionReader, n int64, chunked bool) {
	if !chunked {
		w.Header().Set("Content-Length", strconv.FormatInt(content.Size(), 10))
	}
	w.WriteHeader(http.StatusOK)
	flusher := http.NewResponseController(w)
	// Flushed ahead of the body, a response without a length cannot be given one.
	_ = flusher.Flush()
	// A client that goes away needs no answer.
	_, _ = io.CopyN(w, content, n)
	_ = flusher.Flush()
}

// pacedWriter writes ten times a second, and no more than so many bytes.
type pacedWriter struct {
	http.ResponseWriter
	ctx            context.Context
	bytesPerSecond int
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (p *pacedWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *pacedWriter) Write(data []byte) (int, error) {
	written := 0
	for written < len(data) {
		n, err := p.ResponseWriter.Write(data[written:min(len(data), written+max(1, p.bytesPerSecond/10))])
		written += n
		if err != nil {
			return written, err
		}
		if err := http.NewResponseController(p.ResponseWriter).Flush(); err != nil {
			return written, err
		}
		if !pause(p.ctx, 100*time.Millisecond) {
			return written, context.Cause(p.ctx)
		}
	}
	return written, nil
}
