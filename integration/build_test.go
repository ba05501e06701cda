package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow/internal/devservers/serverstest"
)

// built are the programs that tests have asked for, by their folders: each is built once.
var built = struct {
	sync.Mutex
	dir      string
	programs map[string]string
}{programs: map[string]string{}}

// build returns the program in a folder.
func build(t testing.TB, folder string) string {
	t.Helper()
	serverstest.SkipIfShort(t)
	built.Lock()
	defer built.Unlock()
	program, found := built.programs[folder]
	if !found {
		if built.dir == "" {
			dir, err := os.MkdirTemp("", "stemflow-programs-")
			require.NoError(t, err)
			built.dir = dir
		}
		program = filepath.Join(built.dir, filepath.Base(folder))
		out, err := exec.Command("go", "build", "-o", program, folder).CombinedOutput()
		require.NoError(t, err, string(out))
		built.programs[folder] = program
	}
	return program
}

func removeBuilt() {
	if err := os.RemoveAll(built.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
