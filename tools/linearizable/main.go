// Command linearizable reads what clients of an object store did, as JSON on standard input, and
// decides with porcupine whether it is linearizable: whether the operations can be put into one
// order, each between its call and its return, in which every answer is the right one.
//
// It is a part of dev/storetest, which records the operations.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// limit is for one key. Histories that are linearizable take milliseconds; to rule out every order
// may take for ever.
const limit = 30 * time.Second

// operation is what one client did with one object. A version is the name of what was written once
// and never again.
type operation struct {
	Client int    `json:"client"`
	Key    string `json:"key"`
	// Kind is create, replace or read.
	Kind string `json:"kind"`
	// Outcome is done, refused (the condition did not hold), or unknown.
	Outcome string `json:"outcome"`
	// Writes is the version that was written, Expects the one that was to be replaced, and Found
	// the one that was read; empty is no object.
	Writes  string `json:"writes,omitempty"`
	Expects string `json:"expects,omitempty"`
	Found   string `json:"found,omitempty"`
	// Call and Return are times by one clock. An operation whose outcome is unknown may take effect
	// at any time after its call.
	Call   int64 `json:"call"`
	Return int64 `json:"return"`
}

// answer is what is printed.
type answer struct {
	// Verdict is linearizable, violated or undecided.
	Verdict string `json:"verdict"`
	// Key is the first one that is not linearizable.
	Key string `json:"key,omitempty"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "linearizable:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var history []operation
	if err := json.NewDecoder(in).Decode(&history); err != nil {
		return fmt.Errorf("read the history: %w", err)
	}
	keys := map[string][]porcupine.Operation{}
	for _, o := range history {
		if err := o.check(); err != nil {
			return err
		}
		end := o.Return
		if o.Outcome == "unknown" {
			end = math.MaxInt64
		}
		keys[o.Key] = append(keys[o.Key], porcupine.Operation{
			ClientId: o.Client, Input: o, Output: o, Call: o.Call, Return: end,
		})
	}
	a := answer{Verdict: "linearizable"}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		switch porcupine.CheckOperationsTimeout(object, keys[key], limit) {
		case porcupine.Illegal:
			return json.NewEncoder(out).Encode(answer{Verdict: "violated", Key: key})
		case porcupine.Unknown:
			a = answer{Verdict: "undecided", Key: cmp.Or(a.Key, key)}
		}
	}
	return json.NewEncoder(out).Encode(a)
}

func (o operation) check() error {
	if !slices.Contains([]string{"create", "replace", "read"}, o.Kind) ||
		!slices.Contains([]string{"done", "refused", "unknown"}, o.Outcome) {
		return fmt.Errorf("the history has %q with the outcome %q, which no operation has", o.Kind, o.Outcome)
	}
	if o.Call >= o.Return && o.Outcome != "unknown" {
		return errors.New("the history has an operation that returns before its call")
	}
	return nil
}

// object is an object that is written under conditions. Its state is its version.
var object = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, _ any) (bool, any) {
		version, o := state.(string), input.(operation)
		if o.Kind == "read" {
			return version == o.Found, version
		}
		holds := version == o.Expects // a create expects that there is no object
		switch {
		case o.Outcome == "refused":
			return !holds, version
		case holds:
			return true, o.Writes
		default:
			return o.Outcome == "unknown", version
		}
	},
}
