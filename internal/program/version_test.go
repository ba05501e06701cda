package program

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	built := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "2c2a4f0d1e9bb27a1f0c"}
	short := debug.BuildSetting{Key: "vcs.revision", Value: "2c2"}
	changed := debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	with := runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	for name, c := range map[string]struct {
		stamped string
		info    *debug.BuildInfo
		want    string
	}{
		"nothing known":            {"", nil, "(development) (" + with},
		"from a copy":              {"", built("(devel)"), "(development) (" + with},
		"release from a copy":      {"v0.1.0", built("(devel)"), "v0.1.0 (" + with},
		"release from a commit":    {"v0.1.0", built("(devel)", revision), "v0.1.0 (commit 2c2a4f0d1e9b, " + with},
		"go install":               {"", built("v0.1.0"), "v0.1.0 (" + with},
		"checkout with changes":    {"", built("v0.1.1-0.2026+dirty", revision, changed), "v0.1.1-0.2026+dirty (commit 2c2a4f0d1e9b, with changes, " + with},
		"checkout with a short id": {"", built("(devel)", short), "(development) (commit 2c2, " + with},
	} {
		require.Equal(t, c.want, describe(c.stamped, "", c.info), name)
	}
	stampedWith := describe("v0.1.0", "3f3a4f0d1e9bb27a1f0c", built("(devel)"))
	require.Equal(t, "v0.1.0 (commit 3f3a4f0d1e9b, "+with, stampedWith, "a release knows its commit by a stamp")
}

// A gate that ignored an argument would let pass what its operator did not mean.
func TestProgramsWithFlagsTakeNothingElse(t *testing.T) {
	for _, source := range []string{"signalgate", "storegate"} {
		program := filepath.Join(t.TempDir(), source)
		build := exec.Command("go", "build", "-o", program, "../../deploy/"+source)
		build.Stderr = os.Stderr
		require.NoError(t, build.Run())
		run, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		cmd := exec.CommandContext(run, program, "-addr", "127.0.0.1:0", "music")
		out, err := cmd.CombinedOutput()
		cancel()
		require.Error(t, err)
		require.Equal(t, 2, cmd.ProcessState.ExitCode(), string(out))
		require.Contains(t, string(out), "there are flags only")
	}
}

// The linker takes -X for a variable that does not exist without a word.
func TestTheLinkerStamps(t *testing.T) {
	program := filepath.Join(t.TempDir(), "healthcheck")
	module, err := exec.Command("go", "list", "-m").Output()
	require.NoError(t, err)
	to := string(module[:len(module)-1]) + "/internal/program."
	stamp := "-X " + to + "stamped=v1.2.3 -X " + to + "commit=0123456789abcdef"
	build := exec.Command("go", "build", "-o", program, "-ldflags", stamp, "../../deploy/healthcheck")
	build.Stderr = os.Stderr
	require.NoError(t, build.Run())
	out, err := exec.Command(program, "--version").Output()
	require.NoError(t, err)
	require.Regexp(t, `^healthcheck v1\.2\.3 \(commit [0-9a-f]{12}, .*go1\.`, string(out))
}
