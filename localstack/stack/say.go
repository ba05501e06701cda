package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// notes are what there is to say of a part of the stack. Parts that start side by side are reported
// one after the other.
type notes struct{ lines []string }

// say adds one line about what runs, with a note where there is one.
func (n *notes) say(what, where, note string) {
	line := fmt.Sprintf("  %-16s %-28s %s", what, where, note)
	n.lines = append(n.lines, strings.TrimRight(line, " "))
}

func (n *notes) print() {
	for _, line := range n.lines {
		fmt.Println(line)
	}
}

// tell says what happens meanwhile.
func tell(line string) { fmt.Println("localstack: " + line) }

// short is a path as a person in the working directory would type it.
func short(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	relative, err := filepath.Rel(dir, path)
	if err != nil || !filepath.IsLocal(relative) {
		return path
	}
	return relative
}
