package download

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"stemflow"
	"stemflow/internal/naming"
)

const (
	// DefaultTemplate names files as the archive names stems.
	DefaultTemplate = "{name}.{ext}"
	// maxName leaves room, in the 255 bytes that file systems allow, for what a part's name adds.
	maxName = 200
	// maxTitle is how many bytes of a title are in a name, so that what else is in it is not cut
	// off.
	maxTitle = 90
)

// fields are what a template may name of a stem.
var fields = []string{"name", "taskId", "audioId", "type", "ext", "index", "title"}

// Template says how files are named: text with fields like {name}. A slash makes a folder.
type Template struct {
	// texts are around and between the fields: one more than there are fields.
	texts, fields []string
}

// ParseTemplate takes a template apart. Its error says what is wrong with it.
func ParseTemplate(text string) (Template, error) {
	var t Template
	rest := text
	for {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			t.texts = append(t.texts, rest)
			break
		}
		end := strings.IndexAny(rest[i+1:], "{}")
		if rest[i] == '}' || end < 0 || rest[i+1+end] == '{' {
			return Template{}, fmt.Errorf("a brace of %q has no other one: fields are %s", text, listed())
		}
		field := rest[i+1 : i+1+end]
		if !slices.Contains(fields, field) {
			return Template{}, fmt.Errorf("there is no field {%s}: use %s", field, listed())
		}
		t.texts, t.fields = append(t.texts, rest[:i]), append(t.fields, field)
		rest = rest[i+1+end+1:]
	}
	outside := func(part string) bool { return part == "" || part == "." || part == ".." }
	if slices.ContainsFunc(strings.Split(text, "/"), outside) {
		return Template{}, fmt.Errorf("%q is no name below the folder: use no \"..\" and no empty part", text)
	}
	return t, nil
}

func listed() string { return "{" + strings.Join(fields, "}, {") + "}" }

// Names are the names of a manifest's stems that are wanted, safe on every system. The index is the
// stem's place in the manifest, so it is the same whichever stems are wanted. MIDI has that of its
// stem.
func (t Template) Names(m stemflow.Manifest, wanted []stemflow.Stem) ([]File, error) {
	var files []File
	stemOf := map[string]string{}
	for _, stem := range wanted {
		of := strings.TrimPrefix(stem.Name, "midi.") // no name of a stem has a dot
		index := slices.IndexFunc(m.Stems, func(s stemflow.Stem) bool { return s.Name == of })
		name := t.name(m, stem, index+1)
		if other, taken := stemOf[folded(name)]; taken {
			return nil, fmt.Errorf("the stems %q and %q would both be %q: add {name} or {index}",
				other, stem.Name, name)
		}
		stemOf[folded(name)] = stem.Name
		files = append(files, File{Stem: stem, Name: name})
	}
	return files, nil
}

// folded is the same for names that some file system takes for the same.
func folded(name string) string { return norm.NFC.String(cases.Fold().String(norm.NFC.String(name))) }

func (t Template) name(m stemflow.Manifest, stem stemflow.Stem, index int) string {
	title := Shortened(m.Source.Title(), maxTitle)
	if strings.Trim(title, ". ") == "" { // dots alone would hide the file
		title = Shortened(m.Source.AudioID, maxTitle)
	}
	values := map[string]string{
		"name": stem.Name, "taskId": m.Source.TaskID, "audioId": m.Source.AudioID, "type": string(m.Type),
		"title": title,
		"ext":   strings.TrimPrefix(path.Ext(stem.Key), "."),
		"index": fmt.Sprintf("%0*d", len(strconv.Itoa(max(len(m.Stems), 10))), index),
	}
	var b strings.Builder
	b.WriteString(t.texts[0])
	for i, field := range t.fields {
		b.WriteString(strings.ReplaceAll(values[field], "/", "_") + t.texts[i+1]) // only the template makes folders
	}
	parts := strings.Split(b.String(), "/")
	for i, part := range parts {
		parts[i] = SafeName(part)
	}
	return strings.Join(parts, "/")
}

// FolderName is a name for the folder of a track's stems, or for the zip with them.
func FolderName(m stemflow.Manifest) string {
	parts := []string{m.Source.AudioID, string(m.Type)}
	if slug := naming.Slug(m.Source.StemName); slug != "" {
		parts = append(parts, slug)
	}
	return SafeName(strings.Join(parts, "_"))
}

