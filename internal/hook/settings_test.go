package hook

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
)

func key(n int) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", n))) }

func TestCheckSecret(t *testing.T) {
	for _, right := range []string{newSecret, oldSecret, "whsec_" + key(24), "whsec_" + key(32), "whsec_" + key(64)} {
		require.NoError(t, CheckSecret(right), right)
	}
	for _, wrong := range []string{
		"", "whsec_", key(32), "WHSEC_" + key(32), "whsec_" + key(23), "whsec_" + key(65), "whsec_" + strings.TrimRight(key(32), "="),
		"whsec_" + key(32) + "\n", "whsec_" + strings.Replace(key(32), "a", "-", 1), "whsec_whsec_" + key(32),
	} {
		err := CheckSecret(wrong)
		require.Error(t, err, "%q", wrong)
		require.Contains(t, err.Error(), "openssl rand")
		require.NotContains(t, err.Error(), "a2tra2", "a secret is not repeated")
	}
}

// Whatever passes the check, the library that signs can use.
func FuzzCheckSecret(f *testing.F) {
	for _, secret := range []string{newSecret, "whsec_" + key(24), "whsec_", "whsec_ab\r\ncd==", "x"} {
		f.Add(secret)
	}
	f.Fuzz(func(t *testing.T, secret string) {
		if CheckSecret(secret) != nil {
			return
		}
		_, err := NewWebhook(WebhookOptions{URL: "https://receiver.example", Secrets: []string{secret}})
		require.NoError(t, err)
	})
}

func TestCheckURL(t *testing.T) {
	for _, right := range []string{
		"https://receiver.example", "https://receiver.example:8443/in?key=1", "https://user:pass@receiver.example/",
		"http://127.0.0.1:9/in", "http://127.8.8.8", "http://[::1]/", "http://[::ffff:127.0.0.1]", "http://localhost", "http://LOCALHOST.:1",
		"http://a.localhost",
	} {
		require.NoError(t, CheckURL(right, false), right)
	}
	for _, insecure := range []string{
		"http://receiver.example", "http://10.0.0.1", "http://receiver", "http://localhost.example", "http://127.0.0.1.example",
		"http://notlocalhost", "http://0.0.0.0",
	} {
		require.ErrorContains(t, CheckURL(insecure, false), "STEMFLOW_ALLOW_INSECURE_WEBHOOK", insecure)
		require.NoError(t, CheckURL(insecure, true), insecure)
	}
	for _, wrong := range []string{
		"", "receiver.example", "//receiver.example", "ftp://receiver.example", "file:///etc/passwd", "https://", "https:///in",
		"https:receiver.example", "https://receiver.example/#a", "https://receiver.example/%zz", "https://rec eiver.example", "http://", "unix:///x",
		"https://:443",
	} {
		require.EqualError(t, CheckURL(wrong, true), errURL.Error(), wrong)
	}
}

func TestSecretsOfAnAddress(t *testing.T) {
	require.Equal(
		t,
		[]string{"hunter2", "t0ken/with+signs", "x0123456789x"},
		SecretsOf(
			"https://user:hunter2@receiver.example/services/short1/x0123456789x/notifications?key=t0ken%2Fwith%2Bsigns",
		),
	)
	for _, address := range []string{"https://secretkey@receiver.example/", "https://secretkey:@receiver.example/events"} {
		require.Equal(t, []string{"secretkey"}, SecretsOf(address))
	}
	for _, query := range []string{
		"t0kenOfTheHook", "a=b&t0kenOfTheHook", "t0kenOfTheHook=", "a=b;k=t0kenOfTheHook", "k=t0kenOf%54heHook",
	} {
		require.Equal(t, []string{"t0kenOfTheHook"}, SecretsOf("https://receiver.example/events?"+query), query)
	}
	require.Empty(t, SecretsOf("https://receiver.example/notifications/stemflow?channel=production"))
	require.Empty(t, SecretsOf(""))
	require.Empty(t, SecretsOf("%"))
}

func TestCheckCommand(t *testing.T) {
	folder := t.TempDir()
	plain := filepath.Join(folder, "plain")
	require.NoError(t, os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o600))
	for _, wrong := range []string{
		"hook", "./hook", "/nowhere/hook", "/nowhere/hook --flag", folder, plain, "/dev/null",
	} {
		require.Error(t, CheckCommand(wrong), wrong)
	}
	require.NoError(t, os.Chmod(plain, 0o700))
	require.NoError(t, CheckCommand(plain))
}

func TestCheckEvents(t *testing.T) {
	require.NoError(t, CheckEvents(nil))
	require.NoError(t, CheckEvents(stemflow.EventTypes()))
	require.ErrorContains(t, CheckEvents([]stemflow.EventType{stemflow.EventCatalogEnded, "catalog.*"}),
		`"catalog.*" is no event, give some of separation.archived, `)
}
