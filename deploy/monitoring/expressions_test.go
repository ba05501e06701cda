package monitoring

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// byPrometheus are the labels that a scrape adds.
var byPrometheus = []string{"job", "instance"}

// served are the labels of every series that the programs have been seen to serve, by name. The
// integration test of the same name holds the file against them.
func served(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/served.txt")
	require.NoError(t, err)
	series := map[string][]string{"up": byPrometheus}
	for line := range strings.Lines(string(text)) {
		name, of, found := strings.Cut(strings.TrimSuffix(strings.TrimSpace(line), "}"), "{")
		require.True(t, found, line)
		series[name] = append(strings.Split(of, ","), byPrometheus...)
	}
	return series
}

// expressions are all that is asked, by where it stands.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, rule := range rules(t) {
		all[rule.Alert] = rule.Expr
	}
	for _, p := range loadDashboard(t).Panels {
		for _, target := range p.Targets {
			all["panel "+p.Title+", "+target.RefID] = target.Expr
		}
	}
	return all
}

func TestEveryExpressionAsksForWhatIsServed(t *testing.T) {
	series, literals := served(t), literals(t)
	used := map[string]bool{}
	for where, expr := range expressions(t) {
		parser.Inspect(parse(t, expr), func(node parser.Node, _ []parser.Node) error {
			switch n := node.(type) {
			case *parser.VectorSelector:
				of, known := series[n.Name]
				require.True(t, known, "%s: nobody serves %s", where, n.Name)
				used[n.Name] = true
				for _, m := range n.LabelMatchers {
					if m.Name == model.MetricNameLabel {
						continue
					}
					require.Contains(t, of, m.Name, "%s: %s has no such label", where, n.Name)
					if !slices.Contains(byPrometheus, m.Name) {
						for value := range strings.SplitSeq(m.Value, "|") {
							require.Contains(t, literals, value, "%s: no code knows %s=%q", where, m.Name, value)
						}
					}
				}
			case *parser.AggregateExpr:
				for _, label := range n.Grouping {
					requireLabel(t, where, n.Expr, label, series)
				}
			}
			return nil
		})
	}
	for name := range series {
		require.True(t, used[name], "%s stands in testdata/served.txt and nothing asks for it", name)
	}
}

// requireLabel demands that every series in an expression has a label.
func requireLabel(t *testing.T, where string, expr parser.Expr, label string, series map[string][]string) {
	t.Helper()
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			require.Contains(t, series[selector.Name], label, "%s: %s has no such label", where, selector.Name)
		}
		return nil
	})
}

// literals are all texts in the product's code: a label's value that is not among them is misspelt.
func literals(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	text := regexp.MustCompile(`"[A-Za-z_]+"`)
	for _, folder := range []string{".", "workflows", "activities", "callbackbridge", "internal/activityapi", "internal/kie"} {
		require.NoError(
			t,
			filepath.WalkDir(filepath.Join("../..", folder), func(path string, entry fs.DirEntry, err error) error {
				switch {
				case err != nil:
					return err
				case entry.IsDir() && path != filepath.Join("../..", folder):
					return filepath.SkipDir
				case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
					return nil
				}
				source, err := os.ReadFile(path)
				for _, literal := range text.FindAllString(string(source), -1) {
					value, _ := strconv.Unquote(literal)
					found[value] = true
				}
				return err
			}),
		)
	}
	require.True(t, found["insufficient_credits"], "the code is not where this test looks for it")
	return found
}
