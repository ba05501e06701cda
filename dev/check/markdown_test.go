package main

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.*)$`)
	fenced  = regexp.MustCompile("(?ms)^\\s*```.*?^\\s*```$")
	// Of a heading, GitHub keeps letters, digits, hyphens and underscores for its anchor.
	dropped = regexp.MustCompile(`[^\pL\pN _-]`)
)

// anchors are the anchors of a document's headings, as GitHub makes them.
func anchors(document string) map[string]bool {
	found := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(document, ""), -1) {
		anchor := strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(h[1])), ""), " ", "-")
		for name, n := anchor, 1; ; n++ {
			if !found[name] {
				found[name] = true
				break
			}
			name = fmt.Sprintf("%s-%d", anchor, n)
		}
	}
	return found
}

// brokenLinks are the relative links of a document that lead nowhere. name is its path, with
// slashes, and read reads a file or says that it is not there.
func brokenLinks(name, document string, read func(string) (string, error)) (broken []string) {
	for _, match := range link.FindAllStringSubmatch(fenced.ReplaceAllString(document, ""), -1) {
		if strings.Contains(match[1], ":") { // https:, mailto:
			continue
		}
		file, anchor, _ := strings.Cut(match[1], "#")
		target, text := name, document
		if file != "" {
			target = path.Join(path.Dir(name), file)
			var err error
			if text, err = read(target); err != nil {
				broken = append(broken, fmt.Sprintf("%s: %s: there is no %s", name, match[1], target))
				continue
			}
		}
		if anchor != "" && !anchors(text)[anchor] {
			broken = append(broken, fmt.Sprintf("%s: %s: %s has no such heading", name, match[1], target))
		}
	}
	return broken
}

// trackedMarkdown are the Markdown files that git tracks; without git, those of the source tree.
func trackedMarkdown(t *testing.T) (names []string) {
	if out, err := exec.Command("git", "-C", root, "ls-files", "*.md").Output(); err == nil {
		return strings.Fields(string(out))
	}
	require.NoError(t, filepath.WalkDir(root, func(name string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".md"):
			relative, err := filepath.Rel(root, name)
			names = append(names, filepath.ToSlash(relative))
			return err
		}
		return nil
	}))
	return names
}

func TestRelativeLinksInMarkdownLeadSomewhere(t *testing.T) {
	names := trackedMarkdown(t)
	require.Contains(t, names, "README.md")
	read := func(name string) (string, error) {
		name = filepath.Join(root, filepath.FromSlash(name))
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			return "", err
		}
		text, err := os.ReadFile(name)
		return string(text), err
	}
	for _, name := range names {
		document, err := read(name)
		require.NoError(t, err)
		for _, problem := range brokenLinks(name, document, read) {
			t.Error(problem)
		}
	}
}

// The table of packages is what a newcomer to the code reads first.
func TestTheArchitectureNamesEveryInternalPackage(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	require.NoError(t, err)
	folders, err := os.ReadDir(filepath.Join(root, "internal"))
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		require.Contains(t, string(document), "`internal/"+folder.Name()+"`")
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	files := map[string]string{"docs/b.md": "# The `b`, a page\n\n## Twice\n\n## Twice\n\n```sh\n# no heading\n```\n"}
	read := func(name string) (string, error) {
		if text, ok := files[name]; ok {
			return text, nil
		}
		return "", os.ErrNotExist
	}
	for document, broken := range map[string]bool{
		"[b](b.md)":                         false,
		"[b](b.md#the-b-a-page)":            false,
		"[b](b.md#twice-1)":                 false,
		"[b](b.md#twice-2)":                 true,
		"[b](b.md#no-heading)":              true,
		"[c](c.md)":                         true,
		"![c](c.png)":                       true,
		"[b](docs/b.md)":                    true,
		"[outside](https://example.com/#x)": false,
		"# Here\n\n[here](#here)":           false,
		"# Here\n\n[there](#there)":         true,
		"```md\n[c](c.md)\n```":             false,
	} {
		require.Equal(t, broken, len(brokenLinks("docs/a.md", document, read)) > 0, document)
	}
}
