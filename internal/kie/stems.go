package kie

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"stemflow"
	"stemflow/internal/naming"
)

// errTooManyStems says that a list of links is longer than that of any separation.
var errTooManyStems = fmt.Errorf("there are more than %d stems, which no separation has", stemflow.MaxStems)

// What is read of a body is bounded, whatever its size, so that nobody can make its reader busy.
const (
	// maxLevels is how deep the links are looked for: the provider has had them four levels down.
	maxLevels = 7
	// maxStrings is how many strings are opened that are JSON in their turn.
	maxStrings = 8
	// maxLinks bounds the links: those of MaxStems, each a few times, and some that are no stem's.
	maxLinks = 4 * stemflow.MaxStems
	// maxItems is how many objects in lists are looked at, and how many fields that have no link:
	// what stands behind that many is not read.
	maxItems = 4 * maxLinks
)

// inputKeys are the members that repeat what was asked for, folded. The track that they name is no
// result.
var inputKeys = []string{
	"param", "params", "parameters", "input", "inputs", "request", "requestbody", "options", "config",
}

// linkReader collects the links of a record or callback.
type linkReader struct {
	// fields are the links by name, in the order in which they come, and seen what became of each
	// name.
	fields []stemflow.SourceStem
	seen   map[string]int
	// details are from lists of stems, bare from lists of links.
	details, bare []stemDetail
	originURL     string
	// announced are names without a link, as they come.
	announced []string
	// strings, links, items and empty fields are counted for the bounds.
	strings, links, items, empty int
	tooMany                      bool
}

// readStems reads the stems that have a link, uniquely named and in canonical order, the link of
// the unseparated track, and the names without a link that the documents do not know. The provider
// has put them in several places, at several depths and in strings, so any object is looked into
// but the one that repeats the request. The error is errTooManyStems; there are no stems then.
func readStems(in object) (
	stems []stemflow.SourceStem, originURL string, announced []string, err error,
) {
	r := linkReader{seen: map[string]int{}}
	r.object(in, maxLevels)
	if stems = r.merge(); r.tooMany || len(stems) > stemflow.MaxStems {
		return nil, "", nil, errTooManyStems
	}
	return stems, r.originURL, r.announcedWithout(stems), nil
}

