package monitoring

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Anyone who is woken reads docs/alerts.md, where each alert's runbook_url leads.
func TestAlertsHaveARunbook(t *testing.T) {
	const runbook = "docs/alerts.md"
	text, err := os.ReadFile("../../" + runbook)
	require.NoError(t, err)
	var want, got []string
	for _, rule := range rules(t) {
		require.Contains(t, []string{"critical", "warning"}, rule.Labels["severity"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		require.Equal(t, runbook+"#"+strings.ToLower(rule.Alert), rule.Annotations["runbook_url"])
		after := "at once"
		if rule.For > 0 {
			after = "after " + rule.For.String()
		}
		want = append(want, fmt.Sprintf("%s: **%s**, %s. %s",
			rule.Alert, rule.Labels["severity"], after, rule.Annotations["description"]))
	}
	for _, section := range regexp.MustCompile(`\n## `).Split(string(text), -1)[1:] {
		parts := strings.SplitN(section, "\n\n", 3)
		require.Len(t, parts, 3, "%s says not what to do", parts[0])
		got = append(got, parts[0]+": "+strings.Join(strings.Fields(parts[1]), " "))
	}
	require.Equal(t, want, got)
}

// promtool runs the cases. Here it is held that each alert has them, for its cause and without it.
func TestAlertsHaveCases(t *testing.T) {
	const folder = "../prometheus/tests/"
	files, err := filepath.Glob(folder + "*.test.yaml")
	require.NoError(t, err)
	require.Len(t, files, len(rules(t))+1, "one for each alert, and one for a service that is well")
	for _, rule := range rules(t) {
		text, err := os.ReadFile(folder + rule.Alert + ".test.yaml")
		require.NoError(t, err)
		var file struct {
			RuleFiles []string `yaml:"rule_files"`
			Tests     []struct {
				Name  string
				Cases []struct {
					Expr    string
					Samples []struct{ Labels string } `yaml:"exp_samples"`
				} `yaml:"promql_expr_test"`
			}
		}
		require.NoError(t, yaml.Unmarshal(text, &file))
		require.Equal(t, []string{"../stemflow.rules.yaml"}, file.RuleFiles)
		fires, quiet := 0, 0
		for _, test := range file.Tests {
			require.Len(t, test.Cases, 1, "%s: %s", rule.Alert, test.Name)
			require.Equal(t, `ALERTS{alertstate="firing"}`, test.Cases[0].Expr, "no other alert may fire unseen")
			if len(test.Cases[0].Samples) == 0 {
				quiet++
				continue
			}
			fires++
			for _, sample := range test.Cases[0].Samples {
				require.Contains(t, sample.Labels, `alertname="`+rule.Alert+`"`)
			}
		}
		require.Positive(t, fires, "%s fires in no case", rule.Alert)
		require.Positive(t, quiet, "%s is quiet in no case", rule.Alert)
	}
}
