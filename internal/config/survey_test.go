package config

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// surveyOf surveys an environment with only the variables.
func surveyOf(variables map[string]string) Survey {
	var environ []string
	for name, value := range variables {
		environ = append(environ, name+"="+value)
	}
	return NewSurvey(from(variables), environ)
}

func program(s Survey, name string) ProgramSurvey {
	return s.Programs[slices.IndexFunc(s.Programs, func(p ProgramSurvey) bool { return p.Name == name })]
}

func TestSurveyShowsWhoseEnvironmentItIs(t *testing.T) {
	store := map[string]string{"MINIO_ENDPOINT": "minio:9000", "MINIO_ACCESS_KEY": "a", "MINIO_SECRET_KEY": "s", "TERM": "xterm"}
	for name, c := range map[string]struct {
		variables map[string]string
		meant     []string
	}{
		"nobody's":      {nil, nil},
		"a laptop's":    {store, nil},
		"links":         {map[string]string{"MINIO_LINK_ACCESS_KEY": "l"}, []string{ProgramStarter}},
		"a worker's":    {complete(), []string{ProgramWorker}},
		"a worker's, 2": {map[string]string{"STEMFLOW_SUBMIT_RATE": "1"}, []string{ProgramWorker}},
		"a bridge's":    {map[string]string{"KIE_WEBHOOK_HMAC_KEY": "12345678"}, []string{ProgramBridge}},
		"shared":        {map[string]string{"STEMFLOW_CALLBACK_SECRETS": "0123456789abcdef", "KIE_BASE_URL": "http://kiesim"}, nil},
		"empty":         {map[string]string{"KIE_API_KEY": " ", "KIE_WEBHOOK_HMAC_KEY": ""}, nil},
		"both": {map[string]string{"KIE_API_KEY": "k", "STEMFLOW_BRIDGE_ADDR": ":1"},
			[]string{ProgramWorker, ProgramBridge}},
	} {
		var meant []string
		for _, p := range surveyOf(c.variables).Programs {
			if p.Meant {
				meant = append(meant, p.Name)
			}
		}
		require.Equal(t, c.meant, meant, name)
	}
}

func TestSurveyTellsMissingFromWrong(t *testing.T) {
	s := surveyOf(map[string]string{
		"KIE_API_KEY": "two words", "STEMFLOW_CALLBACK_SECRETS": "short", "STEMFLOW_TASK_QUEUE": "songs", "MINIO_SECURE": "maybe",
	})
	worker := program(s, ProgramWorker)
	require.Len(t, worker.Missing, 3, "the store's variables")
	require.Len(t, worker.Problems, 3)
	require.Contains(t, program(s, ProgramBridge).Problems[0], "STEMFLOW_CALLBACK_SECRETS: secret 1 of 1 is 5 bytes long")
	require.Equal(t, []string{"KIE_API_KEY", "MINIO_SECURE", "STEMFLOW_CALLBACK_SECRETS", "STEMFLOW_TASK_QUEUE"}, worker.Set)
	require.Equal(t, "songs", s.Starter.TaskQueue, "what is right is read beside what is wrong")
}

func TestSurveyFindsNamesThatNothingReads(t *testing.T) {
	for name, like := range map[string]string{
		"STEMFLOW_CALLBACK_URL":           "STEMFLOW_CALLBACK_BASE_URL",
		"STEMFLOW_CALLBACK_SECRET":        "STEMFLOW_CALLBACK_SECRETS",
		"KIE_WEBHOOK_KEY":                 "KIE_WEBHOOK_HMAC_KEY",
		"KIE_API_KEYS":                    "KIE_API_KEY",
		"STEMFLOW_SOURCE_NETWORK":         "STEMFLOW_SOURCE_NETWORKS",
		"STEMFLOW_LEDGERS_BUCKET":         "STEMFLOW_LEDGER_BUCKET",
		"STEMFLOW_ALLOW_INSECURE_SOURCE":  "STEMFLOW_ALLOW_INSECURE_SOURCES",
		"STEMFLOW_NOTHING":                "",
		"STEMFLOW_SUBMIT_TASK_QUEUE_NAME": "STEMFLOW_SUBMIT_TASK_QUEUE",
	} {
		require.Equal(t, []Unread{{name, like}}, surveyOf(map[string]string{name: "x"}).Unread, name)
	}
	require.Empty(t, surveyOf(map[string]string{"KIE_BASE_URL": "%", "KIE_UPLOAD_URL": "https://up.example.com"}).Unread)
	known := complete()
	known["STEMFLOW_STORE_IMAGE"], known["MINIO_ROOT_USER"], known["PATH"], known["STEMFLOW_EMPTY"] = "i", "u", "p", ""
	require.Empty(t, surveyOf(known).Unread)
}
