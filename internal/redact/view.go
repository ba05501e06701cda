package redact

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// view is a text in another spelling: byte i of it comes from the bytes from[i] to to[i] of the
// text that it was made of.
type view struct {
	text     []byte
	from, to []int
}

func (v *view) add(b byte, from, to int) {
	v.text, v.from, v.to = append(v.text, b), append(v.from, from), append(v.to, to)
}

func plainView(text string) view {
	v := view{text: []byte(text), from: make([]int, len(text)), to: make([]int, len(text))}
	for i := range len(text) {
		v.from[i], v.to[i] = i, i+1
	}
	return v
}

// fold makes alike what differs in nothing but spelling: letter case, the two alphabets of base64,
// and white space or invisible characters between.
func fold(v view) view {
	folded := view{
		text: make([]byte, 0, len(v.text)), from: make([]int, 0, len(v.text)), to: make([]int, 0, len(v.text)),
	}
	for i := 0; i < len(v.text); {
		r, size := utf8.DecodeRune(v.text[i:]) // of bytes that are no text, U+FFFD, which is visible
		if unicode.IsPrint(r) && r != ' ' {
			for ; size > 0; size-- {
				folded.add(foldByte(v.text[i]), v.from[i], v.to[i])
				i++
			}
			continue
		}
		i += size
	}
	return folded
}

func foldByte(b byte) byte {
	switch {
	case 'A' <= b && b <= 'Z':
		return b + 'a' - 'A'
	case b == '-':
		return '+'
	case b == '_':
		return '/'
	}
	return b
}

// maxEscape is the length of the longest escape.
const maxEscape = 10

// decoded is a text without escapes, as deeply as they are nested. Each byte is looked at a bounded
// number of times: what an escape stands for takes its place at the end of what is decoded already,
// and may complete another one there. Short escapes are those of a backslash and one character: the
// backslash may as well be itself, so a text with some is read in both ways.
func decoded(text string, short bool) view {
	var v view
	for i := range len(text) {
		v.add(text[i], i, i+1)
		for v.reduce(short) {
		}
	}
	return v
}

// reduce replaces an escape that has just been completed at the end, and reports whether there was
// one.
func (v *view) reduce(short bool) bool {
	for length := 2; length <= min(maxEscape, len(v.text)); length++ {
		at := len(v.text) - length
		r, ok := unescape(v.text[at:])
		if !ok || length == 2 && !short {
			continue
		}
		from, to := v.from[at], v.to[len(v.to)-1]
		v.text, v.from, v.to = v.text[:at], v.from[:at], v.to[:at]
		if r < 0 { // a byte
			v.add(byte(-r-1), from, to)
			return true
		}
		for _, b := range []byte(string(r)) {
			v.add(b, from, to)
		}
		return true
	}
	return false
}

var (
	simple = map[byte]rune{
		'"': '"', '\\': '\\', '/': '/', '\'': '\'', 'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f',
	}
	entities = map[string]rune{"&amp;": '&', "&lt;": '<', "&gt;": '>', "&quot;": '"', "&apos;": '\''}
)

// unescape is what a whole escape stands for: a character, or the byte b as -b-1.
func unescape(escape []byte) (r rune, ok bool) {
	last := len(escape) - 1
	switch {
	case escape[0] == '%' && len(escape) == 3, escape[0] == '\\' && len(escape) == 4 && escape[1] == 'x':
		n, ok := number(escape[len(escape)-2:], 16)
		return -n - 1, ok
	case escape[0] == '\\' && len(escape) == 4:
		n, ok := number(escape[1:], 8)
		return -n - 1, ok && n <= 0xFF
	case escape[0] == '\\' && len(escape) == 2:
		r, ok = simple[escape[1]]
		return r, ok
	case escape[0] == '\\' && escape[last] == '}' && last >= 4 && escape[1] == 'u' && escape[2] == '{':
		return number(escape[3:last], 16)
	case (escape[0] == '\\' || escape[0] == '%') && len(escape) == 6 && (escape[1] == 'u' || escape[1] == 'U'):
		n, ok := number(escape[2:], 16)
		return n, ok && (n > 0 || escape[1] == 'u') // a long one begins so
	case escape[0] == '\\' && len(escape) == 10 && escape[1] == 'U':
		return number(escape[2:], 16)
	case escape[0] == '&' && escape[last] == ';' && escape[1] == '#' && last >= 3:
		if escape[2] == 'x' || escape[2] == 'X' {
			return number(escape[3:last], 16)
		}
		return number(escape[2:last], 10)
	case escape[0] == '&' && escape[last] == ';':
		r, ok = entities[strings.ToLower(string(escape))]
		return r, ok
	}
	return 0, false
}

func number(digits []byte, base int) (rune, bool) {
	n, err := strconv.ParseUint(string(digits), base, 32)
	return rune(n), err == nil && n <= unicode.MaxRune
}
