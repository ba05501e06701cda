package main

import "testing"

func TestPublishedPasswordsGoWithTheSimulatorOnly(t *testing.T) {
	for base, want := range map[string]bool{
		"": false, "https://api.kie.ai": false, "http://10.0.0.1:8090": false, "http://kiesim.example.com": false, "%": false,
		"http://kiesim:8090": true, "http://127.0.0.1:8090": true, "http://localhost:8090": true,
	} {
		if got := withSimulator(base); got != want {
			t.Errorf("%q: %t", base, got)
		}
	}
}
