//go:build !unix

package terminal

import "os"

// SizeOf is the size of the terminal that a file is; false if it is none.
func SizeOf(f *os.File) (Size, bool) {
	info, err := f.Stat()
	return fallback, err == nil && info.Mode()&os.ModeCharDevice != 0
}
