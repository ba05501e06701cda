//go:build unix

package terminal

import (
	"os"

	"golang.org/x/sys/unix"
)

// SizeOf is the size of the terminal that a file is; false if it is none.
func SizeOf(f *os.File) (Size, bool) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return Size{}, false
	}
	if size.Col == 0 || size.Row == 0 {
		return fallback, true
	}
	return Size{Columns: int(size.Col), Rows: int(size.Row)}, true
}
