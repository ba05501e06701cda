package contractschema

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"stemflow/internal/bytesize"
	"stemflow/internal/naming"
	"stemflow/internal/sample"
)

// Patterns are written in what regular expressions of Go and of JavaScript have in common, and mean
// the same in both.

// body is a pattern without its anchors.
func body(pattern string) string { return strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$") }

// above matches whole numbers greater than n, with any number of zeros before them.
func above(n int64) string {
	digits := strconv.FormatInt(n, 10)
	alternatives := []string{fmt.Sprintf(`[1-9][0-9]{%d,}`, len(digits))}
	for i, digit := range digits {
		if digit < '9' {
			alternatives = append(alternatives, digits[:i]+class(digit+1, '9')+anyDigits(len(digits)-i-1))
		}
	}
	return `0*(?:` + strings.Join(alternatives, `|`) + `)`
}

// upTo matches whole numbers from 1 to n, with any number of zeros before them.
func upTo(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var alternatives []string
	if len(digits) > 1 {
		alternatives = append(alternatives, fmt.Sprintf(`[1-9][0-9]{0,%d}`, len(digits)-2))
	}
	for i, digit := range digits {
		least := '0'
		if i == 0 {
			least = '1'
		}
		if digit > least {
			alternatives = append(alternatives, digits[:i]+class(least, digit-1)+anyDigits(len(digits)-i-1))
		}
	}
	return `0*(?:` + strings.Join(append(alternatives, digits), `|`) + `)`
}

func class(from, to rune) string {
	if from == to {
		return string(from)
	}
	return fmt.Sprintf(`[%c-%c]`, from, to)
}

func anyDigits(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return `[0-9]`
	default:
		return fmt.Sprintf(`[0-9]{%d}`, n)
	}
}

// durationUnit is a unit of time.ParseDuration.
type durationUnit struct {
	pattern string
	length  time.Duration
	// places is how many decimal places of it are surely no less than a nanosecond.
	places int
}

var durationUnits = []durationUnit{
	{`h`, time.Hour, 8}, {`m`, time.Minute, 8}, {`s`, time.Second, 8}, {`ms`, time.Millisecond, 5},
	{"(?:us|\u00b5s|\u03bcs)", time.Microsecond, 2}, {`ns`, time.Nanosecond, 0},
}

const (
	durationNumber = `(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)`
	anyUnit        = "(?:h|m|s|ms|us|\u00b5s|\u03bcs|ns)"
	// durationPattern is what time.ParseDuration reads.
	durationPattern = `^[+-]?(?:0|(?:` + durationNumber + anyUnit + `)+)$`
	// negativePattern is a duration that is surely less than nothing.
	negativePattern = `^-(?:` + durationNumber + anyUnit + `)*(?:0*[1-9]|[0-9]*\.0{0,7}[1-9][0-9]*[hms](?:$|[0-9.]))`
)

// longerPattern is a duration that has a part longer than a limit.
func longerPattern(limit time.Duration) string {
	var parts []string
	for _, unit := range durationUnits {
		parts = append(parts, above(int64(limit/unit.length))+`(?:\.[0-9]*)?`+unit.pattern)
	}
	return "(?:^[+-]?|[a-z])(?:" + strings.Join(parts, `|`) + `)(?:$|[0-9.])`
}

// shorterPattern is a duration of one part that is shorter than a limit, and is not 0, which stands
// for the default.
func shorterPattern(limit time.Duration) string {
	var parts []string
	for _, unit := range durationUnits {
		if limit > unit.length {
			parts = append(parts, upTo(int64(limit/unit.length)-1)+`(?:\.[0-9]{0,9})?`+unit.pattern)
		}
		if limit >= unit.length && unit.places > 0 {
			parts = append(parts, fmt.Sprintf(`0*\.0{0,%d}[1-9][0-9]{0,6}%s`, unit.places-1, unit.pattern))
		}
	}
	return `^\+?(?:` + strings.Join(parts, `|`) + `)$`
}

// ranges is a class of characters: those of the basic plane for which is holds.
func ranges(is func(r rune) bool) string {
	var b strings.Builder
	for r := rune(0); r < 0x10000; r++ {
		if !is(r) {
			continue
		}
		first := r
		for r+1 < 0x10000 && is(r+1) {
			r++
		}
		b.WriteString(character(first))
		if r > first {
			b.WriteString(`-` + character(r))
		}
	}
	return `[` + b.String() + `]`
}

func character(r rune) string {
	if r <= ' ' {
		return fmt.Sprintf(`\x%02x`, r)
	}
	return string(r)
}

var (
	space = ranges(unicode.IsSpace)
	// inSlug is a character that leaves something in a slug.
	inSlug = ranges(func(r rune) bool { return naming.Slug(string(r)) != "" })
)

// sizePattern is what bytesize.Parse reads.
func sizePattern() string {
	alternatives := []string{`\+?` + upTo(math.MaxInt64)}
	for _, unit := range bytesize.Units() {
		var name strings.Builder
		for _, r := range unit.Name {
			fmt.Fprintf(&name, `[%c%c]`, unicode.ToUpper(r), unicode.ToLower(r))
		}
		alternatives = append(alternatives, `\+?`+upTo(math.MaxInt64/unit.Bytes)+space+`*`+name.String())
	}
	return `(?:` + strings.Join(alternatives, `|`) + `)`
}

// samplePattern is what sample.Parse reads, except nothing.
func samplePattern() string {
	part := `\+?` + upTo(math.MaxInt32)
	share := body(sample.SharePattern) + space + `*%`
	return `(?:` + sample.All + `|` + share + `|` + part + `/` + part + `|` + sizePattern() + `)`
}
