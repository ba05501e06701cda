package program

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestTerminal(t *testing.T) {
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	defer pty.Close()

	size, is := SizeOfTerminal(pty)
	require.True(t, is)
	require.Equal(t, TerminalSize{Columns: 80, Rows: 24}, size, "one that does not tell its size")

	require.NoError(t, unix.IoctlSetWinsize(int(pty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 132, Row: 43}))
	size, is = SizeOfTerminal(pty)
	require.True(t, is)
	require.Equal(t, TerminalSize{Columns: 132, Rows: 43}, size)
}
