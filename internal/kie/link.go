package kie

import (
	"encoding/json"
	"slices"
	"strings"
)

// maxLink bounds a link, in bytes. Those that are signed have a few hundred.
const maxLink = 2048

// audioLink is the link that a field holds, or "" if there is none that can lead to audio: it is no
// absolute address, says in words that there is nothing, or leads to a file of another kind. The
// provider fills fields that it has nothing for in many ways.
func audioLink(raw json.RawMessage) string {
	// Escapes make it longer than it is. Most of what is no link is told by its first character.
	if len(raw) > 2*maxLink || len(raw) < 2 || strings.IndexByte(`hH \`, raw[1]) < 0 {
		return ""
	}
	link := text(raw)
	host := afterScheme(link)
	if host == "" || len(link) > maxLink {
		return ""
	}
	if end := strings.IndexAny(host, "?#"); end >= 0 {
		host = host[:end]
	}
	host, path, _ := strings.Cut(host, "/")
	if host == "" || host[0] == ':' || isPlaceholder(host) || path == "" {
		return ""
	}
	for segment := range strings.SplitSeq(path, "/") {
		if isMissingValue(segment) {
			return ""
		}
	}
	file := path[strings.LastIndexByte(path, '/')+1:]
	name, extension := file, ""
	if dot := strings.LastIndexByte(file, '.'); dot >= 0 {
		name, extension = file[:dot], strings.ToLower(file[dot+1:])
	}
	// "None_Vocals.mp3" was to be the name of a file with an id.
	id, _, _ := strings.Cut(name, "_")
	if isPlaceholder(name) || isMissingValue(id) || slices.Contains(otherFiles, extension) {
		return ""
	}
	return link
}

// afterScheme is what follows "http://" or "https://", "" if the link has neither.
func afterScheme(link string) string {
	for _, scheme := range []string{"https://", "http://"} {
		if len(link) > len(scheme) && strings.EqualFold(link[:len(scheme)], scheme) {
			return link[len(scheme):]
		}
	}
	return ""
}

// isMissingValue reports whether a text is what a program writes for a value that it does not have.
// Nothing that has a name has this one.
func isMissingValue(text string) bool {
	switch strings.ToLower(text) {
	case "none", "null", "undefined", "nan", "(null)", "<nil>", "%3cnil%3e", "[object object]", "%5bobject%20object%5d":
		return true
	}
	return false
}

// isPlaceholder reports whether a text stands in the place of a name.
func isPlaceholder(text string) bool {
	if isMissingValue(text) {
		return true
	}
	switch strings.ToLower(text) {
	case "nil", "na", "n/a", "n.a", "n.a.", "empty", "false", "true", "unknown", "missing":
		return true
	}
	// Nothing but punctuation: "-", "--", "...", "".
	return strings.Trim(text, "-_.*~ ") == ""
}

// otherFiles are the extensions of files that are no audio.
var otherFiles = []string{
	"jpg", "jpeg", "jfif", "png", "apng", "gif", "webp", "svg", "bmp", "ico", "heic", "heif", "avif", "tif", "tiff",
	"psd", "mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "wmv", "flv", "3gp", "ogv", "ts", "m3u8", "mpd",
	"html", "htm", "php", "json", "xml", "txt", "csv", "md", "pdf", "lrc", "srt", "vtt", "ass", "mid", "midi",
	"musicxml", "mxl", "zip", "rar", "7z", "tar", "gz", "js", "css",
}

// otherWords are what a field speaks of that holds no stem: pictures, moving pictures, texts, the
// whole track, addresses of ours and of pages.
var otherWords = []string{
	"pic", "pics", "img", "icon", "logo", "art", "artwork", "gif", "jpg", "jpeg", "png", "banner", "mp4", "mov",
	"movie", "animation", "visual", "visualizer", "visualiser", "lyric", "lyrics", "midi", "lrc", "srt", "json", "xml",
	"html", "pdf", "zip", "archive", "notify", "notification", "origin", "original", "source", "stream", "streaming",
	"input", "upload", "uploaded", "page", "web", "website", "site", "share", "sharing", "home", "homepage", "profile",
	"user", "status", "record", "task", "logs", "api", "base", "doc", "docs", "help", "payment", "pay", "report",
	"redirect", "return",
}

// otherParts are the same as parts of a word, for keys that run their words together.
var otherParts = []string{
	"image", "picture", "photo", "video", "cover", "thumbnail", "poster", "avatar", "waveform", "spectrogram",
	"subtitle", "caption", "callback", "webhook", "watermark",
}

// wholeNames are what a field is called whose audio is the whole track, or whose name says nothing.
var wholeNames = []string{"thumb", "wave", "song", "music", "media", "full"}

// fillers say of a stem only that it is one.
var fillers = []string{
	"audio", "stem", "track", "file", "download", "mp3", "wav", "result", "output", "separated", "isolated", "part",
}

// speaksOfOther reports whether a key, without its "Url", speaks of something that is no stem.
func speaksOfOther(key string) bool {
	name, folded := stemName(key), fold(key)
	isOther := func(word string) bool { return slices.Contains(otherWords, word) }
	isPart := func(part string) bool { return strings.Contains(folded, part) }
	return slices.Contains(wholeNames, name) || slices.ContainsFunc(strings.Split(name, "_"), isOther) ||
		slices.ContainsFunc(otherParts, isPart)
}

// stemOfField is the name of the stem whose link a field holds, judged by the field's key without
// its "Url"; false if it is none.
func stemOfField(key string) (name string, ok bool) {
	if canonical, known := canonicalNames[fold(key)]; known {
		return canonical, true
	}
	name = stemName(key)
	if name == unnamed {
		return name, true
	}
	if speaksOfOther(key) {
		return "", false
	}
	words := strings.Split(name, "_")
	rest := slices.DeleteFunc(words, func(word string) bool { return slices.Contains(fillers, word) })
	if len(rest) == 0 {
		return "", false
	}
	if canonical, known := canonicalNames[strings.Join(rest, "")]; known {
		return canonical, true
	}
	return name, true
}
