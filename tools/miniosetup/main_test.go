package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestPublishedPasswordsGoWithTheSimulatorOnly(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "internal", "config", "testdata", "providers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var bills map[string]bool
	if err := json.Unmarshal(text, &bills); err != nil {
		t.Fatal(err)
	}
	if len(bills) == 0 {
		t.Fatal("no address")
	}
	for base, want := range bills {
		if got := withSimulator(base); got == want {
			t.Errorf("%q: %t", base, got)
		}
	}
	if !isPublished("minio-root-local ") || isPublished("") {
		t.Error("secrets are not told apart")
	}
}
