package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryCommandHasAManualPage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	code, stdout, stderr := starter(t, "", nil, "man", "--out", dir)
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, " pages to "+dir)
	for _, cmd := range allCommands() {
		text, err := os.ReadFile(filepath.Join(dir, manName(cmd)+".1"))
		require.NoError(t, err)
		page := string(text)
		require.True(t, strings.HasPrefix(page, `.TH "`+strings.ToUpper(manName(cmd))+`" 1 `), page)
		for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "SEE ALSO"} {
			require.Contains(t, page, "\n.SH "+section+"\n", manName(cmd))
		}
		require.NotContains(t, page, "starter", "it is about what is installed")
		for line := range strings.Lines(page) {
			require.False(t, strings.HasPrefix(line, "'"), line)
		}
	}
	main, err := os.ReadFile(filepath.Join(dir, "stemflow.1"))
	require.NoError(t, err)
	require.Contains(t, string(main), "  130  interrupted")
}

func TestRoffKeepsWhatItPrints(t *testing.T) {
	require.Equal(t, "a\n\\&.b\n\\&'c\n\\e \\-\\-out", roff("a\n.b\n'c\n\\ --out"))
}
