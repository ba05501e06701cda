package kie

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// An answer to the paid call that names a task of its own is no refusal, whatever its code is: the
// task may have been made, and to call again would pay for another. One that only repeats what was
// asked for is.
func TestAnAnswerThatNamesATaskIsNoRefusal(t *testing.T) {
	for _, data := range []string{
		`{"taskId":"5e9a"}`, `{"task_id":"5e9a"}`, `{"data":{"taskId":"5e9a"}}`, `"{\"taskId\":\"5e9a\"}"`,
		`{"taskId":"5c79be8e","data":{"taskId":"5e9a"}}`, `{"taskId":592038}`,
	} {
		for _, code := range []int{400, 402, 422, 429, 430, 455, 505} {
			for _, status := range []int{200, 400, 429} {
				p := serve(t, reply(status, fmt.Sprintf(`{"code":%d,"msg":"Too many requests","data":%s}`, code, data)))
				_, err := newClient(t, Options{BaseURL: p.URL}).Generate(t.Context(), request)
				require.Error(t, err)
				require.Equal(t, Unknown, VerdictOf(err), "HTTP %d, code %d: %s", status, code, data)
			}
		}
	}
	for _, data := range []string{
		"null", "{}", `{"taskId":""}`, `{"taskId":null}`, `{"taskId":0}`, fmt.Sprintf(`{"taskId":%q}`, request.TaskID),
		fmt.Sprintf(`{"task_id":%q,"data":{"taskId":%q}}`, request.TaskID, request.TaskID),
	} {
		p := serve(t, reply(200, fmt.Sprintf(`{"code":429,"msg":"Too many requests","data":%s}`, data)))
		_, err := newClient(t, Options{BaseURL: p.URL}).Generate(t.Context(), request)
		require.Equal(t, Busy, VerdictOf(err), data)
	}
}
