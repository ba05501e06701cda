package session

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"stemflow"
	"stemflow/internal/naming"
	"stemflow/starter/internal/download"
)

const (
	// allStems names the transcription of all stems in one.
	allStems = "All stems"
	// maxTitle is how many bytes of a title are in the name of a file, and maxPart of a stem's
	// name: both fit, and what makes a name another one.
	maxTitle, maxPart = 90, 90
)

// The texts of a session, whose names no stem gets.
const (
	manifestFile = "manifest.json"
	indexFile    = "session.json"
)

// FileName is what a session is called.
func (s Session) FileName() string {
	base := cmp.Or(s.title(), download.FolderName(s.Manifest))
	return download.SafeName(base + "." + string(s.Format))
}

// title is what names of files begin with. Dots alone would hide the files, and are none.
func (s Session) title() string {
	title := download.Shortened(printable(s.Manifest.Source.Title()), maxTitle)
	if strings.Trim(title, ". ") == "" {
		return ""
	}
	return title
}

// namer gives names of files, each once.
type namer struct {
	title string
	taken map[string]bool
}

func (s Session) names() *namer {
	n := &namer{title: s.title(), taken: map[string]bool{}}
	for _, name := range []string{manifestFile, indexFile} {
		n.taken[folded(name)] = true
	}
	return n
}

// file is a name for what is displayed under a name, with the extension of a key.
func (n *namer) file(display, key string) string {
	base := download.Shortened(display, maxPart)
	if n.title != "" {
		base = n.title + " - " + base
	}
	ext := path.Ext(key)
	for i := 1; ; i++ {
		name := base
		if i > 1 {
			name += fmt.Sprintf(" (%d)", i)
		}
		name = norm.NFC.String(download.SafeName(name + ext))
		if !n.taken[folded(name)] {
			n.taken[folded(name)] = true
			return name
		}
	}
}

// folded is the same for names that some file system takes for the same.
func folded(name string) string { return norm.NFC.String(cases.Fold().String(norm.NFC.String(name))) }

// displayName is what people call a stem.
func displayName(stem string, m stemflow.Manifest) string {
	if asked := printable(m.Source.StemName); asked != "" {
		switch slug := naming.Slug(asked); stem {
		case slug:
			return asked
		case slug + "_removed":
			return "Without " + asked
		}
	}
	words := strings.Fields(printable(strings.ReplaceAll(stem, "_", " ")))
	for i, word := range words {
		if word == "fx" {
			words[i] = "FX"
			continue
		}
		first, size := utf8.DecodeRuneInString(word)
		words[i] = string(unicode.ToUpper(first)) + word[size:]
	}
	if len(words) == 0 {
		return "Stem"
	}
	return strings.Join(words, " ")
}

// printable is a text in one line, of what people see.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return norm.NFC.String(strings.Join(strings.Fields(text), " "))
}

// colors are those of stems, so that a stem has the same in all sessions.
var colors = map[string]string{
	"vocals": "#E5484D", "backing_vocals": "#F2789F", "instrumental": "#5B8DEF", "drums": "#F59E0B",
	"percussion": "#C2700A", "bass": "#8B5CF6", "guitar": "#22A06B", "piano": "#3B82F6", "keyboard": "#06B6D4",
	"strings": "#B45309", "synth": "#D946EF", "fx": "#64748B", "brass": "#EAB308", "woodwinds": "#84CC16",
}

// moreColors are for stems that the provider adds.
var moreColors = []string{"#0EA5A4", "#F43F5E", "#A16207", "#4F46E5", "#65A30D", "#BE185D", "#0369A1", "#9333EA"}

// colorOf is the color of a stem.
func colorOf(stem string) string {
	if color, ok := colors[stem]; ok {
		return color
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(stem))
	return moreColors[sum.Sum32()%uint32(len(moreColors))]
}

var tempoPattern = regexp.MustCompile(`(?i)([0-9]+(?:\.[0-9]+)?)?(\s*[-–]\s*)?\b([0-9]{2,3}(?:\.[0-9]{1,3})?)\s*bpm\b`)

// Plausible tempos. What is outside is more likely something else.
const minTempo, maxTempo = 20, 400

// tempoOf is the tempo in quarters a minute, where the song's tags say it, or the provider's words
// for the style say exactly one.
func tempoOf(m stemflow.Manifest) (tempo float64, ok bool) {
	if m.Source.Music == nil {
		return 0, false
	}
	if said := m.Source.Music.Tempo; said >= minTempo && said <= maxTempo {
		return said, true
	}
	for _, match := range tempoPattern.FindAllStringSubmatch(m.Source.Music.Tags, -1) {
		said, err := strconv.ParseFloat(match[3], 64)
		if err != nil || match[1] != "" || said < minTempo || said > maxTempo || tempo != 0 && tempo != said {
			return 0, false // a range, or several
		}
		tempo = said
	}
	return tempo, tempo != 0
}
