// Package simulation runs the product's own workflow, activities, ledger and bridge over a store
// and a provider in memory, with faults that a seed draws, and reconciles what came of it. It has
// tests only:
//
//	go test ./internal/simulation                                                    some hundred seeds
//	go test -v ./internal/simulation -run TestSimulation -seeds 20000 -from 1        the long search
//	go test -v ./internal/simulation -run TestSimulation -seeds 1 -from 57 -steps    one seed, step by step
//
// Everything that touches the world is a step. Steps are taken one at a time, each once all
// goroutines have come to rest, and the seed says whose is next; time is the bubble's of
// testing/synctest and passes only while nobody has a step to take. So a seed replays exactly,
// however the machine schedules it.
package simulation
