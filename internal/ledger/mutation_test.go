package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// mutantVariable names the mutant that a process is to be. The model then stops at the first
// violation.
const mutantVariable = "LEDGER_MUTANT"

// mutantLimit is how long the model may take to find a mutant out, on a machine that does other
// things, too.
const mutantLimit = 2 * time.Minute

// TestModelCatchesEveryMutant flips every branch of the package, one at a time. One that the model
// does not notice is either not needed, or something that the model does not know of.
func TestModelCatchesEveryMutant(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs a program for every branch of the package")
	}
	if os.Getenv(mutantVariable) != "" {
		t.Skip("this process is a mutant itself")
	}
	mutants, binary := buildMutants(t)

	next := make(chan int)
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			for i := range next {
				begun := time.Now()
				found, err := findOut(t.Context(), binary, i+1)
				if err != nil {
					t.Errorf("%s: %v", mutants[i], err)
					continue
				}
				t.Logf("%s: %s (%v)", mutants[i], found, time.Since(begun).Round(time.Millisecond))
			}
		})
	}
	for i := range mutants {
		next <- i
	}
	close(next)
	running.Wait()
	t.Logf("%d mutants", len(mutants))
}

// buildMutants builds a test program that is any of the mutants, and none by default.
func buildMutants(t *testing.T) (mutants []string, binary string) {
	dir := t.TempDir()
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	put := func(name, content string) {
		to := filepath.Join(dir, name)
		if err := os.WriteFile(to, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(here, name)] = to
	}
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		flipped, what, err := flip(name, string(source), len(mutants)+1)
		if err != nil {
			t.Fatal(err)
		}
		mutants = append(mutants, what...)
		put(name, flipped)
	}
	if len(mutants) == 0 {
		t.Fatal("no branch was found")
	}
	put("mutant.go", mutantSource)
	config, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	configFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(configFile, config, 0o600); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "ledger.test")
	out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-race=false", "-vet=off",
		"-overlay", configFile, "-o", binary, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("building the mutants: %v\n%s", err, out)
	}
	return mutants, binary
}

// findOut runs the model on a mutant and returns what it found wrong. It fails if it found nothing.
func findOut(ctx context.Context, binary string, mutant int) (found string, err error) {
	ctx, cancel := context.WithTimeout(ctx, mutantLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "-test.run=^TestModel$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", mutantVariable, mutant))
	out, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("the model does not end within %v", mutantLimit)
	case err == nil:
		return "", fmt.Errorf("the model does not notice")
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if _, wrong, ok := strings.Cut(line, violationMark); ok {
			return strings.TrimSpace(wrong), nil
		}
		if strings.HasPrefix(line, "panic: ") {
			return line, nil
		}
	}
	return "", fmt.Errorf("the model failed for another reason: %w\n%s", err, out)
}
