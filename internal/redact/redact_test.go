package redact_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"stemflow/internal/redact"
)

// secrets are like those that stemflow has: hexadecimal, base64, and what people make up.
var secrets = []string{
	"a1b2c3d4e5f60718293a4b5c6d7e8f90",
	"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY==",
	`p%41ss "quoted" \ slash/über`,
	"eyJhbGciOi_JIUzI1NiJ9-payload",
	"twelve-chars",
	"arrows>>>of>>>>base64>>>>>are>>>plus",
}

// spellings are how a text may repeat what was sent to its author.
var spellings = map[string]func(string) string{
	"bare":        func(s string) string { return s },
	"upper case":  strings.ToUpper,
	"path":        url.PathEscape,
	"query":       url.QueryEscape,
	"lower path":  func(s string) string { return escapeAll(s, "%%%02x") },
	"upper path":  func(s string) string { return escapeAll(s, "%%%02X") },
	"twice":       func(s string) string { return url.QueryEscape(escapeAll(s, "%%%02x")) },
	"five times":  func(s string) string { return escapeAll(s, "%%2525252525%02x") },
	"base64":      func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 URL":  func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"in base64 1": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x" + s + "yz")) },
	"in base64 2": func(s string) string { return base64.StdEncoding.EncodeToString([]byte("xy" + s)) },
	"basic":       func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+s)) },
	"base64 in a query": func(s string) string {
		return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s)))
	},
	"octal":       func(s string) string { return escapeAll(s, `\%03o`) },
	"percent u":   func(s string) string { return escapeRunes(s, "%%u%04x") },
	"long points": func(s string) string { return escapeRunes(s, `\U%08x`) },
	"braces":      func(s string) string { return escapeRunes(s, `\u{%x}`) },
	"bytes":       func(s string) string { return fmt.Sprintf("%d", []byte(s)) },
	"byte list":   func(s string) string { return strings.TrimSuffix(escapeAll(s, "%d, "), ", ") },
	"Go bytes":    func(s string) string { return fmt.Sprintf("%#v", []byte(s)) },
	"hex, 0x":     func(s string) string { return strings.TrimSpace(escapeAll(s, "0X%02X ")) },
	"hex, colons": func(s string) string { return strings.TrimSuffix(escapeAll(s, "%02X:"), ":") },
	"hex":         func(s string) string { return hex.EncodeToString([]byte(s)) },
	"JSON":        func(s string) string { return quoted(s) },
	"JSON twice":  func(s string) string { return quoted(quoted(s)) },
	"JSON points": func(s string) string { return escapeRunes(s, `\u%04x`) },
	"slashes":     func(s string) string { return strings.ReplaceAll(quoted(s), "/", `\/`) },
	"Go":          func(s string) string { return fmt.Sprintf("%q", s) },
	"HTML":        html.EscapeString,
	"HTML points": func(s string) string { return escapeRunes(s, "&#%d;") },
	"HTML hex":    func(s string) string { return escapeRunes(s, "&#x%x;") },
	"HTML HEX":    func(s string) string { return escapeRunes(s, "&#X%X;") },
	"programs":    func(s string) string { return escapeAll(s, `\x%02x`) },
	"query, JSON": func(s string) string { return quoted(url.QueryEscape(s)) },
	"lines":       func(s string) string { return s[:5] + "\r\n" + s[5:] },
	"invisible":   func(s string) string { return s[:5] + "\u200b" + s[5:] },
}

func quoted(s string) string {
	data, _ := json.Marshal(s)
	return string(data[1 : len(data)-1])
}

func escapeAll(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

func escapeRunes(s, format string) string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, format, r)
	}
	return b.String()
}

// leaks is a part of 12 characters of a spelt secret that a text has.
func leaks(text, spelt string) string {
	for i := 0; i+12 <= len(spelt); i++ {
		if strings.Contains(text, spelt[i:i+12]) {
			return spelt[i : i+12]
		}
	}
	return ""
}

func TestSecretsAreHiddenInEverySpelling(t *testing.T) {
	r := redact.New(secrets...)
	for name, spell := range spellings {
		for _, secret := range secrets {
			text := `the key <` + spell(secret) + `> is refused`
			got := r.Secrets(text)
			// What is left of an encoded one is at most the ends, which do not depend on it alone.
			require.Contains(t, got, redact.Hidden, "%s of %s: %s", name, secret, got)
			require.Empty(t, leaks(got, secret), "%s: %s", name, got)
			rest := strings.NewReplacer("the key <", "", "Basic ", "", "> is refused", "", redact.Hidden, "").Replace(got)
			require.LessOrEqual(t, len(rest), 18, "%s of %s: %s", name, secret, got)
		}
	}
}

