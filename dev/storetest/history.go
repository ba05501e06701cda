package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"slices"

	"stemflow/internal/devtools"
)

// operation is what one writer did with one object, in the form that tools/linearizable reads. Each
// version is written once.
type operation struct {
	Client  int     `json:"client"`
	Key     string  `json:"key"`
	Kind    kind    `json:"kind"`
	Outcome outcome `json:"outcome"`
	// Writes is the version that was written, Expects the one that was to be replaced, and Found
	// the one that was read; empty is no object.
	Writes  string `json:"writes,omitempty"`
	Expects string `json:"expects,omitempty"`
	Found   string `json:"found,omitempty"`
	// Call and Return are nanoseconds since the writers began.
	Call   int64 `json:"call"`
	Return int64 `json:"return"`
}

type (
	kind    string
	outcome string
)

const (
	create  kind = "create"
	replace kind = "replace"
	read    kind = "read"

	done    outcome = "done"
	refused outcome = "refused"
	unknown outcome = "unknown"
	// proved is that of a refusal that the bounds of a write stand for.
	proved outcome = "proved"
)

// decision is the answer of tools/linearizable.
type decision struct {
	Verdict string `json:"verdict"`
	Key     string `json:"key"`
}

// decider builds tools/linearizable, a program of its own so that porcupine is no requirement of
// the product.
func decider(
	ctx context.Context, announce func(string),
) (func(context.Context, []operation) (decision, error), error) {
	path, err := devtools.FindTool(ctx, "linearizable", announce)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, history []operation) (d decision, err error) {
		text, err := json.Marshal(settle(prune(history)))
		if err != nil {
			return d, err
		}
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(path)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), &stdout, &stderr
		if err := devtools.Run(ctx, cmd); err != nil {
			return d, fmt.Errorf("decide whether a history is linearizable: %w: %s", err, stderr.Bytes())
		}
		return d, json.Unmarshal(stdout.Bytes(), &d)
	}, nil
}

// prune leaves out the writes of unknown outcome that nobody has seen. A write that takes effect is
// seen by whoever replaces it, or by the last read of its object. So the others never did, or
// change no answer, and to place them anywhere is what would take a decision for ever.
func prune(history []operation) []operation {
	seen := map[string]bool{}
	for _, o := range history {
		seen[o.Found], seen[o.Expects] = true, true
	}
	return slices.DeleteFunc(slices.Clone(history), func(o operation) bool {
		return o.Outcome == unknown && !seen[o.Writes]
	})
}

// version is a version of an object. That there is none is one too, which never comes back.
type version struct{ key, name string }

// settle replaces refusals by what they prove. A writer knows the version that it is refused to
// replace, so another write has replaced that before the refusal came. A slow store refuses
// hundreds of writes at a time, and to place each of them would take a decision for ever.
func settle(history []operation) []operation {
	history = slices.Clone(history)
	// since is when a version was surely there.
	since := map[version]int64{}
	for _, o := range history {
		since[version{o.Key, ""}] = math.MinInt64
		if o.Outcome != done {
			continue
		}
		of := version{o.Key, o.Writes + o.Found}
		if before, known := since[of]; !known || o.Return < before {
			since[of] = o.Return
		}
	}
	replacing := map[version][]*operation{}
	for i := range history {
		o := &history[i]
		if _, done := since[version{o.Key, o.Writes}]; done && o.Kind != read && o.Outcome != refused {
			of := version{o.Key, o.Expects}
			replacing[of] = append(replacing[of], o)
		}
	}
	for i := range history {
		o := &history[i]
		of := version{o.Key, o.Expects}
		known, ok := since[of]
		by := replacing[of]
		if o.Outcome != refused || !ok || known > o.Call || len(by) != 1 || by[0].Call >= o.Return {
			continue
		}
		if by[0].Outcome == unknown {
			by[0].Outcome, by[0].Return = done, math.MaxInt64
		}
		by[0].Return, o.Outcome = min(by[0].Return, o.Return), proved
	}
	return slices.DeleteFunc(history, func(o operation) bool { return o.Outcome == proved })
}

// explain names what is wrong with a history that is not linearizable, for the simple ways in which
// stores go wrong.
func explain(history []operation, key string) string {
	history = slices.DeleteFunc(slices.Clone(history), func(o operation) bool { return o.Key != key })
	slices.SortFunc(history, func(a, b operation) int { return cmp.Compare(a.Call, b.Call) })
	writtenBy, replacedBy := map[string]operation{}, map[string]operation{}
	for _, o := range history {
		if o.Kind == read || o.Outcome != done {
			continue
		}
		if other, twice := replacedBy[o.Expects]; twice {
			if o.Kind == create {
				return fmt.Sprintf("clients %d and %d both created %s", other.Client, o.Client, key)
			}
			return fmt.Sprintf("clients %d and %d both replaced the same version of %s",
				other.Client, o.Client, key)
		}
		replacedBy[o.Expects], writtenBy[o.Writes] = o, o
	}
	for _, o := range history {
		if o.Outcome == refused && o.Kind == replace {
			_, confirmed := writtenBy[o.Expects]
			_, replaced := replacedBy[o.Expects]
			if confirmed && !replaced && !everReplaced(history, o.Expects) {
				return fmt.Sprintf("client %d was refused to replace a version of %s that was the current one",
					o.Client, key)
			}
		}
		if o.Kind != read {
			continue
		}
		if by, ok := replacedBy[o.Found]; ok && by.Return < o.Call {
			if o.Found == "" {
				return fmt.Sprintf("client %d did not find %s after client %d had created it",
					o.Client, key, by.Client)
			}
			return fmt.Sprintf("client %d read a version of %s after client %d had replaced it",
				o.Client, key, by.Client)
		}
	}
	return fmt.Sprintf("no order of what was done with %s explains all answers: a write that was confirmed is "+
		"lost, or a read was old", key)
}

func everReplaced(history []operation, version string) bool {
	return slices.ContainsFunc(history, func(o operation) bool {
		return o.Kind == replace && o.Outcome == unknown && o.Expects == version
	})
}
