package kie

import (
	"slices"

	"stemflow"
)

// announcedStems are the names that the record has without a link and that the documents do not
// know. Those that they do know have a field in every record, whatever the separation is of.
func announcedStems(data object, linked []stemflow.SourceStem) []string {
	var names []string
	announce := func(name string) {
		has := slices.ContainsFunc(linked, func(s stemflow.SourceStem) bool { return s.Name == name })
		if !has && stemRank(name) == len(stemOrder) && name != "origin" && name != "stem" &&
			!slices.Contains(names, name) && len(names) < stemflow.MaxStems {
			names = append(names, name)
		}
	}
	for _, m := range data {
		if !slices.Contains(stemContainers, fold(m.key)) {
			continue
		}
		fields, _ := parseObject(m.value)
		for _, field := range fields {
			if name, isLink := linkField(field.key); isLink && text(field.value) == "" {
				announce(stemName(name))
			}
			if fold(field.key) != "origindata" {
				continue
			}
			for _, detail := range stemDetails(field.value) {
				if detail.URL == "" {
					announce(detail.Name)
				}
			}
		}
	}
	return names
}
