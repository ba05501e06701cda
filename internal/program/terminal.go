package program

import (
	"os"

	"golang.org/x/term"
)

// TerminalSize is a terminal's size in characters.
type TerminalSize struct{ Columns, Rows int }

// SizeOfTerminal returns the size of the terminal that a file is, and whether it is one. A terminal
// that does not report a size counts as one of 80 columns and 24 rows.
func SizeOfTerminal(f *os.File) (TerminalSize, bool) {
	if !term.IsTerminal(int(f.Fd())) {
		return TerminalSize{}, false
	}
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || columns == 0 || rows == 0 {
		return TerminalSize{Columns: 80, Rows: 24}, true
	}
	return TerminalSize{Columns: columns, Rows: rows}, true
}
