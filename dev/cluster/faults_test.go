package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTargetsAreOneOfEachKindToKillAndToFreeze(t *testing.T) {
	members := []*member{
		{kind: "PostgreSQL", name: "postgres"}, {kind: "worker", name: "worker-1"}, {kind: "worker", name: "worker-2"},
	}
	var got []string
	for _, target := range targets(members) {
		got = append(got, target.what+" "+target.member.name)
	}
	require.Equal(t, []string{"killed postgres", "killed worker-1", "frozen postgres", "frozen worker-2"}, got,
		"where there are two of a kind, the other one is frozen")
}

func TestFaultsComeWhileThereIsMuchToDo(t *testing.T) {
	for tracks := 2; tracks <= 2*fullProof; tracks++ {
		at := moments(tracks, 18)
		require.NotEmpty(t, at)
		require.True(t, slices.IsSorted(at))
		require.LessOrEqual(t, at[len(at)-1], tracks*3/4)
		if tracks >= fullProof {
			require.Len(t, at, 18, "a full proof has time for all")
		}
	}
	require.Len(t, moments(30, 18), 1)
}