// SafeName makes one name of a text that every file system takes, and that no system gives another
// meaning. Letters of all scripts stay.
func SafeName(text string) string {
	name := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) || strings.ContainsRune(`/\<>:"|?*`, r) {
			return '_'
		}
		return r
	}, text)
	name = strings.TrimRight(name, ". ") // Windows drops them
	switch {
	case name == "" || name[0] == '.' || name[0] == ' ' || isReserved(name):
		name = "_" + strings.TrimLeft(name, ". ")
	case name[0] == '-': // where a shell lists the folder's files, a program takes it for an option
		name = "_" + name
	}
	return cut(name, maxName)
}

// isReserved reports whether Windows takes a name for a device's, whatever its extension.
func isReserved(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	for _, device := range []string{"COM", "LPT"} {
		if digit, is := strings.CutPrefix(base, device); is && utf8.RuneCountInString(digit) == 1 {
			return strings.ContainsAny(digit, "0123456789¹²³")
		}
	}
	return false
}

// cut shortens a name to so many bytes, and keeps a short extension.
func cut(name string, most int) string {
	if len(name) <= most {
		return name
	}
	ext := path.Ext(name)
	if len(ext) > 16 {
		ext = ""
	}
	stem := name[:most-len(ext)]
	for !utf8.ValidString(stem) {
		stem = stem[:len(stem)-1]
	}
	return strings.TrimRight(stem, ". ") + ext
}

// Shortened is a text of so many bytes at most.
func Shortened(text string, most int) string {
	if len(text) <= most {
		return text
	}
	text = text[:most]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return strings.TrimRight(text, " ")
}

// Select returns the stems of a manifest that are asked for, all if none is. Names are taken in the
// provider's spelling, too.
func Select(m stemflow.Manifest, names []string) ([]stemflow.Stem, error) {
	if len(names) == 0 {
		return m.Stems, nil
	}
	var wanted []stemflow.Stem
	for _, name := range names {
		i := slices.IndexFunc(m.Stems, func(s stemflow.Stem) bool {
			return s.Name == name || s.Name == naming.Slug(name)
		})
		if i < 0 {
			return nil, errors.New(notArchived(m, name))
		}
		same := func(s stemflow.Stem) bool { return s.Name == m.Stems[i].Name }
		if !slices.ContainsFunc(wanted, same) {
			wanted = append(wanted, m.Stems[i])
		}
	}
	return wanted, nil
}

// SelectMIDI returns the objects with the MIDI of a manifest, as files beside its stems: that of
// the stems that are asked for, and all if none is.
func SelectMIDI(m stemflow.Manifest, names []string) (files []stemflow.Stem) {
	for _, entry := range m.MIDI {
		wanted := func(name string) bool {
			return entry.Stem != "" && (name == entry.Stem || naming.Slug(name) == entry.Stem)
		}
		if len(names) > 0 && !slices.ContainsFunc(names, wanted) {
			continue
		}
		for _, object := range entry.Objects() {
			files = append(files, stemflow.Stem{
				Name: strings.TrimSuffix(path.Base(object.Key), path.Ext(object.Key)), Bucket: object.Bucket,
				Key: object.Key, Size: object.Size, SHA256: object.SHA256, ContentType: object.ContentType,
			})
		}
	}
	return files
}

func notArchived(m stemflow.Manifest, name string) string {
	slug := naming.Slug(name)
	for _, missing := range m.Missing {
		if missing.Name == slug {
			return fmt.Sprintf("the stem %q is missing in the archive: %s", name, missing.Reason)
		}
	}
	for _, failed := range m.Failed {
		if failed.Name == slug {
			return fmt.Sprintf("the stem %q could not be archived: %s", name, failed.Message)
		}
	}
	if slices.Contains(m.Empty, slug) {
		return fmt.Sprintf("there is no stem %q: the provider did not serve it, because it does not play", name)
	}
	have := make([]string, len(m.Stems))
	for i, stem := range m.Stems {
		have[i] = stem.Name
	}
	return fmt.Sprintf("there is no stem %q: the archive has %s", name, strings.Join(have, ", "))
}
