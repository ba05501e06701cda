package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"
)

// byteText is a number of bytes for a person: "4.8 MB".
func byteText(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), 0
	for value >= 999.95 && unit < 4 {
		value, unit = value/1000, unit+1
	}
	return fmt.Sprintf("%.1f %s", value, []string{"B", "kB", "MB", "GB", "TB"}[unit])
}

// countText is a number for a person: "12,345".
func countText(n int) string {
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// amountText is an amount that may have a fraction: "5,916.25".
func amountText(amount float64) string {
	whole := math.Trunc(amount)
	text := countText(int(whole))
	if amount != whole {
		text += strings.TrimLeft(strconv.FormatFloat(math.Abs(amount-whole), 'f', 2, 64), "0")
	}
	return text
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

// dateTime is a time as people here write it.
func dateTime(t time.Time) string { return t.Local().Format(time.DateTime) }

// printable replaces what could move the cursor or colour a terminal, but for the runes to keep. Messages of other services pass
// through here.
func printable(text string, keep ...rune) string {
	return strings.Map(func(r rune) rune {
		if slices.Contains(keep, r) {
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
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

func columns(text string) int {
	n := 0
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

// clip cuts a text so that it takes at most so many columns. An ellipsis tells that something is missing.
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
