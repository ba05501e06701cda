package callbackbridge_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/callbackbridge"
	"stemflow/internal/kie"
)

// midiBody is the callback of a transcription with so many notes. The id is before the notes, as
// the provider has it, or behind.
func midiBody(notes int, idFirst bool) string {
	list := strings.Repeat(`{"pitch":73,"start":"0.036458333333333336","end":0.18229166666666666,"velocity":1},`, notes)
	instruments := `"state":"complete","instruments":[{"name":"Drums","notes":[` + strings.TrimSuffix(list, ",") + `]}]`
	if idFirst {
		return `{"code":200,"msg":"success","data":{"taskId":"` + taskID + `",` + instruments + `}}`
	}
	return `{"code":200,"msg":"success","data":{` + instruments + `,"taskId":"` + taskID + `"}}`
}

// Notes travel by the record: a signal has the id and how the transcription ended, however large
// the callback is.
func TestNotesNeverTravelInASignal(t *testing.T) {
	for name, notes := range map[string]int{"none": 0, "some": 100, "more than are read whole": 10_000, "a lot": 60_000} {
		t.Run(name, func(t *testing.T) {
			b := start(t, func(cfg *callbackbridge.Config) { cfg.HMACKeys = []string{hmacKey} })
			timestamp, signature := kie.Sign(hmacKey, taskID, time.Now())
			header := map[string]string{
				"Content-Type": "application/json", kie.HeaderTimestamp: timestamp, kie.HeaderSignature: signature,
			}
			response, _ := b.do(t, http.MethodPost, "/callbacks/"+b.good, midiBody(notes, true), header)
			require.Equal(t, http.StatusOK, response.StatusCode)
			require.Len(t, b.signaler.sent, 1)
			require.Equal(t, stemflow.Callback{TaskID: taskID, Code: 200, Message: "success"}, b.signaler.sent[0].Callback)

			response, _ = b.do(t, http.MethodPost, "/callbacks/"+b.good, midiBody(notes, true), isJSON)
			require.Equal(t, http.StatusUnauthorized, response.StatusCode, "the signature is demanded of a large one, too")
		})
	}
}

// What does not name its task before its notes, and is too large to be read whole, is refused:
// polling finds it.
func TestALargeCallbackWithoutAnIDIsRefused(t *testing.T) {
	b := start(t, nil)
	response, _ := b.do(t, http.MethodPost, "/callbacks/"+b.good, midiBody(10_000, false), isJSON)
	require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
	require.Empty(t, b.signaler.sent)
	response, _ = b.do(t, http.MethodPost, "/callbacks/"+b.good, midiBody(100, false), isJSON)
	require.Equal(t, http.StatusOK, response.StatusCode)
}
