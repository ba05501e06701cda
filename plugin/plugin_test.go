package plugin_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"stemflow"
	"stemflow/plugin"
)

func config() plugin.Config {
	return plugin.Config{
		BaseURL: "http://127.0.0.1:1",
		MinIO:   plugin.MinIO{Endpoint: "127.0.0.1:1", AccessKey: "a", SecretKey: "b"},
	}
}

// A host's own tests run the plugin as a worker would, without a server: no submit worker is
// started there.
func TestPluginServesATestEnvironment(t *testing.T) {
	p, err := plugin.New(config())
	require.NoError(t, err)
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{Plugins: []worker.Plugin{p}})
	env.ExecuteWorkflow(stemflow.WorkflowSeparateStems, stemflow.SeparateStemsInput{TaskID: "t", AudioID: "a"})
	var app *temporal.ApplicationError
	require.ErrorAs(t, env.GetWorkflowError(), &app)
	require.Equal(
		t,
		stemflow.ErrorArchiveUnavailable,
		app.Type(),
		"the activities are the real ones, and nothing listens here",
	)
}

func TestPluginDemandsAClientForARealWorker(t *testing.T) {
	p, err := plugin.New(config())
	require.NoError(t, err)
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	require.NoError(t, err)
	defer c.Close()
	require.ErrorContains(
		t,
		worker.New(c, "q", worker.Options{Plugins: []worker.Plugin{p}}).Start(),
		"Config.Client is missing",
	)
}

func TestNewTellsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*plugin.Config)
		want  string
	}{
		"endpoint": {func(c *plugin.Config) { c.MinIO.Endpoint = "" }, "MINIO_ENDPOINT"},
		"secrets":  {func(c *plugin.Config) { c.CallbackBaseURL = "https://b.example" }, "secret"},
		"base URL": {func(c *plugin.Config) { c.BaseURL = "://" }, "base"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			c.spoil(&cfg)
			_, err := plugin.New(cfg)
			require.ErrorContains(t, err, c.want)
		})
	}
}