func TestAnyPartOfTwelveCharactersIsHidden(t *testing.T) {
	for _, secret := range secrets {
		r := redact.New(secret)
		for from := range len(secret) {
			for to := from + 12; to <= min(from+13, len(secret)); to++ {
				part := secret[from:to]
				for name, spell := range spellings {
					if name == "lines" || name == "invisible" {
						continue // they may be cut within
					}
					if utf8.ValidString(part) {
						require.Contains(t, r.Secrets("<"+spell(part)+">"), redact.Hidden, "%s of %q", name, part)
					}
				}
			}
		}
	}
}

func TestTextsWithoutASecretAreLeftAlone(t *testing.T) {
	r := redact.New(secrets...)
	for _, text := range []string{
		"", "the credits are insufficient", "100% \\ &amp; \u200b", strings.Repeat("a1b2c3d4e5f", 3) + "x",
		"task 3e63b4cc88d52611159371f6af5571e7 of 0191c7a4-7f0c-7a5e-9c3e-1f2a3b4c5d6e", "\xff\xfe",
	} {
		require.Equal(t, text, r.Secrets(text))
		require.Equal(t, text, redact.New().Secrets(text))
		require.Equal(t, text, (*redact.Redactor)(nil).Outside(text))
	}
}

func TestShortSecrets(t *testing.T) {
	r := redact.New("abc", "hunter22", "")
	require.Equal(t, "abc and [hidden] and hunter2 and [hidden]", r.Secrets("abc and hunter22 and hunter2 and HUNTER%322"))
	require.Contains(t, r.Secrets(base64.StdEncoding.EncodeToString([]byte("user:hunter22"))), redact.Hidden)
	require.Equal(t, "ab and [hidden]", redact.New("%41%42").Secrets("ab and %41%42"), "what it decodes to is shorter")
}

func TestACredentialIsWhatFollowsTheScheme(t *testing.T) {
	for header, want := range map[string]string{
		"Bearer token": "token", " Bearer  token ": "token", "token": "token", "": "", " ": "",
		"Digest a=1, b=2": "a=1, b=2",
	} {
		require.Equal(t, want, redact.Credential(header), header)
	}
}

func TestOutsideHidesWhatGivesAccess(t *testing.T) {
	token := base64.RawURLEncoding.EncodeToString([]byte("\x01 a token of a run that nobody here knows \xfa\xfb"))
	r := redact.New()
	for text, want := range map[string]string{
		"see https://files.example.com/a.mp3?sig=1 now":      "see [link] now",
		"see https%3A%2F%2Ffiles.example.com%2Fa%3Fsig%3D1":  "see [link]",
		"see https%253a%252F%252ffiles.example.com":          "see [link]",
		`see https:\/\/files.example.com\/a.mp3`:             "see [link]",
		`see https\u003a\u002f\u002Ffiles.example.com`:       "see [link]",
		"see HTTPS&#58;&#47;&#x2f;files.example.com":         "see [link]",
		"POST /callbacks/" + token:                           "POST /[hidden]",
		"POST %2fcallbacks%2fabc":                            "POST %2f[hidden]",
		"token " + token + " is stale":                       "token [hidden] is stale",
		"X-Amz-Signature=0123456789abcdef0123&X-Amz-Date=1":  "X-Amz-Signature=[hidden]&X-Amz-Date=1",
		"Authorization: Bearer 0123456789abcdef":             "Authorization: Bearer [hidden]",
		"object 3E63B4CC88D52611159371F6AF5571E7-3E63B4CC":   "object 3E63B4CC88D52611159371F6AF5571E7-3E63B4CC",
		"class " + strings.Repeat("MadeOfWords", 4):          "class " + strings.Repeat("MadeOfWords", 4),
		"task 3e63b4cc88d52611159371f6af5571e7 is not found": "task 3e63b4cc88d52611159371f6af5571e7 is not found",
	} {
		require.Equal(t, want, r.Outside(text))
	}
}

