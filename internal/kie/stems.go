package kie

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"stemflow/internal/naming"

	"stemflow"
)

// stemContainers are the members of "data" that hold a separation's links, folded: the record's,
// and the callback's in both of its dialects.
var stemContainers = []string{"response", "vocalseparationinfo", "vocalremovalinfo"}

// collectStems reads the stems that have a link, uniquely named and in canonical order, and the
// link of the unseparated track. Both the record and the callback come here.
func collectStems(data object) (stems []stemflow.SourceStem, originURL string) {
	var fields object
	for _, m := range data {
		if slices.Contains(stemContainers, fold(m.key)) {
			container, _ := parseObject(m.value)
			fields = append(fields, container...)
		}
	}
	stems, originURL = linkedStems(fields)
	for _, m := range fields {
		if fold(m.key) == "origindata" {
			stems = addDetails(stems, stemDetails(m.value))
		}
	}
	slices.SortStableFunc(stems, func(a, b stemflow.SourceStem) int { return stemRank(a.Name) - stemRank(b.Name) })
	numberRepeated(stems)
	return stems, originURL
}

// linkedStems reads the fields like "drums_url" and "drumsUrl". A field given twice counts once:
// the last link in it.
func linkedStems(fields object) (stems []stemflow.SourceStem, originURL string) {
	index := map[string]int{}
	for _, m := range fields {
		name, isLink := linkField(m.key)
		link := text(m.value)
		if !isLink || link == "" {
			continue
		}
		if fold(name) == "origin" {
			originURL = link
			continue
		}
		at, again := index[fold(name)]
		if !again {
			at = len(stems)
			index[fold(name)] = at
			stems = append(stems, stemflow.SourceStem{Name: stemName(name)})
		}
		stems[at].URL = link
	}
	return stems, originURL
}

// linkField gives the name before "Url" or "_url".
func linkField(key string) (name string, ok bool) {
	cut := len(key) - len("url")
	if cut < 0 || !strings.EqualFold(key[cut:], "url") {
		return "", false
	}
	name = strings.Trim(key[:cut], "_")
	return name, name != ""
}

// stemDetail is one item of "originData": what the provider knows of a stem beyond its link.
type stemDetail struct {
	stemflow.SourceStem
	// part is set for the items of split_stem_advanced: these names are final, whatever field has
	// the same link.
	part bool
}

func stemDetails(raw json.RawMessage) []stemDetail {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return nil
	}
	var details []stemDetail
	for _, item := range items {
		fields, _ := parseObject(item)
		extract, isExtract := parseObject(fields.get("extract"))
		remove, isRemove := parseObject(fields.get("remove"))
		if isExtract {
			details = append(details, partDetail(extract, ""))
		}
		if isRemove {
			details = append(details, partDetail(remove, "_removed"))
		}
		if !isExtract && !isRemove {
			details = append(details, stemDetail{SourceStem: detailedStem(fields)})
		}
	}
	return details
}

// partDetail names a part as the contract's ExpectedStems does. Both parts of an extraction carry
// the same group name.
func partDetail(fields object, suffix string) stemDetail {
	stem := detailedStem(fields)
	if slug := naming.Slug(text(fields.get("stem_type_group_name"))); slug != "" {
		stem.Name = slug
	}
	stem.Name += suffix
	return stemDetail{SourceStem: stem, part: true}
}

func detailedStem(fields object) stemflow.SourceStem {
	duration, ok := number(fields.get("duration"))
	if !ok || duration < 0 {
		duration = 0
	}
	return stemflow.SourceStem{
		Name:            stemName(text(fields.get("stem_type_group_name"))),
		URL:             text(fields.get("audio_url")),
		SourceID:        text(fields.get("id")),
		DurationSeconds: duration,
	}
}

// addDetails completes the stems by what the details say. A detail of no known stem is a stem of
// its own if it has a link.
func addDetails(stems []stemflow.SourceStem, details []stemDetail) []stemflow.SourceStem {
	for _, d := range details {
		at := slices.IndexFunc(stems, func(s stemflow.SourceStem) bool {
			return s.URL == d.URL || d.SourceID != "" && (s.SourceID == d.SourceID || fileNameHasID(s.URL, d.SourceID))
		})
		if at < 0 {
			if d.URL != "" {
				stems = append(stems, d.SourceStem)
			}
			continue
		}
		if d.part {
			stems[at].Name = d.Name
		}
		stems[at].SourceID = cmp.Or(stems[at].SourceID, d.SourceID)
		stems[at].DurationSeconds = cmp.Or(stems[at].DurationSeconds, d.DurationSeconds)
	}
	return stems
}

// fileNameHasID reports whether id stands in the file name of a link as a word of its own:
// "<id>_Vocals.mp3".
func fileNameHasID(link, id string) bool {
	if end := strings.IndexAny(link, "?#"); end >= 0 {
		link = link[:end]
	}
	file := link[strings.LastIndexByte(link, '/')+1:]
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
