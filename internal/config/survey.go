package config

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// The programs that the environment configures. The last is the starter, as its users call it.
const (
	ProgramWorker  = "worker"
	ProgramBridge  = "bridge"
	ProgramStarter = "cli"
)

// Programs returns the names of all programs.
func Programs() []string { return []string{ProgramWorker, ProgramBridge, ProgramStarter} }

// Survey is what the environment says to all programs. What is wrong does not keep it from having
// the rest: a value with a problem is the zero value, or as it was given.
type Survey struct {
	Worker  Worker
	Bridge  Bridge
	Starter Starter
	MinIO   MinIO
	// Programs are in the order of [Programs].
	Programs []ProgramSurvey
	// Unread are variables of stemflow's and the provider's that are set, and that no program
	// reads.
	Unread []Unread
}

// ProgramSurvey is what the environment says to one program.
type ProgramSurvey struct {
	Name string
	// Set are the variables that it reads and that are set, sorted.
	Set []string
	// Meant says that a variable is set which only this program reads, or which it cannot do
	// without.
	Meant bool
	// Problems are as in [Error]. Missing are those that say that a variable is required.
	Problems, Missing []string
}

// Unread is a variable that nothing reads, and the one that may be meant; empty if none is like it.
type Unread struct{ Name, Like string }

// notOurs are variables with a prefix of ours that other programs read: the compose project.
var notOurs = []string{"STEMFLOW_STORE_IMAGE"}

// NewSurvey reads the environment for all programs. Environ is as os.Environ returns it.
func NewSurvey(lookup Lookup, environ []string) Survey {
	var s Survey
	asked := map[string]map[string]bool{}
	load := func(program string, load func(Lookup) error) []string {
		if asked[program] == nil {
			asked[program] = map[string]bool{}
		}
		asking := func(lookup Lookup) Lookup {
			return func(name string) (string, bool) {
				asked[program][name] = true
				return lookup(name)
			}
		}
		// A wrong value may keep others from being read: those that an empty environment is asked
		// for are known all the same.
		_ = load(asking(func(string) (string, bool) { return "", false }))
		err := load(asking(lookup))
		if e, ok := errors.AsType[*Error](err); ok {
			return e.Problems
		}
		return nil
	}
	loads := map[string][]func(Lookup) error{
		ProgramWorker: {func(l Lookup) (err error) { s.Worker, err = LoadWorker(l); return err }},
		ProgramBridge: {func(l Lookup) (err error) { s.Bridge, err = LoadBridge(l); return err }},
		ProgramStarter: {
			func(l Lookup) (err error) { s.Starter, err = LoadStarter(l); return err },
			func(l Lookup) (err error) { s.MinIO, err = LoadMinIO(l); return err },
		},
	}
	for _, name := range Programs() {
		p := ProgramSurvey{Name: name}
		for _, l := range append(loads[name], func(l Lookup) error { _, err := LoadTracing(l); return err }) {
			for _, problem := range load(name, l) {
				if strings.Contains(problem, ": is required") {
					p.Missing = append(p.Missing, problem)
				} else {
					p.Problems = append(p.Problems, problem)
				}
			}
		}
		s.Programs = append(s.Programs, p)
	}
	v := &variables{lookup: lookup}
	for i := range s.Programs {
		p := &s.Programs[i]
		for name := range asked[p.Name] {
			if v.text(name, "") != "" {
				p.Set = append(p.Set, name)
			}
		}
		slices.Sort(p.Set)
		p.Meant = slices.ContainsFunc(p.Set, func(name string) bool { return shows(asked, p.Name, name) })
	}
	s.Unread = unread(asked, environ)
	return s
}

// shows reports whether a variable that is set shows that an environment is a program's. The
// starter reads the store's variables, too, so they show nothing of the worker.
func shows(asked map[string]map[string]bool, program, variable string) bool {
	if variable == "KIE_API_KEY" {
		return program == ProgramWorker
	}
	for other, variables := range asked {
		if other != program && variables[variable] {
			return false
		}
	}
	return variable != "TERM" && variable != "NO_COLOR"
}

// unread are the variables that are set and that nothing asked for.
func unread(asked map[string]map[string]bool, environ []string) []Unread {
	known := map[string]bool{}
	for _, variables := range asked {
		maps.Copy(known, variables)
	}
	var found []Unread
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		ours := strings.HasPrefix(name, "STEMFLOW_") || strings.HasPrefix(name, "KIE_")
		if !ours || value == "" || known[name] || slices.Contains(notOurs, name) {
			continue
		}
		found = append(found, Unread{Name: name, Like: mostLike(name, slices.Sorted(maps.Keys(known)))})
	}
	slices.SortFunc(found, func(a, b Unread) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// mostLike is the known name that has most words in common with a name, beside the prefix; empty if
// none has any.
func mostLike(name string, known []string) string {
	words := strings.Split(name, "_")
	best, fewest := "", len(words)+1
	for _, k := range known {
		others := strings.Split(k, "_")
		common := 0
		for _, word := range words {
			if slices.ContainsFunc(others, func(other string) bool { return sameWord(other, word) }) {
				common++
			}
		}
		// How many words differ, in either.
		differ := len(words) + len(others) - 2*common
		if common > 1 && differ < fewest {
			best, fewest = k, differ
		}
	}
	return best
}

// sameWord does not tell a plural from its singular.
func sameWord(a, b string) bool { return strings.TrimSuffix(a, "S") == strings.TrimSuffix(b, "S") }
