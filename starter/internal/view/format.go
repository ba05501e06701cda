// Package view draws what the starter shows: frames, tables, and texts for people.
package view

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
	"golang.org/x/text/width"
)

// byteText is a number of bytes for a person: "4.8 MB".
func byteText(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, prefix := humanize.ComputeSI(float64(n))
	return fmt.Sprintf("%.1f %sB", value, prefix)
}

// playingTime is a duration of audio: "5:12", or "-" where it is not known.
func playingTime(seconds float64) string {
	if seconds <= 0 || seconds > math.MaxInt32 {
		return "-"
	}
	return clockTime(time.Duration(math.Round(seconds)) * time.Second)
}

// clockTime is "5:12" or "1:05:12".
func clockTime(d time.Duration) string {
	s := max(int(d/time.Second), 0)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// timeOfDay is when something happens, as clocks here show it.
func timeOfDay(t time.Time) string { return t.Local().Format(time.TimeOnly) }

// DateTime is a time as people here write it.
func DateTime(t time.Time) string { return t.Local().Format(time.DateTime) }

// joiners are in words of Persian and Hindi and in emojis, which fall apart without them.
const joiners = "\u200c\u200d"

// Printable replaces what could move the cursor or colour a terminal, except for the runes to keep.
// Messages of other services pass through here.
func Printable(text string, keep ...rune) string {
	return strings.Map(func(r rune) rune {
		if slices.Contains(keep, r) || strings.ContainsRune(joiners, r) {
			return r
		}
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// runeColumns is how many columns a rune takes on a terminal.
func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) || strings.ContainsRune(joiners, r) || isHangulTail(r) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// isHangulTail reports whether a rune is the vowel or the end of a syllable that is spelt in its
// parts, as names of files on a Mac are: the first part has taken the room of all.
func isHangulTail(r rune) bool { return r >= 0x1160 && r <= 0x11ff }

func columns(text string) int {
	n := 0
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

// clip cuts a text so that it takes at most so many columns. An ellipsis says that something is
// missing.
func clip(text string, most int) string {
	if columns(text) <= most {
		return text
	}
	var b strings.Builder
	room := most - 1
	for _, r := range text {
		if room -= runeColumns(r); room < 0 {
			break
		}
		b.WriteRune(r)
	}
	if most > 0 {
		b.WriteRune('…')
	}
	return b.String()
}

// pad fills a text with spaces to so many columns.
func pad(text string, to int) string {
	return text + strings.Repeat(" ", max(to-columns(text), 0))
}

func padLeft(text string, to int) string {
	return strings.Repeat(" ", max(to-columns(text), 0)) + text
}
