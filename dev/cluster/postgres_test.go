package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPostgresVersion(t *testing.T) {
	for output, want := range map[string]int{
		"postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 18beta1\n":                        18,
		"postgres (PostgreSQL) 9.6.24\n":                         9,
		"something else":                                         0,
	} {
		require.Equal(t, want, postgresVersion(output), output)
	}
}

func TestChildrenOfAProcess(t *testing.T) {
	const list = "    1     0\n  200     1\n  201   200\n  202   200\n  203   201\n\nno numbers\n"
	require.Equal(t, []int{201, 202}, childrenOf(200, list))
	require.Empty(t, childrenOf(203, list))
}
