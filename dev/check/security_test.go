package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

var (
	namedTest    = regexp.MustCompile("(?:`([a-z][a-z/]*)` )?`((?:Test|Fuzz|Benchmark)[A-Z]\\w*)`")
	declaredTest = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w*)\(`)
	comma        = regexp.MustCompile(`^,\s+$`)
	namedFile    = regexp.MustCompile("`([a-z_]+_test\\.go)`")
)

// testsOf are the folders in which each test of a tree is, by its name; those of files are there by
// the file's name.
func testsOf(tree fs.FS) (map[string][]string, error) {
	found := map[string][]string{}
	err := fs.WalkDir(tree, ".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(tree, file)
		if err != nil {
			return err
		}
		found[path.Base(file)] = append(found[path.Base(file)], path.Dir(file))
		for _, name := range declaredTest.FindAllStringSubmatch(string(text), -1) {
			found[name[1]] = append(found[name[1]], path.Dir(file))
		}
		return nil
	})
	return found, err
}

// untested lists what a document calls a test and a tree does not have. A folder that is named
// right before the test must have it, and all tests that follow it in a list with commas.
func untested(document string, tests map[string][]string) (problems []string) {
	for _, name := range namedFile.FindAllStringSubmatch(document, -1) {
		if len(tests[name[1]]) == 0 {
			problems = append(problems, name[1]+" is in no folder")
		}
	}
	folder, end := "", 0
	for _, at := range namedTest.FindAllStringSubmatchIndex(document, -1) {
		test := document[at[4]:at[5]]
		switch {
		case at[2] >= 0:
			folder = document[at[2]:at[3]]
		case !comma.MatchString(document[end:at[0]]):
			folder = ""
		}
		end = at[1]
		there := len(tests[test]) > 0
		if folder != "" {
			there = false
			for _, has := range tests[test] {
				there = there || has == folder
			}
		}
		if !there {
			problems = append(problems, fmt.Sprintf("%s is not in %q, but in %q", test, folder, tests[test]))
		}
	}
	return problems
}

func TestDocumentsNameTestsThatAreThere(t *testing.T) {
	tests, err := testsOf(os.DirFS(root))
	require.NoError(t, err)
	require.NotEmpty(t, tests)
	for _, document := range []string{"SECURITY.md", "docs/faults.md", "docs/architecture.md"} {
		text, err := os.ReadFile(root + "/" + document)
		require.NoError(t, err)
		require.Empty(t, untested(string(text), tests), document)
	}
}

func TestTestsThatAreNotThereAreFound(t *testing.T) {
	tests, err := testsOf(fstest.MapFS{
		"a/b/b_test.go": {Data: []byte("package b\n\nfunc TestHere(t *testing.T) {}\nfunc FuzzHere(f *testing.F) {}")},
		"a/b/b.go":      {Data: []byte("package b\n\nfunc TestNot(t *testing.T) {}\n")},
	})
	require.NoError(t, err)
	for document, problems := range map[string]int{
		"`TestHere`, `FuzzHere` (integration)": 0,
		"`a/b` `TestHere`":                     0,
		"`a` `TestHere`":                       1,
		"`TestGone`":                           1,
		"`a/b` `TestHere`, `FuzzHere`":         0,
		"`a/b` `TestHere`,\n`FuzzHere`":        0,
		"`a` `TestHere`, `FuzzHere`":           2,
		"`a` `TestHere`; `FuzzHere`":           1,
		"`a` `TestHere`, or `FuzzHere`":        1,
		"`TestNot`":                            1,
		"`Testing` is a word":                  0,
		"`b_test.go`, `gone_test.go`":          1,
	} {
		require.Len(t, untested(document, tests), problems, document)
	}
}
