package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	"stemflow/internal/tune"
)

// newSource serves MP3 files of any size, at /<bytes>/<anything>.mp3, as fast as the machine can.
func newSource() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size, err := strconv.ParseInt(strings.Split(r.URL.Path, "/")[1], 10, 64)
		clip, found := tune.Stem("drums")
		if err != nil || !found {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "audio/mpeg")
		if !r.URL.Query().Has(chunked) {
			w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		}
		_, _ = io.CopyBuffer(onlyWriter{w}, io.NewSectionReader(clip.Resize(size), 0, size), make([]byte, 256<<10))
	}))
}

// chunked asks the source for a file without its length.
const chunked = "chunked"

// onlyWriter keeps io.Copy to the buffer that it was given.
type onlyWriter struct{ io.Writer }

func links(source string, l load) []string {
	var urls []string
	for i := range l.stems {
		urls = append(urls, fmt.Sprintf("%s/%d/stem-%d.mp3", source, l.size, i))
	}
	return urls
}
