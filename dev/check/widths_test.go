package main

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

var (
	words = strings.Repeat("word ", 25)
	fits  = strings.Repeat("word ", 20)
	url   = "https://example.com/" + strings.Repeat("a", 100)
)

func TestProseThatIsTooWide(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		lines   []int
	}{
		"short":                      {fits + "\n", nil},
		"prose":                      {"a\n\n" + words + "\n", []int{3}},
		"by one column":              {fits + "x\n", []int{1}},
		"runes, not bytes":           {strings.Repeat("wörd ", 20) + "\n", nil},
		"no newline at the end":      {words, []int{1}},
		"carriage returns":           {strings.TrimSpace(fits) + "\r\n", nil},
		"list":                       {"- " + words + "\n", []int{1}},
		"quotation":                  {"> " + words + "\n", []int{1}},
		"link in prose":              {"see [the page](" + url + ")\n", []int{1}},
		"link alone":                 {"[page](" + url + ")\n", nil},
		"link alone in a list":       {"  1. [page](" + url + ")\n", nil},
		"target of a link":           {"[the page]: " + url + "\n", nil},
		"heading":                    {"# " + words + "\n", nil},
		"table":                      {"| " + words + "|\n", nil},
		"code":                       {"```sh\n" + words + "\n```\n" + words, []int{4}},
		"code in a list":             {"- ```\n  " + words + "\n  ```\n" + words, []int{4}},
		"a fence inside longer ones": {"````\n```\n" + words + "\n````\n" + words, []int{5}},
		"another fence inside":       {"~~~\n```\n" + words + "\n~~~\n" + words, []int{5}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.lines, lineNumbers(markdownWidths("a.md", c.content)))
		})
	}
}

func TestCommentsThatAreTooWide(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		lines   []int
	}{
		"comment":             {"// " + words + "\npackage a\n", []int{1}},
		"short":               {"// " + fits[:95] + "\npackage a\n", nil},
		"tabs":                {"package a\n\nfunc f() {\n\t// " + strings.TrimSpace(fits) + "\n}\n", []int{4}},
		"one word":            {"// " + url + "\npackage a\n", nil},
		"example":             {"// Run\n//\n//\t" + words + "\npackage a\n", nil},
		"directive":           {"package a\n\n//go:generate " + words + "\n", nil},
		"suppression":         {"package a\n\n//nolint:errcheck // " + words + "\n", nil},
		"code":                {"package a\n\nvar a = `\n// " + words + "`\n", nil},
		"after code":          {"package a // " + words + "\n", nil},
		"comment of lines":    {"/*\n" + words + "\n*/\npackage a\n", []int{2}},
		"starred, in a block": {"/* a\n * " + words + "*/\npackage a\n", []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := commentWidths("a.go", []byte(c.content))
			require.NoError(t, err)
			require.Equal(t, c.lines, lineNumbers(found))
		})
	}
}

func lineNumbers(found []tooWide) (numbers []int) {
	for _, t := range found {
		numbers = append(numbers, t.line)
	}
	return numbers
}

func TestEveryFolderIsSearched(t *testing.T) {
	file := &fstest.MapFile{Data: []byte(words)}
	found, err := widthsIn(fstest.MapFS{
		"a.md": file, "docs/deep/b.md": file, "x/node_modules/g.md": file, ".github/c.md": file, ".git/d.md": file, "e.txt": file,
		"f.go": {Data: []byte("// " + words + "\npackage f")},
	})
	require.NoError(t, err)
	var said []string
	for _, t := range found {
		said = append(said, t.String())
	}
	require.ElementsMatch(t, []string{
		"a.md:1: 125 columns, of at most 100", "docs/deep/b.md:1: 125 columns, of at most 100",
		".github/c.md:1: 125 columns, of at most 100", "f.go:1: 128 columns, of at most 100",
	}, said)
}
