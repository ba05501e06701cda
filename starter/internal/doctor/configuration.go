package doctor

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"stemflow/internal/config"
	"stemflow/internal/program"
)

// CheckConfiguration is the name of the check of the environment's variables.
const CheckConfiguration = "configuration"

func (d *doctor) configurationChecks() []check {
	return []check{
		{name: "version", limit: quick, run: d.checkVersion},
		{name: CheckConfiguration, limit: quick, run: d.checkConfiguration},
	}
}

func (d *doctor) checkVersion(_ context.Context, r *Result) {
	r.ok("stemflow %s", program.Version())
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "go.temporal.io/sdk" {
				r.fact("built with Temporal's SDK %s", m.Version)
			}
		}
	}
}

// isMeant reports whether the environment is a program's.
func (d *doctor) isMeant(program string) bool {
	if len(d.For) > 0 {
		return slices.Contains(d.For, program)
	}
	return slices.ContainsFunc(d.Survey.Programs, func(p config.ProgramSurvey) bool {
		return p.Name == program && p.Meant
	})
}

// checkConfiguration reports all that is wrong with the variables at once.
func (d *doctor) checkConfiguration(_ context.Context, r *Result) {
	var meant []string
	readBy := map[string][]string{}
	var problems []string
	for _, p := range d.Survey.Programs {
		wrong := p.Problems
		if d.isMeant(p.Name) {
			meant = append(meant, p.Name)
			wrong = slices.Concat(p.Missing, p.Problems)
		} else if len(d.For) > 0 {
			continue
		}
		for _, problem := range wrong {
			if readBy[problem] == nil {
				problems = append(problems, problem)
			}
			readBy[problem] = append(readBy[problem], p.Name)
		}
		if len(p.Set) > 0 {
			r.fact("%s: %s", p.Name, strings.Join(p.Set, ", "))
		}
	}
	for _, problem := range problems {
		what, remedy := apart(problem)
		r.fail(fmt.Sprintf("%s (%s)", what, strings.Join(readBy[problem], ", ")), remedy)
	}
	for _, u := range d.Survey.Unread {
		remedy := "correct the name, or take it out (docs/configuration.md has all names)"
		if u.Like != "" {
			remedy = "perhaps " + u.Like + " is meant: correct the name, or take it out"
		}
		r.warn(u.Name+" is set, and no program reads it", remedy)
	}
	d.checkWeakSecrets(r)
	if d.Survey.Worker.AllowInsecureSources && d.isMeant(config.ProgramWorker) {
		r.fact("STEMFLOW_ALLOW_INSECURE_SOURCES is true, which only a local stack needs")
	}
	if len(meant) == 0 {
		r.ok("no variable of a worker or a bridge is set, so only those that are set are looked at")
		return
	}
	r.ok("all that is required is set for: %s", strings.Join(meant, ", "))
}

// apart takes a problem of the configuration, which ends with what to do, apart.
func apart(problem string) (what, remedy string) {
	// The first colon stands behind the variable's name.
	name, rest, _ := strings.Cut(problem, ": ")
	for _, between := range []string{": give ", ", give ", ": make ", ", make ", ": leave ", ": add "} {
		if before, after, found := strings.Cut(rest, between); found {
			verb := strings.TrimLeft(between, ":, ")
			return name + ": " + before, verb + after
		}
	}
	return problem, "correct the variable (docs/configuration.md)"
}

// leastDistinct is how many different characters a random secret of the least length has, and a
// thought-up one often has not.
const leastDistinct = 8

func (d *doctor) checkWeakSecrets(r *Result) {
	if slices.ContainsFunc(d.Survey.Worker.Callback.Secrets, isWeak) {
		r.warn("STEMFLOW_CALLBACK_SECRETS has a secret that can be guessed: it repeats few characters",
			"give another, made for example with: openssl rand -hex 32")
	}
}

func isWeak(s config.Secret) bool {
	distinct := map[rune]bool{}
	for _, c := range s.Reveal() {
		distinct[c] = true
	}
	return len(distinct) < leastDistinct
}
