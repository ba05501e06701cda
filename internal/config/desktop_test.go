package config

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAtDesktop(t *testing.T) {
	require.Equal(t, runtime.GOOS == "darwin", AtDesktop(from(nil)))
	for _, screen := range []string{"DISPLAY", "WAYLAND_DISPLAY"} {
		require.True(t, AtDesktop(from(map[string]string{screen: ":0"})))
		for _, nobody := range []string{"CI", "SSH_CONNECTION"} {
			require.False(t, AtDesktop(from(map[string]string{screen: ":0", nobody: "1"})), nobody)
		}
	}
}