// announcedWithout are the announced names that are not among the stems. Those that the documents
// know are left out: an instrument that does not play is announced, too.
func (r *linkReader) announcedWithout(stems []stemflow.SourceStem) (names []string) {
	for _, name := range r.announced {
		served := slices.ContainsFunc(stems, func(s stemflow.SourceStem) bool { return s.Name == name })
		if !served && stemRank(name) == len(stemOrder) && name != unnamed && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names[:min(len(names), stemflow.MaxStems)]
}

// announce notes a name that comes without a link.
func (r *linkReader) announce(name string) {
	if len(r.announced) < maxLinks {
		r.announced = append(r.announced, name)
	}
}

func (r *linkReader) object(o object, levels int) {
	if levels == 0 {
		return
	}
	for key, value := range o.members() {
		if r.tooMany {
			return
		}
		switch value[0] {
		case 'n': // null
			if name, ok := linkField(key); ok {
				r.emptyField(name)
			}
		case '"':
			r.text(key, value, levels)
		case '{', '[':
			r.nested(key, value, levels)
		}
	}
}

// text reads a member that is a link, or a string that is JSON in its turn.
func (r *linkReader) text(key string, value json.RawMessage, levels int) {
	if name, ok := linkField(key); ok {
		r.field(name, value)
		return
	}
	if !opensJSON(value) || r.strings == maxStrings || slices.Contains(inputKeys, fold(key)) {
		return
	}
	r.strings++
	if inner := unwrap(value); inner[0] != '"' {
		r.nested(key, inner, levels)
	}
}

// opensJSON reports whether a string may be JSON in its turn.
func opensJSON(quoted json.RawMessage) bool {
	inner := strings.TrimLeft(string(quoted[1:min(len(quoted), 16)]), blanks)
	return inner != "" && (inner[0] == '{' || inner[0] == '[' || inner[0] == '\\')
}

// nested reads a member that is an object or a list.
func (r *linkReader) nested(key string, value json.RawMessage, levels int) {
	folded := fold(key)
	if slices.Contains(inputKeys, folded) {
		return
	}
	listsStems := folded == "origindata" || folded == "stems"
	if inner, ok := parseObject(value); ok {
		if listsStems {
			r.item(inner, false, levels) // the one that a list would have
		} else {
			r.object(inner, levels-1)
		}
		return
	}
	listsLinks := listsStems || strings.HasSuffix(folded, "urls") && !speaksOfOther(key)
	for item := range items(value) {
		switch {
		case r.tooMany || r.items > maxItems:
			return
		case item[0] == '{':
			r.items++
			r.item(object(item), listsStems, levels)
		case listsLinks && item[0] == '"':
			if link := r.link(item); link != "" {
				r.bare = append(r.bare, stemDetail{SourceStem: stemflow.SourceStem{Name: nameInLink(link), URL: link}})
			}
		}
	}
}

// link reads a link, one of maxLinks.
func (r *linkReader) link(value json.RawMessage) string {
	link := audioLink(value)
	if link != "" {
		r.links++
		r.tooMany = r.tooMany || r.links > maxLinks
	}
	return link
}

// field reads a member like "drums_url" or "drumsUrl". A name given twice counts once: the last
// link of it.
func (r *linkReader) field(key string, value json.RawMessage) {
	if r.empty > maxItems {
		return
	}
	link := r.link(value)
	switch {
	case r.tooMany:
		return
	case link == "" && len(value) <= maxLink && isPlaceholder(text(value)):
		r.emptyField(key)
		return
	case link == "": // it leads to something, if not to audio
		r.empty++
		return
	case fold(key) == "origin":
		r.originURL = link
		return
	}
	name, ok := stemOfField(key)
	if !ok {
		return
	}
	same := name
	if name == unnamed { // no two of these need be the same
		same = fold(key)
	}
	at, again := r.seen[same]
	if !again {
		at = len(r.fields)
		r.seen[same] = at
		r.fields = append(r.fields, stemflow.SourceStem{Name: name})
		r.tooMany = r.tooMany || len(r.fields) > stemflow.MaxStems
	}
	r.fields[at].URL = link
}

// emptyField reads a member that could hold the link of a stem and holds none.
func (r *linkReader) emptyField(key string) {
	if r.empty++; r.empty > maxItems {
		return
	}
	if name, ok := stemOfField(key); ok {
		r.announce(name)
	}
}

// linkField gives the name before "Url" or "_url".
func linkField(key string) (name string, ok bool) {
	cut := len(key) - len("url")
	if cut < 0 || !strings.EqualFold(key[cut:], "url") {
		return "", false
	}
	name = strings.Trim(key[:cut], "_- ")
	return name, name != ""
}

// stemDetail is one item of a list like "originData": what the provider knows of a stem beyond its
// link.
type stemDetail struct {
	stemflow.SourceStem
	// part is set for the items of split_stem_advanced: these names are final, whatever field has
	// the same link.
	part bool
}

// item reads an object in a list. Outside the lists of stems it is one where it names a group of
// stems.
func (r *linkReader) item(fields object, listsStems bool, levels int) {
	read := fields.pick("extract", "remove", "stem_type_group_name")
	extract, isExtract := parseObject(read[0])
	remove, isRemove := parseObject(read[1])
	switch {
	case isExtract || isRemove:
		if isExtract {
			r.details = append(r.details, r.partDetail(extract, ""))
		}
		if isRemove {
			r.details = append(r.details, r.partDetail(remove, "_removed"))
		}
	case listsStems || read[2] != nil:
		r.details = append(r.details, stemDetail{SourceStem: r.detailedStem(fields)})
	default:
		r.object(fields, levels-1)
	}
}

// partDetail names a part as the contract's ExpectedStems does. Both parts of an extraction carry
// the same group name.
func (r *linkReader) partDetail(fields object, suffix string) stemDetail {
	stem := r.detailedStem(fields)
	if slug := naming.Slug(bounded(fields.get("stem_type_group_name"), maxStemName)); slug != "" {
		stem.Name = slug
	}
	stem.Name += suffix
	return stemDetail{SourceStem: stem, part: true}
}

func (r *linkReader) detailedStem(fields object) stemflow.SourceStem {
	read := fields.pick("stem_type_group_name", "audio_url", "id", "duration", "name", "url")
	duration, ok := number(read[3])
	if !ok || duration < 0 {
		duration = 0
	}
	return stemflow.SourceStem{
		Name:            stemName(cmp.Or(bounded(read[0], maxStemName), bounded(read[4], maxStemName))),
		URL:             cmp.Or(r.link(read[1]), r.link(read[5])),
		SourceID:        bounded(read[2], maxSourceID),
		DurationSeconds: duration,
	}
}

// maxSourceID bounds the provider's id of a stem, which is a UUID.
const maxSourceID = 64

// bounded is a text of at most so many bytes; a longer one is none of the provider's.
func bounded(raw json.RawMessage, length int) string {
	if len(raw) > 8*length {
		return ""
	}
	if s := text(raw); len(s) <= length && !isMissingValue(s) {
		return s
	}
	return ""
}

// nameInLink is the name of a stem whose link is all there is of it: "<id>_Vocals.mp3".
func nameInLink(link string) string {
	file := fileOf(link)
	if dot := strings.LastIndexByte(file, '.'); dot >= 0 {
		file = file[:dot]
	}
	_, name, found := strings.Cut(file, "_")
	if !found {
		return unnamed
	}
	return stemName(name)
}

// merge makes one list of all that was read. What the lists say completes the stems of the fields;
// a detail of no known stem is a stem of its own if it has a link.
//
// A detail belongs to the stem with its link or its id, and else to the one of its name that no
// other detail belongs to: the lists have been seen to lead to other hosts than the fields, and
// links to name no id. Only a second detail of one name is another candidate.
func (r *linkReader) merge() []stemflow.SourceStem {
	if r.tooMany {
		return nil
	}
	stems := r.fields
	claimed := make([]bool, len(stems))
	var rest []stemDetail
	add := func(d stemDetail, at int) {
		if at < 0 {
			if d.URL != "" {
				stems, claimed = append(stems, d.SourceStem), append(claimed, true)
			} else {
				r.announce(d.Name)
			}
			return
		}
		if d.part {
			stems[at].Name = d.Name
		}
		stems[at].SourceID = cmp.Or(stems[at].SourceID, d.SourceID)
		stems[at].DurationSeconds = cmp.Or(stems[at].DurationSeconds, d.DurationSeconds)
		claimed[at] = true
	}
	for _, d := range r.details {
		if at := slices.IndexFunc(stems, func(s stemflow.SourceStem) bool { return d.isOf(s) }); at >= 0 {
			add(d, at)
			continue
		}
		rest = append(rest, d)
	}
	for _, d := range rest {
		at := slices.IndexFunc(stems, func(s stemflow.SourceStem) bool { return d.isOf(s) })
		for i := 0; at < 0 && i < len(stems); i++ {
			if stems[i].Name == d.Name && d.Name != unnamed && !claimed[i] {
				at = i
			}
		}
		add(d, at)
	}
	for _, d := range r.bare {
		if !slices.ContainsFunc(stems, func(s stemflow.SourceStem) bool {
			return s.URL == d.URL || s.Name == d.Name && d.Name != unnamed && !d.repeats(r.bare)
		}) {
			stems = append(stems, d.SourceStem)
		}
	}
	stems = withoutAliases(stems)
	slices.SortStableFunc(stems, func(a, b stemflow.SourceStem) int { return stemRank(a.Name) - stemRank(b.Name) })
	numberRepeated(stems)
	return stems
}

// isOf reports whether a detail has the link or the id of a stem.
func (d stemDetail) isOf(s stemflow.SourceStem) bool {
	return d.URL != "" && s.URL == d.URL ||
		d.SourceID != "" && (s.SourceID == d.SourceID || fileNameHasID(s.URL, d.SourceID))
}

// repeats reports whether a list of links has several of the name: both parts of an extraction are
// called alike.
func (d stemDetail) repeats(bare []stemDetail) bool {
	n := 0
	for _, other := range bare {
		if other.Name == d.Name {
			n++
		}
	}
	return n > 1
}

// withoutAliases drops a stem of a name that is not known whose link another one has: the same
// under a second name.
func withoutAliases(stems []stemflow.SourceStem) []stemflow.SourceStem {
	return slices.DeleteFunc(slices.Clone(stems), func(s stemflow.SourceStem) bool {
		return stemRank(s.Name) == len(stemOrder) && slices.ContainsFunc(stems, func(other stemflow.SourceStem) bool {
			return other.URL == s.URL && other.Name != s.Name && stemRank(other.Name) < len(stemOrder)
		})
	})
}

// fileOf is the file name of a link.
func fileOf(link string) string {
	if end := strings.IndexAny(link, "?#"); end >= 0 {
		link = link[:end]
	}
	return link[strings.LastIndexByte(link, '/')+1:]
}

// fileNameHasID reports whether id stands in the file name of a link as a word of its own:
// "<id>_Vocals.mp3".
func fileNameHasID(link, id string) bool {
	file := fileOf(link)
	for {
		before, after, found := strings.Cut(file, id)
		if !found {
			return false
		}
		if !endsInWord(before) && !startsWithWord(after) {
			return true
		}
		file = after
	}
}

func endsInWord(s string) bool     { return s != "" && isWord(s[len(s)-1]) }
func startsWithWord(s string) bool { return s != "" && isWord(s[0]) }

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// numberRepeated makes names unique: "vocals", "vocals-2", "vocals-3". No other name has a hyphen.
func numberRepeated(stems []stemflow.SourceStem) {
	seen := map[string]int{}
	for i, s := range stems {
		seen[s.Name]++
		if n := seen[s.Name]; n > 1 {
			stems[i].Name = fmt.Sprintf("%s-%d", s.Name, n)
		}
	}
}
