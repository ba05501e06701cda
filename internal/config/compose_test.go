package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// composed are the variables that docker-compose.yml gives to a service, by itself and by anchors.
func composed(t *testing.T, service string) (names []string) {
	text, err := os.ReadFile("../../docker-compose.yml")
	require.NoError(t, err)
	block := func(head, indent string) string {
		found := regexp.MustCompile(`(?m)^` + head + `\n((?:` + indent + `.*\n|\n|\s*#.*\n)+)`).FindSubmatch(text)
		require.NotNil(t, found, head)
		return string(found[1])
	}
	variables := func(block string) {
		for _, found := range regexp.MustCompile(`(?m)^ +([A-Z][A-Z0-9_]+):`).FindAllStringSubmatch(block, -1) {
			names = append(names, found[1])
		}
	}
	own := block("  "+service+":", "    ")
	variables(own)
	for _, found := range regexp.MustCompile(`\*([a-z-]+)`).FindAllStringSubmatch(own, -1) {
		variables(block(`x-`+found[1]+`: &`+found[1], "  "))
	}
	return names
}

// Containers are given what a user writes into .env, as .env.example shows it. docs/compose.md
// names the exceptions.
func TestComposeHandsOnWhatItsProgramsRead(t *testing.T) {
	required, defaults := example(t)
	var missing []string
	for service, load := range map[string]func(Lookup) error{
		"worker": func(lookup Lookup) error {
			_, err := LoadWorker(lookup)
			return err
		},
		"callbackbridge": func(lookup Lookup) error {
			_, err := LoadBridge(lookup)
			return err
		},
		"starter": func(lookup Lookup) error {
			_, err := LoadStarter(lookup)
			if err == nil {
				_, err = LoadMinIO(lookup)
			}
			return err
		},
	} {
		asked := map[string]bool{}
		require.NoError(t, load(func(name string) (string, bool) {
			asked[name] = true
			value, set := complete()[name]
			return value, set
		}))
		_, err := LoadTracing(func(name string) (string, bool) {
			asked[name] = true
			return "", false
		})
		require.NoError(t, err)
		_, err = temporalOptions(
			noted{variables: map[string]string{"TEMPORAL_CONFIG_FILE": t.TempDir() + "/none.toml"}, asked: asked},
		)
		require.NoError(t, err)
		// What libraries read.
		for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"} {
			asked[name] = true
		}
		given := composed(t, service)
		for name := range asked {
			_, optional := defaults[name]
			if !optional && !slices.Contains(required, name) || notForContainers(name) {
				continue
			}
			if !slices.Contains(given, name) {
				missing = append(missing, service+": "+name)
			}
		}
	}
	slices.Sort(missing)
	require.Empty(t, missing)
}

func notForContainers(name string) bool {
	return strings.HasSuffix(name, "_ADDR") || strings.HasPrefix(name, "STEMFLOW_BRIDGE_TLS_") || slices.Contains(
		[]string{"STEMFLOW_PRIVATE_PROBES", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE", "NO_COLOR", "TERM"}, name)
}
