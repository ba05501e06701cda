package stemflow

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"stemflow/internal/bounded"
	"stemflow/internal/naming"
)

// MaxAudioSize is how many bytes a song of one's own may have: the provider takes 20 MB.
const MaxAudioSize = 20 << 20

// song is the identity of a song of one's own, as [Track] has it.
func (in SeparateStemsInput) song() (taskID, audioID string) {
	if sum := strings.ToLower(in.AudioSHA256); sum != "" {
		return TaskSHA256, sum
	}
	sum := sha256.Sum256([]byte(songAddress(in.AudioURL)))
	return TaskURL, hex.EncodeToString(sum[:])
}

// songAddress is an address without what changes while the song stays: the query, which holds
// signatures, the fragment, the case of scheme and host, and the usual port.
func songAddress(address string) string {
	u, err := parseAddress(address)
	if err != nil || strings.HasPrefix(address, naming.ObjectScheme) { // any character may stand in a key
		return address
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if port := u.Port(); scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return scheme + "://" + host + u.EscapedPath()
}

// AudioAddress is AudioURL without its query, which may hold a signature.
func (in SeparateStemsInput) AudioAddress() string { return songAddress(in.AudioURL) }

// AudioObject is the bucket and the key of an AudioURL of the form "s3://bucket/key"; ok is false
// for any other.
func (in SeparateStemsInput) AudioObject() (object ObjectRef, ok bool) {
	rest, ok := strings.CutPrefix(in.AudioURL, naming.ObjectScheme)
	if !ok {
		return ObjectRef{}, false
	}
	bucket, key, _ := strings.Cut(rest, "/")
	return ObjectRef{Bucket: bucket, Key: key}, true
}

// SongName is what a person knows the input's song by: its title, or the file name of its address,
// or the track's id.
func (in SeparateStemsInput) SongName() string {
	if in.Title != "" {
		return in.Title
	}
	if object, ok := in.AudioObject(); ok {
		return bounded.Text(path.Base(object.Key), MaxTitle)
	}
	if u, err := parseAddress(in.AudioURL); err == nil && in.AudioURL != "" {
		if name := path.Base(u.Path); name != "/" && name != "." {
			return bounded.Text(name, MaxTitle)
		}
		return u.Host
	}
	return in.AudioID
}

// songProblems is what is wrong with audioUrl and audioSha256.
func (in SeparateStemsInput) songProblems() []InputProblem {
	var all []InputProblem
	report := func(field, format string, args ...any) {
		all = append(all, InputProblem{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if in.AudioURL == "" {
		if in.AudioSHA256 != "" {
			report("audioSha256", "goes only with audioUrl, give both")
		}
		return all
	}
	if in.TaskID != "" || in.AudioID != "" {
		report("audioUrl", "goes without taskId and audioId, which name a track of the provider: leave one out")
	}
	if text := addressProblem(in.AudioURL); text != "" {
		report("audioUrl", "%s", text) // not the address: it may hold a signature
	}
	if in.AudioSHA256 != "" && !naming.IsSHA256(in.AudioSHA256) {
		report("audioSha256", "is no SHA-256, give its 64 hexadecimal digits")
	}
	return all
}

// parseAddress gives the same whenever it is asked: a workflow may call it.
func parseAddress(address string) (*url.URL, error) {
	return url.Parse(address) //workflowcheck:ignore it interns the zone of an IPv6 address, nothing more
}

func addressProblem(address string) string {
	const form = "give an address like https://example.com/song.mp3 or s3://bucket/song.mp3"
	if utf8.RuneCountInString(address) > naming.MaxAddress {
		return fmt.Sprintf("is longer than %d characters, give a shorter address", naming.MaxAddress)
	}
	if rest, ok := strings.CutPrefix(address, naming.ObjectScheme); ok {
		bucket, key, _ := strings.Cut(rest, "/")
		if err := naming.CheckBucket(bucket); err != nil {
			return "names no bucket that there can be: " + err.Error()
		}
		if key == "" || len(key) > naming.MaxKey {
			return "names no object, give it as s3://bucket/key"
		}
		return ""
	}
	u, err := parseAddress(address)
	switch {
	case err != nil || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return "is no address, " + form
	case u.Scheme != "https" && u.Scheme != "http":
		return "has a scheme that is not fetched, " + form
	case u.Hostname() == "":
		return "names no host, " + form
	case u.User != nil:
		return "holds a user or password, which the provider cannot use: " + form
	case !naming.IsAddress(address):
		return "is no address of a host that others reach, " + form
	}
	return ""
}
