package plugin_test

import (
	"log/slog"
	"math"
	"strings"
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

// The workers of one queue must be able to do all that comes there.
func TestTheSubmitQueueIsNotTheHostsOwn(t *testing.T) {
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	require.NoError(t, err)
	defer c.Close()
	cfg := config()
	cfg.Client, cfg.SubmitTaskQueue = c, "media"
	p, err := plugin.New(cfg)
	require.NoError(t, err)
	w := worker.New(c, "media", worker.Options{Plugins: []worker.Plugin{p}})
	require.ErrorContains(t, w.Start(), "Config.SubmitTaskQueue")
	_, err = plugin.Register(c, "media", worker.New(c, "media", worker.Options{}), cfg)
	require.ErrorContains(t, err, "Config.SubmitTaskQueue")
}

// What is fetched from a host that is written so is fetched.
func TestHostsOfStemsMayBeWrittenAsInLinks(t *testing.T) {
	cfg := config()
	cfg.SourceHosts = []string{"[2001:db8::1]", "2001:db8::2", " .Files.Example. ", "10.0.0.1"}
	_, err := plugin.New(cfg)
	require.NoError(t, err)
}

func TestNewTellsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*plugin.Config)
		want  string
	}{
		"endpoint": {func(c *plugin.Config) { c.MinIO.Endpoint = "" }, "MINIO_ENDPOINT"},
		"secrets":  {func(c *plugin.Config) { c.CallbackBaseURL = "https://b.example" }, "secret"},
		"base URL": {func(c *plugin.Config) { c.BaseURL = "://" }, "base"},
		// Found after a payment, if at all.
		"rate below 0":    {func(c *plugin.Config) { c.SubmitRate = -1 }, "Config.SubmitRate"},
		"no rate":         {func(c *plugin.Config) { c.SubmitRate = math.NaN() }, "Config.SubmitRate"},
		"endless rate":    {func(c *plugin.Config) { c.SubmitRate = math.Inf(1) }, "Config.SubmitRate"},
		"stems at once":   {func(c *plugin.Config) { c.ArchiveConcurrency = -1 }, "Config.ArchiveConcurrency"},
		"size of a stem":  {func(c *plugin.Config) { c.MaxStemSize = -1 }, "Config.MaxStemSize"},
		"budget below 0":  {func(c *plugin.Config) { c.NexusCreditBudget = new(-1) }, "Config.NexusCreditBudget"},
		"bucket":          {func(c *plugin.Config) { c.Bucket = "Stems" }, "Config.Bucket"},
		"ledgers' bucket": {func(c *plugin.Config) { c.LedgerBucket = "a_b" }, "Config.LedgerBucket"},
		"prefix":          {func(c *plugin.Config) { c.Prefix = "a/../b" }, "Config.Prefix"},
		"ledgers' prefix": {func(c *plugin.Config) { c.LedgerPrefix = "a//b" }, "Config.LedgerPrefix"},
		"source host":     {func(c *plugin.Config) { c.SourceHosts = []string{"https://a.example"} }, "Config.SourceHosts"},
		"no source host":  {func(c *plugin.Config) { c.SourceHosts = []string{""} }, "Config.SourceHosts"},
		"callback address": {func(c *plugin.Config) {
			c.CallbackBaseURL, c.CallbackSecrets = "stems.example.com", []string{strings.Repeat("s", 32)}
		}, "Config.CallbackBaseURL"},
		"callback query": {func(c *plugin.Config) {
			c.CallbackBaseURL, c.CallbackSecrets = "https://a.example?b", []string{strings.Repeat("s", 32)}
		}, "Config.CallbackBaseURL"},
		"uploads in clear": {func(c *plugin.Config) {
			c.BaseURL, c.UploadURL = "", "http://uploads.example.com"
		}, "Config.UploadURL"},
		"provider in clear": {func(c *plugin.Config) { c.BaseURL = "http://api.kie.ai" }, "Config.BaseURL"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			c.spoil(&cfg)
			_, err := plugin.New(cfg)
			require.ErrorContains(t, err, c.want)
		})
	}
}
