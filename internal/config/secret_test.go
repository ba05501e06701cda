package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSecretDoesNotPrint(t *testing.T) {
	const text = "hunter2-hunter2"
	secret := NewSecret(text)
	require.Equal(t, text, secret.Reveal())
	require.Empty(t, NewSecret("").Reveal())
	require.Equal(t, []string{"a", "b"}, Reveal([]Secret{NewSecret("a"), NewSecret("b")}))

	exported := struct{ Key Secret }{secret}
	unexported := struct{ key Secret }{secret}
	w := Worker{
		KIE:      KIE{APIKey: secret},
		Callback: Callback{Secrets: []Secret{secret}},
		MinIO:    MinIO{SecretKey: secret},
	}
	for _, value := range []any{secret, &secret, []Secret{secret}, exported, unexported, w, &w} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			printed := fmt.Sprintf(verb, value)
			require.NotContains(t, printed, text, "%s of %T", verb, value)
			require.NotContains(t, printed, fmt.Sprintf("%x", text), "%s of %T", verb, value)
		}
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		require.NotContains(t, string(encoded), text)

		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "value", value)
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "value", value)
		require.NotContains(t, log.String(), text)
	}
	require.Equal(t, "[redacted] [redacted]", fmt.Sprintf("%v %s", secret, secret.String()))
	encoded, err := json.Marshal(exported)
	require.NoError(t, err)
	require.JSONEq(t, `{"Key":"[redacted]"}`, string(encoded))
}

func TestErrorsDoNotShowSecrets(t *testing.T) {
	const short, split = "tooShort", "hunter2 hunter2"
	variables := complete()
	variables["STEMFLOW_CALLBACK_SECRETS"] = short
	variables["KIE_API_KEY"], variables["MINIO_SECRET_KEY"] = split, split
	variables["MINIO_ENDPOINT"] = "https://user:" + short + "@minio"
	variables["STEMFLOW_CALLBACK_BASE_URL"] = "https://user:" + short + "@stems.example.com"
	variables["KIE_BASE_URL"] = "https://user:" + short + "@%zz"
	_, err := LoadWorker(from(variables))
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Problems, 6)
	require.NotContains(t, err.Error(), short)
	require.NotContains(t, err.Error(), "hunter2")
}
