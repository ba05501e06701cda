package kie

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"stemflow/internal/naming"
)

// State is where a separation stands.
type State string

const (
	// Pending: not done, or in a state that nobody knows.
	Pending State = "pending"
	// Succeeded: done; the stems may still be without links for a moment.
	Succeeded State = "succeeded"
	// Failed: failed for good.
	Failed State = "failed"
	// CallbackException: the provider could not deliver its callback. Nothing is said of the audio:
	// there are stems or there are not.
	CallbackException State = "callback_exception"
)

// states are the provider's words for them, of this service and of its siblings, spelt as
// [naming.Slug] does.
var states = map[string]State{
	"pending": Pending, "waiting": Pending, "queuing": Pending, "queued": Pending, "generating": Pending,
	"processing": Pending, "running": Pending, "text_success": Pending, "first_success": Pending,
	"success": Succeeded, "succeeded": Succeeded, "successful": Succeeded, "complete": Succeeded,
	"completed": Succeeded, "finished": Succeeded, "done": Succeeded,
	"callback_exception": CallbackException,
}

// stateNumbers are what the sibling services write for them: two of them are failures.
var stateNumbers = []State{Pending, Succeeded, Failed, Failed}

// statement is what a record says of its state.
type statement struct {
	State
	// word is the provider's own, printable; empty: nothing is said.
	word string
	// known is false for a word that nobody knows.
	known bool
}

// stateOf reads a state from the members that may say it, the first that says one that is known.
// Where none does, it is Pending: a failure makes the next run pay again, so only what evidently
// says it is one.
func stateOf(members ...json.RawMessage) statement {
	said := statement{State: Pending}
	for _, raw := range members {
		word := stateWord(raw)
		if word == "" {
			continue
		}
		if state, ok := knownState(raw, word); ok {
			return statement{State: state, word: printable(word), known: true}
		}
		said.word = cmp.Or(said.word, printable(word))
	}
	return said
}

// stateWord is a state as the provider writes it: a word, a number, or true and false.
func stateWord(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" || raw[0] == '{' || raw[0] == '[' {
		return ""
	}
	if raw[0] == '"' {
		return text(raw)
	}
	return string(raw)
}

func knownState(raw json.RawMessage, word string) (State, bool) {
	if n, ok := integer(raw); ok {
		if n < 0 || n >= len(stateNumbers) {
			return Pending, false
		}
		return stateNumbers[n], true
	}
	if word == "true" {
		return Succeeded, true
	}
	slug := naming.Slug(splitCamel(word[:min(len(word), maxMessage)]))
	if state, ok := states[slug]; ok {
		return state, true
	}
	words := strings.Split(slug, "_")
	has := func(wanted ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(wanted, word) })
	}
	switch {
	case !has("fail", "failed", "failure") && words[len(words)-1] != "error" &&
		!strings.Contains(word, "失败") && !strings.Contains(word, "失敗"):
		return Pending, false
	case has("not", "no", "non", "never", "without", "retry", "retrying", "retried", "partial", "partially"):
		return Pending, false
	case has("callback", "webhook", "notify", "notification"):
		return CallbackException, true
	default:
		return Failed, true
	}
}