func TestOnlyWordsAreLeftOfWhatMayBeAnybodysSecret(t *testing.T) {
	for text, want := range map[string]string{
		"Vocal separation failed: internal inconsistency, please retry.": "Vocal separation failed: internal inconsistency, please retry.",
		"音频分离失败请稍后再试音频分离":                                                "音频分离失败请稍后再试音频分离", "the key 0f9e8d7c6b5a49382716 is": "the key [hidden] is",
		"a2V5PTBmOWU4ZDdj": redact.Hidden, "KRSXG5DJNZTWC3TE": redact.Hidden, "KRSXGUUUUUUU": redact.Hidden, "correct-horse-battery": redact.Hidden,
		`\u0061\u0062\u0063`: redact.Hidden, "short1234": "short1234",
	} {
		require.Equal(t, want, redact.Words(text))
	}
}

func TestErrorsKeepWhatTheyAre(t *testing.T) {
	r := redact.New(secrets[0])
	cause := &fs.PathError{Op: "open", Path: secrets[0], Err: io.ErrUnexpectedEOF}
	err := r.Error(fmt.Errorf("reading: %w", cause))
	require.EqualError(t, err, "reading: open [hidden]: unexpected EOF")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	found, ok := errors.AsType[*fs.PathError](err)
	require.True(t, ok)
	require.Same(t, cause, found)
	require.NotErrorIs(t, err, io.EOF)
	_, ok = errors.AsType[*url.Error](err)
	require.False(t, ok)
	for wrapped := err; wrapped != nil; wrapped = errors.Unwrap(wrapped) {
		require.NotContains(t, wrapped.Error(), secrets[0], "a history has every error of the chain")
	}
	require.NoError(t, r.Error(nil))
	require.Same(t, io.EOF, r.Error(io.EOF))
}

func TestFurtherSecrets(t *testing.T) {
	r := redact.New(secrets[0])
	more := r.With(secrets[1])
	text := secrets[0] + " " + secrets[1]
	require.Equal(t, "[hidden] [hidden]", more.Secrets(text))
	require.Equal(t, "[hidden] "+secrets[1], r.Secrets(text))
}

// The time must not explode with texts that are made for that.
func TestTimeIsLinear(t *testing.T) {
	r := redact.New(secrets...)
	for _, unit := range []string{"%25", `\\`, "&amp;", "a1b2c3d4e5f60718293a4b5c6d7e8f90", "https%3A", "%", "&#", "%2525"} {
		took := func(n int) time.Duration {
			text, began := strings.Repeat(unit, n/len(unit)), time.Now()
			r.Outside(text)
			return time.Since(began)
		}
		// The fastest of many runs is what the work takes when nothing disturbs it, and it is as
		// many runs as it takes: what grows with the square needs 256 times as long in all of them.
		small, large := time.Hour, time.Hour
		for range 100 {
			small, large = min(small, took(1<<12)), min(large, took(1<<16))
			if large < 16*8*small {
				break
			}
		}
		require.Less(t, large, 16*8*small, "%q: %v for 16 times the %v", unit, large, small)
	}
}

func FuzzSecretsAreHidden(f *testing.F) {
	f.Add("the key ", " is refused", uint64(1), uint8(3), uint8(40))
	f.Add("%", "41&amp;\\u", uint64(2), uint8(0), uint8(12))
	names := make([]string, 0, len(spellings))
	for name := range spellings {
		names = append(names, name)
	}
	f.Fuzz(func(t *testing.T, before, after string, seed uint64, cut, length uint8) {
		random := rand.New(rand.NewPCG(seed, 1))
		const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_.~!"
		made := make([]byte, 16+int(length)%64)
		for i := range made {
			made[i] = letters[random.IntN(len(letters))]
		}
		secret := string(made)
		from := int(cut) % (len(secret) - 14)
		part := secret[from : from+14+random.IntN(len(secret)-from-13)]
		r := redact.New(secret)
		for _, name := range names {
			spelt := spellings[name](part)
			for _, text := range []string{before + "<" + spelt + ">" + after, before + spelt + after} {
				for _, got := range []string{r.Secrets(text), r.Outside(text)} {
					if at := leaks(got, part); at != "" && leaks(before+after, part) == "" {
						t.Fatalf("%s: %q has %q", name, got, at)
					}
					if !strings.Contains(got, redact.Hidden) && !strings.Contains(got, redact.Link) {
						t.Fatalf("%s: nothing is hidden in %q", name, got)
					}
				}
			}
		}
	})
}
