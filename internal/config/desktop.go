package config

import "runtime"

// AtDesktop reports whether the environment is that of a person at a machine with a screen, and not
// of an automatic run or a login from elsewhere.
func AtDesktop(lookup Lookup) bool {
	v := &variables{lookup: lookup}
	if v.text("CI", "")+v.text("SSH_CONNECTION", "") != "" {
		return false
	}
	return runtime.GOOS == "darwin" || v.text("DISPLAY", "")+v.text("WAYLAND_DISPLAY", "") != ""
}
