// Package listen writes a page that plays a track's stems in step, in a browser and without
// anything else: style and scripts are within it, and the audio comes by links.
package listen

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/audio"
	"stemflow/internal/naming"
)

//go:embed page.html style.css *.js
var files embed.FS

var page = template.Must(template.ParseFS(files, "page.html"))

// scripts stand in the page in this order, in which one needs the other.
var scripts = []string{
	"mp3.js", "stem.js", "buffers.js", "player.js", "waveform.js", "timeline.js", "save.js", "session.js", "address.js",
	"page.js",
}

// Page is what a page shows.
type Page struct {
	// Title is the track's, empty where nobody has given one.
	Title    string
	Manifest stemflow.Manifest
	// Links lead to the manifest's stems, in their order, until Until. A link that has the stem in
	// it (see [Embed]) leads nowhere; a page of such links works for ever, and Until is zero.
	Links []string
	Until time.Time
	// Peaks are of the manifest's stems, in their order. Each may be nil, and all may be missing.
	Peaks []*archive.Peaks
	// Renew is the command that makes such a page again.
	Renew string
}

// Write writes the page as UTF-8. Whatever the manifest says is shown as text, and the page can
// fetch from the hosts of its links only.
func Write(w io.Writer, p Page) error {
	if len(p.Links) != len(p.Manifest.Stems) {
		return fmt.Errorf("there are %d links to %d stems", len(p.Links), len(p.Manifest.Stems))
	}
	origins, err := p.origins()
	if err != nil {
		return err
	}
	type stem struct {
		stemflow.Stem
		Link template.URL
		// File is the stem's name in an archive of all.
		File string
		// Peaks are in base64, empty where there are none.
		Peaks          string
		PeaksPerSecond float64
	}
	view := struct {
		stemflow.Manifest
		Title           string
		FileName        string
		Stems           []stem
		Hosts           string
		Policy          string
		Until, Archived string
		Renew           string
		Style           template.CSS
		Scripts         []template.JS
	}{
		Manifest: p.Manifest,
		Title:    p.Title,
		FileName: baseName(p.Title, p.Manifest),
		Hosts:    strings.Join(origins, ", "),
		Archived: p.Manifest.ArchivedAt.UTC().Format(time.RFC3339),
		Renew:    p.Renew,
		Style:    template.CSS(read("style.css")),
	}
	if !p.Until.IsZero() {
		view.Until = p.Until.UTC().Format(time.RFC3339)
	}
	for i, s := range p.Manifest.Stems {
		shown := stem{Stem: s, Link: template.URL(p.Links[i]), File: stemFile(s)}
		if i < len(p.Peaks) && drawable(p.Peaks[i]) {
			shown.Peaks = base64.StdEncoding.EncodeToString(p.Peaks[i].Values)
			shown.PeaksPerSecond = p.Peaks[i].PerSecond
		}
		view.Stems = append(view.Stems, shown)
	}
	for _, name := range scripts {
		view.Scripts = append(view.Scripts, template.JS(read(name)))
	}
	view.Policy = policy(origins, view.Style, view.Scripts)
	var out bytes.Buffer
	if err := page.Execute(&out, view); err != nil {
		return err
	}
	_, err = out.WriteTo(w)
	return err
}

// drawable reports whether peaks are as the worker leaves them. The object may be anybody's.
func drawable(p *archive.Peaks) bool {
	const most = 1000
	return p != nil && p.Version == 1 && len(p.Values) > 0 && len(p.Values) <= audio.MaxOutline &&
		p.PerSecond > 1.0/most && p.PerSecond <= most
}

// FileNames are the names under which a track's stems are saved, in their order. The title may be
// empty.
func FileNames(title string, m stemflow.Manifest) []string {
	var names []string
	for _, s := range m.Stems {
		names = append(names, baseName(title, m)+"-"+stemFile(s))
	}
	return names
}

// baseName is what the names of all files of a track begin with.
func baseName(title string, m stemflow.Manifest) string {
	return cleanName(cmp.Or(title, m.Source.AudioID+"-"+string(m.Type)), maxName)
}

// stemFile is what a stem's file is called.
func stemFile(s stemflow.Stem) string { return cleanName(path.Base(s.Key), maxStemFile) }

const (
	// maxName is how long the name of a track may be, in letters: file systems take 255 bytes.
	maxName = 60
	// maxStemFile cuts no stem's name: two of them differ, and have their extension, at their ends.
	maxStemFile = naming.MaxStemName + len("_removed.aiff")
)

// cleanName is text as any system takes it for a name of a file, of so many letters at most.
func cleanName(text string, most int) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`/\:*?"<>|`, r):
			return '_'
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	letters := []rune(clean)
	clean = string(letters[:min(len(letters), most)])
	// A leading dot hides a file, and Windows drops spaces and dots at the end.
	clean = cmp.Or(strings.Trim(clean, " ."), "track")
	if clean[0] == '-' { // programs take it for an option
		clean = "_" + clean
	}
	return clean
}

// policy is the page's Content-Security-Policy: nothing runs, nothing is loaded and nothing is sent
// but what the page is made for. Media are what the page has made itself.
func policy(origins []string, style template.CSS, scripts []template.JS) string {
	var hashes []string
	for _, script := range scripts {
		hashes = append(hashes, hash(string(script)))
	}
	return "default-src 'none'; base-uri 'none'; form-action 'none'; media-src blob:" +
		"; connect-src " + strings.Join(origins, " ") +
		"; style-src " + hash(string(style)) + "; script-src " + strings.Join(hashes, " ")
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Embed is a link that has a stem in it. The type of its content is not said: a manifest may name
// one that a browser would run, and the page knows it from the manifest.
func Embed(content []byte) string {
	return embedded + "application/octet-stream;base64," + base64.StdEncoding.EncodeToString(content)
}

// embedded is what such links begin with, and how a policy admits them.
const embedded = "data:"

// origins are the schemes and hosts of the links, each once. Nothing else may be a link.
func (p Page) origins() ([]string, error) {
	var origins []string
	for i, link := range p.Links {
		origin, err := originOf(link)
		if err != nil {
			return nil, fmt.Errorf("the link to stem %s %w", p.Manifest.Stems[i].Name, err)
		}
		if !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	return origins, nil
}

func originOf(link string) (string, error) {
	if strings.HasPrefix(link, embedded) {
		return embedded, nil
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "", errors.New("is no URL with a host")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("is neither http nor https")
	}
	return u.Scheme + "://" + u.Host, nil
}

func read(name string) string {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}
