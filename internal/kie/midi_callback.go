package kie

import (
	"bytes"
	"encoding/json"
	"strings"
)

// ReadMIDICallback reads the callback of a transcription that is too large to be read whole, from
// its beginning. It reads to where the notes begin: what it is about and how it ended stand before
// them in the provider's callbacks. It reports false where this is no such callback, or where the
// task is not named before the notes.
func ReadMIDICallback(beginning []byte) (CallbackBody, bool) {
	decoder := json.NewDecoder(bytes.NewReader(beginning))
	decoder.UseNumber()
	said := callbackHead{}
	if !said.object(decoder, 0) {
		return CallbackBody{}, false
	}
	envelope, err := json.Marshal(said.envelope())
	if err != nil {
		return CallbackBody{}, false
	}
	body, err := ReadCallback(envelope)
	return body, err == nil
}

// callbackHead is what a callback says before its notes.
type callbackHead struct {
	// top and data are the members that were read of the callback and of its data.
	top, data map[string]any
}

// headMembers are those that are read, folded.
const headMembers = " code msg taskid state "

// object reads an object, and reports whether it came to the notes.
func (h *callbackHead) object(decoder *json.Decoder, level int) (notes bool) {
	if level == 0 {
		if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
			return false
		}
		h.top, h.data = map[string]any{}, map[string]any{}
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return false
		}
		name, _ := key.(string)
		folded := fold(name[:min(len(name), maxKey)])
		value, err := decoder.Token()
		if err != nil {
			return false
		}
		switch begin, nested := value.(json.Delim); {
		case nested && begin == '[':
			return level == 1 && folded == "instruments"
		case nested && (level > 0 || folded != "data"):
			return false
		case nested:
			return h.object(decoder, 1)
		case !strings.Contains(headMembers, " "+folded+" "):
		case level == 0:
			h.top[name] = value
		default:
			h.data[name] = value
		}
	}
	return false
}

func (h *callbackHead) envelope() map[string]any {
	h.top["data"] = h.data
	return h.top
}
