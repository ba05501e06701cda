package main

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devservers/serverstest"
)

const object = "key"

func wrote(client int, k kind, o outcome, expects, writes string, call, end int64) operation {
	return operation{
		Client: client, Key: object, Kind: k, Outcome: o, Expects: expects, Writes: writes, Call: call, Return: end,
	}
}

func saw(client int, found string, call, end int64) operation {
	return operation{Client: client, Key: object, Kind: read, Outcome: done, Found: found, Call: call, Return: end}
}

func TestHistoriesAreDecidedAndExplained(t *testing.T) {
	serverstest.SkipIfShort(t)
	decide, err := decider(t.Context(), func(line string) { t.Log(line) })
	require.NoError(t, err)
	for name, c := range map[string]struct {
		history []operation
		// why is empty where the history is linearizable.
		why string
	}{
		"nothing": {nil, ""},
		"one after the other": {[]operation{
			saw(1, "", 0, 1), wrote(1, create, done, "", "a", 2, 3), wrote(2, create, refused, "", "b", 4, 5),
			wrote(2, replace, done, "a", "c", 6, 7), wrote(1, replace, refused, "a", "d", 8, 9), saw(1, "c", 10, 11),
		}, ""},
		"a lost answer to a write that was done": {[]operation{
			wrote(1, create, unknown, "", "a", 0, 1), saw(2, "", 2, 3), saw(2, "a", 4, 5),
		}, ""},
		"a lost answer to a write that was not done": {[]operation{
			wrote(1, create, unknown, "", "a", 0, 1), wrote(2, create, done, "", "b", 2, 3), saw(1, "b", 4, 5),
		}, ""},
		"reads while it is written": {[]operation{
			wrote(1, create, done, "", "a", 0, 10), saw(2, "", 1, 2), saw(3, "a", 3, 4),
		}, ""},
		"two creations": {[]operation{
			wrote(1, create, done, "", "a", 0, 5), wrote(2, create, done, "", "b", 1, 6),
		}, "clients 1 and 2 both created key"},
		"two replacements": {[]operation{
			wrote(1, create, done, "", "a", 0, 1), wrote(1, replace, done, "a", "b", 2, 5),
			wrote(2, replace, done, "a", "c", 3, 6),
		}, "clients 1 and 2 both replaced the same version of key"},
		"an old read": {[]operation{
			wrote(1, create, done, "", "a", 0, 1), wrote(1, replace, done, "a", "b", 2, 3), saw(2, "a", 4, 5),
		}, "client 2 read a version of key after client 1 had replaced it"},
		"a read that finds nothing": {[]operation{
			wrote(1, create, done, "", "a", 0, 1), saw(2, "", 2, 3),
		}, "client 2 did not find key after client 1 had created it"},
		"a read that goes back": {[]operation{
			wrote(1, create, done, "", "a", 0, 10), saw(2, "a", 1, 2), saw(3, "", 3, 4),
		}, "no order"},
		"a refusal without a reason": {[]operation{
			wrote(1, create, done, "", "a", 0, 1), wrote(2, replace, refused, "a", "b", 2, 3), saw(1, "a", 4, 5),
		}, "client 2 was refused to replace a version of key that was the current one"},
		"a write that is lost": {[]operation{
			wrote(1, create, done, "", "a", 0, 1), wrote(2, replace, done, "a", "b", 2, 3),
			wrote(3, replace, unknown, "a", "c", 4, 5), saw(1, "c", 6, 7),
		}, "no order"},
	} {
		d, err := decide(t.Context(), c.history)
		require.NoError(t, err, name)
		if c.why == "" {
			require.Equal(t, decision{Verdict: "linearizable"}, d, name)
			continue
		}
		require.Equal(t, decision{Verdict: "violated", Key: object}, d, name)
		require.Contains(t, explain(c.history, d.Key), c.why, name)
	}
}

// What an object that is written by one at a time answers is linearizable, whatever answers are
// lost and however late they come.
func TestHistoriesOfASoundStoreAreLinearizable(t *testing.T) {
	serverstest.SkipIfShort(t)
	decide, err := decider(t.Context(), func(line string) { t.Log(line) })
	require.NoError(t, err)
	for seed := range uint64(5) {
		chance := rand.New(rand.NewPCG(seed, 0))
		var history []operation
		state, known := "", map[int]string{}
		const operations, clients = 600, 64
		for i := range operations {
			client := chance.IntN(clients)
			at := int64(i) * 10
			// It takes effect at the time, and lasts longer at both ends, but not into the client's
			// own operations before and after.
			o := operation{Client: client, Key: object, Outcome: done, Call: at - chance.Int64N(5), Return: at + 1}
			switch o.Expects = known[client]; {
			case chance.IntN(3) == 0:
				o.Kind, o.Expects, o.Found = read, "", state
				known[client] = state
			case state != o.Expects:
				o.Kind, o.Outcome, o.Writes = replace, refused, fmt.Sprint(i)
			default:
				o.Kind, o.Writes = replace, fmt.Sprint(i)
				state = o.Writes
				known[client] = state
			}
			if o.Kind == replace && o.Expects == "" {
				o.Kind = create
			}
			if o.Kind != read && chance.IntN(5) == 0 {
				o.Outcome = unknown
				delete(known, client)
			}
			history = append(history, o)
		}
		history = append(history, saw(clients, state, operations*10, operations*10+1))
		d, err := decide(t.Context(), history)
		require.NoError(t, err)
		require.Equal(t, decision{Verdict: "linearizable"}, d, "seed %d", seed)
	}
}

// A slow store refuses many writes at a time, each of which may have come about at many times.
func TestHistoriesOfASlowStoreAreDecided(t *testing.T) {
	serverstest.SkipIfShort(t)
	decide, err := decider(t.Context(), func(line string) { t.Log(line) })
	require.NoError(t, err)
	chance := rand.New(rand.NewPCG(1, 0))
	var history []operation
	state, known, until := "", map[int]string{}, map[int]int64{}
	const operations, clients, duration = 700, 64, 640
	for i := range operations {
		client := i % clients
		at := int64(i)*10 + duration
		o := operation{
			Client: client, Key: object, Kind: replace, Outcome: done, Writes: fmt.Sprint(i), Expects: known[client],
			// Not into the client's own operations before and after.
			Call: max(until[client]+1, at-chance.Int64N(duration)), Return: at + 1 + chance.Int64N(duration-2),
		}
		switch {
		case chance.IntN(4) == 0:
			o.Kind, o.Writes, o.Expects, o.Found = read, "", "", state
			known[client] = state
		case o.Expects == "":
			o.Kind = create
			fallthrough
		default:
			if o.Expects != state {
				o.Outcome = refused
				break
			}
			state = o.Writes
			known[client] = state
		}
		until[client] = o.Return
		history = append(history, o)
	}
	history = append(history, saw(clients, state, operations*10+3*duration, operations*10+3*duration+1))
	d, err := decide(t.Context(), history)
	require.NoError(t, err)
	require.Equal(t, decision{Verdict: "linearizable"}, d)
}
