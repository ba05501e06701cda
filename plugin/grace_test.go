package plugin

import (
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A container that is killed while its worker makes the paid call leaves an unknown outcome behind.
func TestContainersOutliveASubmit(t *testing.T) {
	for file, grace := range map[string]*regexp.Regexp{
		"../deploy/kubernetes/base/worker.yaml": regexp.MustCompile(`terminationGracePeriodSeconds: (\d+)`),
		"../docker-compose.yml":                 regexp.MustCompile(`(?s)\n  worker:\n.*?stop_grace_period: (\d+)s`),
	} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		found := grace.FindSubmatch(text)
		require.NotNil(t, found, file)
		given, err := time.ParseDuration(string(found[1]) + "s")
		require.NoError(t, err)
		require.Greater(t, given, submitStopTimeout, file)
	}
}
