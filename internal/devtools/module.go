package devtools

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ModuleRoot is the directory of this repository: the nearest one above the working directory with
// a tools/go.mod. A test runs in the directory of its package.
func ModuleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		_, err := os.Stat(filepath.Join(dir, "tools", "go.mod"))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("there is no tools/go.mod in %s or above: run this from within the repository", start)
		}
	}
}
