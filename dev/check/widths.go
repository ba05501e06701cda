package main

import (
	"context"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	// proseWidth is how many columns a line of Markdown prose, or of a Go comment, may take. How
	// wide code may be is in .golangci.yml.
	proseWidth = 100
	tabWidth   = 4
)

// tooWide is a line of prose that can be broken so that it fits.
type tooWide struct {
	file        string
	line, width int
}

func (t tooWide) String() string {
	return fmt.Sprintf("%s:%d: %d columns, of at most %d", t.file, t.line, t.width, proseWidth)
}

// widths lists the lines of prose that are too wide, in Markdown and in the comments of Go files.
func widths(_ context.Context, out io.Writer) error {
	found, err := widthsIn(os.DirFS("."))
	if err != nil {
		return err
	}
	files := map[string]bool{}
	for _, t := range found {
		fmt.Fprintln(out, t)
		files[t.file] = true
	}
	if len(found) > 0 {
		return fmt.Errorf("break %d lines, in %d files", len(found), len(files))
	}
	return nil
}

func widthsIn(root fs.FS) ([]tooWide, error) {
	var found []tooWide
	err := fs.WalkDir(root, ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && len(file) > 1 && strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".github":
			return fs.SkipDir // history and local state
		case entry.IsDir() && entry.Name() == "node_modules":
			return fs.SkipDir
		case entry.IsDir() || path.Ext(file) != ".md" && path.Ext(file) != ".go":
			return nil
		}
		content, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		if path.Ext(file) == ".md" {
			found = append(found, markdownWidths(file, string(content))...)
			return nil
		}
		inComments, err := commentWidths(file, content)
		found = append(found, inComments...)
		return err
	})
	return found, err
}

var (
	fence = regexp.MustCompile("^\\s*(?:> ?)*(?:[-*+] +|\\d+[.)] +)?(`{3,}|~{3,})")
	// marker is what begins a line of a list or of a quotation, with its indentation.
	marker = regexp.MustCompile(`^\s*(?:> ?)*(?:[-*+] +|\d+[.)] +)?`)
	// unbroken are tables, headings and targets of links, which Markdown has on one line each.
	unbroken = regexp.MustCompile(`^\s*(?:> ?)*(?:\||#|\[[^\]]+\]: )`)
)

// markdownWidths leaves out code blocks, tables, headings, and lines of a single word, as links
// are.
func markdownWidths(file, content string) []tooWide {
	var found []tooWide
	inside := "" // the fence of the code block
	line := 0
	for text := range strings.Lines(content) {
		line++
		text = strings.TrimRight(text, "\r\n")
		if m := fence.FindStringSubmatch(text); m != nil {
			switch {
			case inside == "":
				inside = m[1]
			case strings.HasPrefix(m[1], inside):
				inside = ""
			}
			continue
		}
		if inside != "" || unbroken.MatchString(text) {
			continue
		}
		if canBreak(text, len(marker.FindString(text))) {
			found = append(found, tooWide{file, line, columns(text)})
		}
	}
	return found
}

// commentWidths leaves out directives, examples of code, lines of a single word, and comments that
// follow code: how wide those lines may be is the linter's to say.
func commentWidths(file string, content []byte) ([]tooWide, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(content), "\n")
	var found []tooWide
	for _, group := range parsed.Comments {
		for _, comment := range group.List {
			at := files.Position(comment.Pos())
			for i := range strings.Split(comment.Text, "\n") {
				number := at.Line + i
				text := strings.TrimRight(lines[number-1], "\r")
				if i == 0 && strings.TrimSpace(text[:at.Column-1]) != "" {
					continue
				}
				prefix := commentPrefix.FindString(text)
				if strings.HasPrefix(text[len(prefix):], "\t") || directive.MatchString(text) {
					continue
				}
				if canBreak(text, len(prefix)) {
					found = append(found, tooWide{file, number, columns(text)})
				}
			}
		}
	}
	return found, nil
}

var (
	commentPrefix = regexp.MustCompile(`^\s*(?:// ?|/\* ?)?(?:[-*+] +|\d+[.)] +)?`)
	directive     = regexp.MustCompile(`^\s*//[a-z0-9]+:\S|^\s*//nolint`)
)

// canBreak reports whether a line is too wide and has more than one word after its first bytes.
func canBreak(text string, first int) bool {
	return columns(text) > proseWidth && strings.ContainsAny(strings.TrimSpace(text[first:]), " \t")
}

func columns(text string) int {
	tabs := strings.Count(text, "\t")
	return utf8.RuneCountInString(text) + tabs*(tabWidth-1)
}
