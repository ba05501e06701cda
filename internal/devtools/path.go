package devtools

import (
	"context"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// fits reports, for a program that may be on PATH, what version its --version speaks of and whether
// that is new enough.
var fits = map[string]func(output string) (version string, ok bool){
	"temporal": temporalFits,
	"minio":    minioFits,
}

func onPath(ctx context.Context, name string) (path, version string, ok bool) {
	check := fits[name]
	if check == nil {
		return "", "", false
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", "", false
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", "", false
	}
	version, ok = check(string(out))
	return path, version, ok
}

var temporalVersion = regexp.MustCompile(`^temporal version \S+ \(Server (\d+)\.(\d+)\.(\d+)`)

// temporalFits goes by the server that the program brings, 1.29.1 as with the pinned 1.5.1: a CLI
// that was built from its module names no version of its own.
func temporalFits(output string) (string, bool) {
	m := temporalVersion.FindStringSubmatch(output)
	if m == nil {
		return "", false
	}
	least := [3]int{1, 29, 1}
	for i, text := range m[1:] {
		if n, _ := strconv.Atoi(text); n != least[i] {
			return "with server " + m[1] + "." + m[2] + "." + m[3], n > least[i]
		}
	}
	return "with server " + m[1] + "." + m[2] + "." + m[3], true
}

var minioVersion = regexp.MustCompile(`^minio version (RELEASE\.(\d{4})\S*|DEVELOPMENT\S*)`)

// minioFits takes releases since 2025, whose conditional writes and checksums are those that are
// used here, and builds without a version.
func minioFits(output string) (string, bool) {
	m := minioVersion.FindStringSubmatch(output)
	if m == nil {
		return "", false
	}
	year, err := strconv.Atoi(m[2])
	return m[1], err != nil || year >= 2025
}
