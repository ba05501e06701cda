package monitoring

import (
	"regexp"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// What Grafana would show wrongly, or not at all. Grafana itself does not run here.
func TestDashboardIsOneThatGrafanaShows(t *testing.T) {
	d := loadDashboard(t)
	require.NotEmpty(t, d.Title)
	require.Nil(t, d.ID, "an id is one Grafana's own")
	require.Empty(t, d.UID, "each Grafana makes its own")
	require.GreaterOrEqual(t, d.Schema, 36, "the first one with data sources by type and uid")
	require.Equal(t, "datasource", d.Templating.List[0].Name)
	require.Equal(t, "datasource", d.Templating.List[0].Type)
	require.JSONEq(t, `"prometheus"`, string(d.Templating.List[0].Query))
	chosen := &datasource{Type: "prometheus", UID: "${datasource}"}
	for _, variable := range d.Templating.List[1:] {
		require.Equal(t, chosen, variable.Datasource, variable.Name)
	}

	ids, titles := map[int]bool{}, map[string]bool{}
	var cells [24]map[int]string
	for i := range cells {
		cells[i] = map[int]string{}
	}
	for _, p := range d.Panels {
		require.False(t, ids[p.ID], "two panels have the id %d", p.ID)
		require.Positive(t, p.ID)
		ids[p.ID] = true
		require.NotEmpty(t, p.Title)
		require.False(t, titles[p.Title], "two panels are called %s", p.Title)
		titles[p.Title] = true
		require.Positive(t, p.GridPos.H)
		require.Positive(t, p.GridPos.W)
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, "%s stands out to the right", p.Title)
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Empty(t, cells[x][y], "%s lies on another panel", p.Title)
				cells[x][y] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		require.Contains(t, []string{"timeseries", "stat"}, p.Type, p.Title)
		require.NotEmpty(t, p.FieldConfig.Defaults.Unit, "%s has no unit", p.Title)
		require.Equal(t, chosen, p.Datasource, p.Title)
		require.NotEmpty(t, p.Targets, p.Title)
		refs := map[string]bool{}
		for _, target := range p.Targets {
			require.False(t, refs[target.RefID], "%s: two targets are called %s", p.Title, target.RefID)
			refs[target.RefID] = true
			require.Equal(t, chosen, target.Datasource, p.Title)
			require.NotEmpty(t, target.LegendFormat, p.Title)
		}
	}
}

var units = map[string]string{"_seconds_bucket": "s", "_bytes": "bytes"}

// A legend that names a label which an expression does not keep is empty.
func TestLegendsNameLabelsThatAreLeft(t *testing.T) {
	series := served(t)
	for _, p := range loadDashboard(t).Panels {
		for _, target := range p.Targets {
			kept := left(parse(t, target.Expr), series)
			for _, label := range regexp.MustCompile(`{{(\w+)}}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				require.Contains(t, kept, label[1], "%s: %s", p.Title, target.Expr)
			}
			for suffix, unit := range units {
				if regexp.MustCompile(suffix + `\b`).MatchString(target.Expr) {
					require.Equal(t, unit, p.FieldConfig.Defaults.Unit, p.Title)
				}
			}
		}
	}
}

// left are the labels of what an expression yields.
func left(expr parser.Expr, series map[string][]string) []string {
	switch e := expr.(type) {
	case *parser.VectorSelector:
		return series[e.Name]
	case *parser.MatrixSelector:
		return left(e.VectorSelector, series)
	case *parser.AggregateExpr:
		return e.Grouping
	case *parser.Call:
		labels := left(e.Args[len(e.Args)-1], series)
		if e.Func.Name == "histogram_quantile" {
			labels = slices.DeleteFunc(slices.Clone(labels), func(l string) bool { return l == "le" })
		}
		return labels
	default:
		return nil
	}
}

// Who chooses a job sees nothing of another.
func TestEveryPanelShowsTheJobsThatAreChosen(t *testing.T) {
	for _, p := range loadDashboard(t).Panels {
		for _, target := range p.Targets {
			selectors := regexp.MustCompile(`\b(?:stemflow|temporal|process|go)_[a-z_]+|\bup\b`).FindAllString(target.Expr, -1)
			require.NotEmpty(t, selectors, p.Title)
			filtered := 0
			parser.Inspect(parse(t, target.Expr), func(node parser.Node, _ []parser.Node) error {
				if selector, ok := node.(*parser.VectorSelector); ok &&
					slices.ContainsFunc(selector.LabelMatchers, func(m *labels.Matcher) bool {
						return m.Name == "job" && m.Type == labels.MatchRegexp && m.Value == grafana.Replace("$job")
					}) {
					filtered++
				}
				return nil
			})
			require.Equal(t, len(selectors), filtered, "%s: %s", p.Title, target.Expr)
		}
	}
}
