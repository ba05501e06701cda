package devservers

import (
	"bytes"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
)

func TestTemporalKeepsItsHistoryOverAKill(t *testing.T) {
	skipIfShort(t)
	p, err := Temporal(t.Context(), TemporalOptions{
		UI:               true,
		DBFile:           filepath.Join(t.TempDir(), "temporal.db"),
		SearchAttributes: map[string]string{"StemflowTest": "Keyword"},
	})
	require.NoError(t, err)
	defer func() { p.Stop() }()
	require.NoError(t, HTTPReady("http://"+p.UIAddr+"/")(t.Context()))

	id := func() string {
		c, err := client.DialContext(t.Context(), client.Options{HostPort: p.Addr})
		require.NoError(t, err)
		defer c.Close()
		attributes, err := c.OperatorService().ListSearchAttributes(t.Context(),
			&operatorservice.ListSearchAttributesRequest{Namespace: client.DefaultNamespace})
		require.NoError(t, err)
		require.Contains(t, attributes.CustomAttributes, "StemflowTest")
		run, err := c.ExecuteWorkflow(
			t.Context(),
			client.StartWorkflowOptions{ID: "kept", TaskQueue: "nobody"},
			"Waiting",
		)
		require.NoError(t, err, "the default namespace takes workflows as soon as the server is ready")
		return run.GetRunID()
	}
	first := id()
	p.Kill()
	p, err = p.Restart(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, id(), "the workflow that was started before the kill still runs")
}

func TestMinIOKeepsItsObjectsOverAKill(t *testing.T) {
	skipIfShort(t)
	ctx := t.Context()
	p, err := MinIO(ctx, MinIOOptions{Dir: t.TempDir(), AccessKey: "stemflow", SecretKey: "stemflow-tests"})
	require.NoError(t, err)
	defer func() { p.Stop() }()
	require.Empty(t, p.UIAddr)
	store, err := minio.New(
		p.Addr,
		&minio.Options{Creds: credentials.NewStaticV4("stemflow", "stemflow-tests", ""), MaxRetries: 1},
	)
	require.NoError(t, err)
	require.NoError(
		t,
		store.MakeBucket(ctx, "kept", minio.MakeBucketOptions{}),
		"it takes requests as soon as it is ready",
	)
	_, err = store.PutObject(ctx, "kept", "key", bytes.NewReader([]byte("content")), 7, minio.PutObjectOptions{})
	require.NoError(t, err)

	p.Kill()
	p, err = p.Restart(ctx)
	require.NoError(t, err)
	info, err := store.StatObject(ctx, "kept", "key", minio.StatObjectOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 7, info.Size)
	buckets, err := store.ListBuckets(ctx)
	require.NoError(t, err)
	require.Len(t, buckets, 1)
}

func TestMinIOServesItsConsole(t *testing.T) {
	skipIfShort(t)
	p, err := MinIO(
		t.Context(),
		MinIOOptions{Dir: t.TempDir(), Console: true, AccessKey: "stemflow", SecretKey: "stemflow-tests"},
	)
	require.NoError(t, err)
	defer p.Stop()
	resp, err := http.Get("http://" + p.UIAddr + "/")
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "MinIO Console", resp.Header.Get("Server"))
}

func TestMinIOSaysWhatIsWrong(t *testing.T) {
	skipIfShort(t)
	_, err := MinIO(t.Context(), MinIOOptions{Dir: t.TempDir(), AccessKey: "stemflow", SecretKey: "short"})
	require.ErrorContains(t, err, "minio has ended: exit status 1\n")
	require.ErrorContains(t, err, "MINIO_ROOT_PASSWORD length at least 8 characters")
}

func TestGivenPortsInUse(t *testing.T) {
	skipIfShort(t)
	l, err := net.Listen("tcp", address(0))
	require.NoError(t, err)
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	for what, start := range map[string]func() (*Process, error){
		"Temporal": func() (*Process, error) { return Temporal(t.Context(), TemporalOptions{Port: taken}) },
		"Temporal's UI": func() (*Process, error) {
			return Temporal(t.Context(), TemporalOptions{UI: true, UIPort: taken})
		},
		"MinIO": func() (*Process, error) { return MinIO(t.Context(), MinIOOptions{Dir: t.TempDir(), Port: taken}) },
		"MinIO's console": func() (*Process, error) {
			return MinIO(t.Context(), MinIOOptions{Dir: t.TempDir(), Console: true, ConsolePort: taken})
		},
	} {
		_, err := start()
		var inUse *PortInUseError
		require.ErrorAs(t, err, &inUse, what)
		require.Equal(t, Port{taken, what}, inUse.Port)
	}
}

func TestPortsTakenBetweenChoiceAndStartAreChosenAgain(t *testing.T) {
	command, _ := listener(t)
	var tried []int
	p, err := onPorts(0, 0, func(port, _ int) (*Process, error) {
		tried = append(tried, port)
		if len(tried) < 3 {
			return nil, &PortInUseError{Port{port, "a test"}}
		}
		return Start(t.Context(), command)
	})
	require.NoError(t, err)
	defer p.Stop()
	require.Len(t, tried, 3)
}
