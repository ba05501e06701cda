package program

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer file.Close()
	_, is := SizeOfTerminal(file)
	require.False(t, is)

	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	defer write.Close()
	_, is = SizeOfTerminal(write)
	require.False(t, is)
}
