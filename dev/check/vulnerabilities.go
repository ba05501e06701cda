package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// scope is what one run of govulncheck looks at.
type scope struct {
	name, folder string
	args         []string
	// counts reports whether a finding matters at all, before any allowance.
	counts func(finding) bool
}

var scopes = []scope{
	// What is shipped: a vulnerability counts if its code can be reached.
	{"product", ".", []string{"./..."}, func(f finding) bool { return f.Trace[0].Function != "" }},
	// The servers that tests and local stacks run. Which of their code is reached takes too long to
	// find out, so every package that is linked counts. The standard library is judged with the
	// product.
	{"tools", "tools", []string{"-scan", "package", "tool"}, func(f finding) bool {
		return f.Trace[0].Package != "" && f.Trace[0].Module != "stdlib"
	}},
}

// allowance is why some vulnerabilities do not matter in a scope, until a day.
type allowance struct {
	Scope string   `json:"scope"`
	IDs   []string `json:"ids"`
	Why   string   `json:"why"`
	Until string   `json:"until"`
}

//go:embed vulnerabilities.json
var allowedVulnerabilities []byte

const allowanceFile = "dev/check/vulnerabilities.json"

// finding is govulncheck's: the trace begins in the vulnerable code.
type finding struct {
	OSV          string  `json:"osv"`
	FixedVersion string  `json:"fixed_version"`
	Trace        []frame `json:"trace"`
}

type frame struct {
	Module   string `json:"module"`
	Version  string `json:"version"`
	Package  string `json:"package"`
	Function string `json:"function"`
}

func vulnerabilities(ctx context.Context, out io.Writer) error {
	allowed, err := readAllowances(allowedVulnerabilities)
	if err != nil {
		return err
	}
	path, err := find(ctx, "govulncheck", out)
	if err != nil {
		return err
	}
	var problems []error
	for _, s := range scopes {
		found, err := scan(ctx, out, path, s)
		if isSkipped(err) {
			return err
		}
		if err == nil {
			err = judge(s.name, found, allowed, time.Now())
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(problems...)
}

// readAllowances refuses what explains nothing.
func readAllowances(text []byte) ([]allowance, error) {
	var allowed []allowance
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&allowed); err != nil {
		return nil, fmt.Errorf("%s: %w", allowanceFile, err)
	}
	seen := map[string]bool{}
	for _, a := range allowed {
		known := slices.ContainsFunc(scopes, func(s scope) bool { return s.name == a.Scope })
		if !known || len(a.IDs) == 0 || strings.TrimSpace(a.Why) == "" {
			return nil, fmt.Errorf("%s: %v: give a scope, ids, and why they do not matter", allowanceFile, a)
		}
		if _, err := time.Parse(time.DateOnly, a.Until); err != nil {
			return nil, fmt.Errorf("%s: %v: until is a day like 2027-01-31: %w", allowanceFile, a.IDs, err)
		}
		for _, id := range a.IDs {
			if seen[a.Scope+id] {
				return nil, fmt.Errorf("%s: %s is there twice", allowanceFile, id)
			}
			seen[a.Scope+id] = true
		}
	}
	return allowed, nil
}

var unreachable = []byte("govulncheck: fetching vulnerabilities: ")

// scan returns what govulncheck found that counts, in a line for each vulnerability. It is skipped
// where the database is out of reach, which is no finding.
func scan(ctx context.Context, out io.Writer, path string, s scope) (map[string]string, error) {
	var said, complaints bytes.Buffer
	cmd := prepare(ctx, &said, path, append([]string{"-format", "json"}, s.args...)...)
	cmd.Dir, cmd.Stderr = s.folder, &complaints
	err := cmd.Run()
	if errors.As(err, new(*exec.ExitError)) && bytes.Contains(complaints.Bytes(), unreachable) {
		return nil, skipped("the vulnerability database cannot be reached")
	}
	if _, writing := out.Write(complaints.Bytes()); writing != nil {
		return nil, writing
	}
	if err != nil {
		return nil, err
	}
	return found(&said, s.counts)
}

// found reads govulncheck's stream of messages.
func found(messages io.Reader, counts func(finding) bool) (map[string]string, error) {
	lines, summaries := map[string]string{}, map[string]string{}
	decoder := json.NewDecoder(messages)
	complete := false
	for {
		var message struct {
			Config  *struct{} `json:"config"`
			Finding *finding  `json:"finding"`
			OSV     *struct {
				ID      string `json:"id"`
				Summary string `json:"summary"`
			} `json:"osv"`
		}
		err := decoder.Decode(&message)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("govulncheck's answer cannot be read: %w", err)
		}
		complete = complete || message.Config != nil
		if message.OSV != nil {
			summaries[message.OSV.ID] = message.OSV.Summary
		}
		if f := message.Finding; f != nil && len(f.Trace) > 0 && counts(*f) {
			fix := "no version is fixed"
			if f.FixedVersion != "" {
				fix = "fixed in " + f.FixedVersion
			}
			lines[f.OSV] = fmt.Sprintf("%s@%s, %s", f.Trace[0].Module, f.Trace[0].Version, fix)
		}
	}
	if !complete {
		return nil, errors.New("govulncheck said nothing")
	}
	for id := range lines {
		lines[id] += ": " + summaries[id]
	}
	return lines, nil
}

// judge fails for what was found and is not allowed, and for what is allowed without need or for
// too long.
func judge(scope string, found map[string]string, allowed []allowance, now time.Time) error {
	var problems []error
	open := maps.Clone(found)
	for _, a := range allowed {
		if a.Scope != scope {
			continue
		}
		until, err := time.Parse(time.DateOnly, a.Until)
		if err != nil {
			return err
		}
		expired := !now.Before(until.AddDate(0, 0, 1))
		for _, id := range a.IDs {
			line, ok := found[id]
			delete(open, id)
			switch {
			case !ok:
				problems = append(problems, fmt.Errorf("%s is not found any more: take it off %s", id, allowanceFile))
			case expired:
				problems = append(problems,
					fmt.Errorf("%s was allowed until %s, look at it again: %s", id, a.Until, line))
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(open)) {
		problems = append(problems, fmt.Errorf(
			"%s (https://pkg.go.dev/vuln/%s): update it, or say in %s why it does not matter: %s",
			id, id, allowanceFile, open[id]))
	}
	return errors.Join(problems...)
}
