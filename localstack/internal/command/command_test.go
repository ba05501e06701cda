package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for args, want := range map[string]Line{
		"":                          {},
		"demo":                      {Demo: true},
		"demo --kill-worker":        {Demo: true, KillWorker: true},
		"-kill-worker demo":         {Demo: true, KillWorker: true},
		"--provider kie":            {RealProvider: true},
		"-provider=kie":             {RealProvider: true},
		"--provider kie --check":    {RealProvider: true, Check: true},
		"help":                      {Help: true},
		"-h":                        {Help: true},
		"--help":                    {Help: true},
		"demo --help":               {Help: true},
		"demo --check -kill-worker": {Demo: true, KillWorker: true, Check: true},
	} {
		line, err := Parse(strings.Fields(args))
		require.NoError(t, err, args)
		require.Equal(t, want, line, args)
	}
}

func TestParseRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"demonstrate":         `"demonstrate" is not understood`,
		"demo twice":          `"twice" is not understood`,
		"--kill-worker":       "--kill-worker goes with demo",
		"--provider other":    `--provider "other": kie is the only one`,
		"--provider kie demo": "would bill it",
		"--provider":          "flag needs an argument",
		"--kill-bridge demo":  "flag provided but not defined",
	} {
		_, err := Parse(strings.Fields(args))
		require.ErrorContains(t, err, want, args)
	}
}
