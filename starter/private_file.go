package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// writePrivate writes a file that nobody else may read, whatever stands there: in place of a file
// with another mode or of a symbolic link comes a new file, and what the link leads to stays as it
// is. It is there as a whole or not at all. To what is no file, like a pipe or /dev/stdout, it
// writes.
func writePrivate(name string, data []byte) (err error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return fmt.Errorf("%s is a directory", name)
		}
		return os.WriteFile(name, data, 0o600)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(name), ".listen-*") // of mode 0600
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		failed.Path = name // the name that the person gave
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}
