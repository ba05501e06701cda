package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// announce says what takes long.
func announce(line string) { fmt.Println(line) }

// say prints one line of what runs, with a note where there is one.
func say(what, where, note string) {
	line := fmt.Sprintf("  %-16s %-28s %s", what, where, note)
	fmt.Println(strings.TrimRight(line, " "))
}

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
