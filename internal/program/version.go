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

// commit is what a release was built from, which its sources alone do not say. The linker sets it,
// too.
var commit string

// Version is the version, and what it was built from and with, where the build knows: "v0.1.0
// (commit 2c2a4f0d1e9b, go1.26.8, linux/amd64)".
func Version() string {
	info, _ := debug.ReadBuildInfo()
	return describe(stamped, commit, info)
}

// Release is the version alone: "v0.1.0", or "(development)" for a build that has none.
func Release() string {
	info, _ := debug.ReadBuildInfo()
	return release(stamped, info)
}

// Commit is what the program was built from, in full; empty where the build does not know.
func Commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				return setting.Value
			}
		}
	}
	return commit
}

// describe takes version and commit from the release's stamps, else from the module, which knows
// them when another module depends on it or when it was built from a checkout. Info is nil for a
// program without build information.
func describe(stamped, revision string, info *debug.BuildInfo) string {
	modified := ""
	if info != nil {
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision":
				revision = setting.Value
			case setting.Key == "vcs.modified" && setting.Value == "true":
				modified = "with changes, "
			}
		}
	}
	if revision != "" {
		revision = "commit " + revision[:min(12, len(revision))] + ", "
	}
	return fmt.Sprintf("%s (%s%s%s, %s/%s)",
		release(stamped, info), revision, modified, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func release(stamped string, info *debug.BuildInfo) string {
	switch {
	case stamped != "":
		return stamped
	case info != nil && info.Main.Version != "" && info.Main.Version != "(devel)":
		return info.Main.Version
	default:
		return "(development)"
	}
}

// AnswerVersion prints the version and ends the program if --version is all that it was asked. A
// program's main begins with it, so that it needs no configuration to answer.
func AnswerVersion() {
	if len(os.Args) == 2 && (os.Args[1] == "--version" || os.Args[1] == "-version") {
		fmt.Println(filepath.Base(os.Args[0]), Version())
		os.Exit(0)
	}
}

// TakeNoArguments ends a program that the environment alone configures, if it was given an
// argument: to ignore one would be to start working for --help. About says what the program does.
func TakeNoArguments(about string) {
	if len(os.Args) == 1 {
		return
	}
	about += "\nIt takes no arguments: the environment configures it, with the variables that .env.example shows."
	switch argument := os.Args[1]; argument {
	case "-h", "-help", "--help":
		fmt.Println(about)
		os.Exit(0)
	default:
		fmt.Fprintf(os.Stderr, "%q: there are no arguments.\n\n%s\n", argument, about)
		os.Exit(2)
	}
}

// FlagsOnly is an error if there is an argument beside the flags: to ignore one would be to work
// without what it was meant to say.
func FlagsOnly(arguments []string) error {
	if len(arguments) == 0 {
		return nil
	}
	return fmt.Errorf("%q: there are flags only, see -help", arguments[0])
}
