package monitoring

import (
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// rules are those that alert, in the order of the file. Prometheus itself would take the file as it
// is.
func rules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile(
		"../prometheus/stemflow.rules.yaml",
		false,
		model.UTF8Validation,
		parser.NewParser(parser.Options{}),
		slog.Default(),
	)
	require.Empty(t, errs)
	require.Len(t, groups.Groups, 1)
	require.NotEmpty(t, groups.Groups[0].Rules)
	return groups.Groups[0].Rules
}

// dashboard is as much of Grafana's model as says something that can be wrong.
type dashboard struct {
	Title      string `json:"title"`
	ID         *int   `json:"id"`
	UID        string `json:"uid"`
	Schema     int    `json:"schemaVersion"`
	Templating struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
			Datasource *datasource
		}
	}
	Panels []panel
}

type datasource struct{ Type, UID string }

type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource *datasource
	GridPos    struct{ H, W, X, Y int }
	Targets    []struct {
		RefID        string `json:"refId"`
		Expr         string
		LegendFormat string
		Datasource   *datasource
	}
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
}

func loadDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile("../grafana/stemflow.json")
	require.NoError(t, err)
	var d dashboard
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

// grafana replaces what Grafana would.
var grafana = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1d", "$job", "stemflow")

func parse(t *testing.T, expr string) parser.Expr {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(grafana.Replace(expr))
	require.NoError(t, err, expr)
	return parsed
}
