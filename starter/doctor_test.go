package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/starter/internal/failure"
)

// A key of links that the store refuses was tried in vain: nothing shows that it may write.
func TestTheDoctorAccusesNoKeyThatItCouldNotTry(t *testing.T) {
	a := newArchivedTrack(t)
	a.variables["MINIO_LINK_SECRET_KEY"] = "mistyped-" + a.variables["MINIO_LINK_SECRET_KEY"]
	code, stdout, _ := starter(t, "", a.variables, "doctor", "--check", "store-links", "--quiet")
	require.Equal(t, failure.ExitFailed, code, stdout)
	require.Contains(t, stdout, "SignatureDoesNotMatch")
	require.NotContains(t, stdout, "may write")
}

func TestAnInterruptedDoctorPrintsOneDocument(t *testing.T) {
	server, heard := silent(t)
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	ctx, interrupt := context.WithCancel(t.Context())
	c, stdout, stderr := newTestCLI("", environment(server))
	ended := make(chan int)
	go func() {
		ended <- c.runUntil(ctx, interrupt, []string{"--address", server, "doctor", "--check", "store", "-o", "json"})
	}()
	<-heard
	interrupt()
	require.Equal(t, failure.ExitInterrupted, <-ended)
	require.Empty(t, stderr.String())
	var printed struct {
		Checks []struct{ Check, Status, Summary string }
	}
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &printed), stdout.String())
	require.Equal(t, "interrupted", printed.Checks[0].Summary)
}

// The doctor's words are made to be shown to others.
func TestTheDoctorHidesTheKeyOfTheProfileThatIsNamed(t *testing.T) {
	f, address := newFakeTemporal(t, nil)
	const key = "sk-0123456789abcdef"
	f.refusal = "no right for " + key
	file := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(file, []byte(`
[profile.studio]
address = "`+address+`"
api_key = "`+key+`"
[profile.studio.tls]
disabled = true
`), 0o600))
	t.Setenv("TEMPORAL_CONFIG_FILE", file)
	code, stdout, _ := starter(t, "", map[string]string{"TEMPORAL_CONFIG_FILE": file}, "doctor", "--profile", "studio",
		"--check", "namespace", "-o", "json")
	require.Equal(t, failure.ExitFailed, code, stdout)
	require.Contains(t, stdout, "no right for ")
	require.NotContains(t, stdout, key)
}
