package program

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
)

// stamped is the release's version, like "v0.1.0". The linker sets it: -ldflags "-X
// stemflow/internal/program.stamped=v0.1.0".
var stamped string

// Version is the version, and what it was built from and with, where the build knows: "v0.1.0
// (commit 2c2a4f0d1e9b, go1.26.8, linux/amd64)".
func Version() string {
	info, _ := debug.ReadBuildInfo()
	return describe(stamped, info)
}

// describe takes the version from the release's stamp, else from the module, which knows it when
// another module depends on it or when it was built from a checkout. Info is nil for a program
// without build information.
func describe(stamped string, info *debug.BuildInfo) string {
	version, commit, modified := stamped, "", ""
	if info != nil {
		if version == "" && info.Main.Version != "(devel)" {
			version = info.Main.Version
		}
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision":
				commit = "commit " + setting.Value[:min(12, len(setting.Value))] + ", "
			case setting.Key == "vcs.modified" && setting.Value == "true":
				modified = "with changes, "
			}
		}
	}
	if version == "" {
		version = "(development)"
	}
	return fmt.Sprintf("%s (%s%s%s, %s/%s)", version, commit, modified, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// AnswerVersion prints the version and ends the program if --version is all that it was asked. A
// program's main begins with it, so that it needs no configuration to answer.
func AnswerVersion() {
	if len(os.Args) == 2 && (os.Args[1] == "--version" || os.Args[1] == "-version") {
		fmt.Println(filepath.Base(os.Args[0]), Version())
		os.Exit(0)
	}
}
