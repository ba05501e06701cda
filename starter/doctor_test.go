package main

import (
	"context"
	"encoding/json"
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
