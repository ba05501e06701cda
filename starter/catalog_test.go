package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/internal/devservers/serverstest"
)

func writeList(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestWrongCommandLinesOfCatalogs(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"catalog"}, "give the list of tracks with --file or, if it is in the bucket already, with --key"},
		{[]string{"catalog", "--file", "a.csv", "--key", "b.csv"}, "give the list of tracks with --file"},
		{[]string{"catalog", "--file", "a.csv", "--credit-budget", "many"}, "write a whole number"},
		{[]string{"catalog", "--key", "a.csv", "--window", "251"}, "window: 251 is not between 1 and 250"},
		{[]string{"catalog", "--key", "a.csv", "--credit-budget", "-1"}, "creditBudget: -1 is negative"},
		{[]string{"catalog", "--key", "a.csv", "--name", "june/july"}, `name: "june/july" is no name for a catalogue`},
		{[]string{"catalog", "--key", "a.csv", "--type", "split"}, `type: "split" is unknown`},
		{[]string{"catalog", "stop"}, `"stop" is not a flag, and catalog takes flags only`},
		{[]string{"catalog", "pause"}, "--name is required"},
		{[]string{"catalog", "watch", "june"}, `"june" is not a flag, and catalog watch takes flags only`},
		{[]string{"catalog", "window", "--name", "june"}, "--window is required: a number between 1 and 250"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			code, stdout, stderr := starter(t, "", nil, c.args...)
			require.Equal(t, exitUsage, code)
			require.Empty(t, stdout)
			require.Contains(t, stderr, c.want)
		})
	}
}

// What is wrong with a list is told before anything is uploaded or started: nothing listens at
// these addresses.
func TestAWrongListIsNotStarted(t *testing.T) {
	variables := map[string]string{
		"MINIO_ENDPOINT":   "127.0.0.1:1",
		"MINIO_ACCESS_KEY": "access",
		"MINIO_SECRET_KEY": "secretkey",
	}
	list := writeList(t, "june.csv", "taskId,audioId\n5c79,e231\n5c79,\n5c79,e231\n")
	code, _, stderr := starter(t, "", variables, "catalog", "--file", list)
	require.Equal(t, exitUsage, code)
	require.Equal(t, "error: InvalidInput\n"+
		"  line 3, column 2: audioId: is required, give the id of the track within its music task\n"+
		"  line 4: is the same separation as line 2, leave one of them out\n"+
		"Nothing was started.\n", stderr)

	code, _, stderr = starter(t, "", variables, "catalog", "--file", list+".gone")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "the list cannot be read: open "+list+".gone")

	code, _, stderr = starter(t, "", nil, "catalog", "--file", list)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "MINIO_ENDPOINT: is required")
}

func TestAListIsUploadedOnce(t *testing.T) {
	opts, bucket := serverstest.Bucket(t)
	user := serverstest.User(t, opts, bucket)
	p := &cli{minIO: func() (config.MinIO, error) {
		return config.LoadMinIO(func(name string) (string, bool) {
			value, set := map[string]string{"MINIO_ENDPOINT": user.Endpoint, "MINIO_ACCESS_KEY": user.AccessKey, "MINIO_SECRET_KEY": user.SecretKey}[name]
			return value, set
		})
	}}
	o := catalogOptions{catalogNames: catalogNames{file: writeList(
		t,
		"june.jsonl",
		`{"taskId":"5c79","audioId":"a","type":"split_stem"}`+"\n"+`{"taskId":"5c79","audioId":"b"}`+"\n"+`{"taskId":"5c79","audioId":"c","separationTaskId":"3e63"}`+"\n",
	)}}
	var refs []stemflow.ObjectRef
	for range 2 {
		l, err := p.readList(o.file, o.input(), config.Starter{Bucket: bucket, Prefix: "music"})
		require.NoError(t, err)
		require.Equal(t, 3, l.tracks)
		require.Equal(t, 60, l.credits, "what is paid for costs nothing")
		ref, err := l.upload(t.Context())
		require.NoError(t, err)
		require.NoError(t, l.file.Close())
		refs = append(refs, *ref)
	}
	require.Equal(t, refs[0], refs[1])
	require.Regexp(t, "^music/_catalogs/june/uploads/[0-9a-f]{16}/june.jsonl$", refs[0].Key)
	store, err := archive.New(opts)
	require.NoError(t, err)
	objects, err := store.List(t.Context(), bucket, "")
	require.NoError(t, err)
	require.Len(t, objects, 1)
	want, err := os.Stat(o.file)
	require.NoError(t, err)
	require.Equal(t, want.Size(), objects[0].Size)
}

func TestFlagsOfACatalogAreItsInput(t *testing.T) {
	o := &catalogOptions{}
	set := newFlagSet("catalog")
	o.declare(set)
	require.NoError(t, set.Parse([]string{
		"--key", "lists/june.csv", "--type", "split_stem", "--bucket", "b-1", "--window", "20", "--credit-budget", "0", "--allow-partial", "--deadline", "1h",
	}))
	none := 0
	in := o.input()
	require.Equal(t, stemflow.SeparateCatalogInput{
		Name: "june", Source: &stemflow.ObjectRef{Key: "lists/june.csv"}, Type: stemflow.SplitStem, Bucket: "b-1", Window: 20, CreditBudget: &none,
		AllowPartial: true, Deadline: stemflow.Duration(3_600_000_000_000),
	}, in)
	require.Equal(t, "catalog:june", stemflow.CatalogWorkflowID(in))
	require.Equal(t, "catalog:may", stemflow.CatalogWorkflowID(catalogNames{name: "may"}.input()))
	require.Equal(
		t,
		"catalog:june",
		stemflow.CatalogWorkflowID(catalogNames{file: "/home/me/june.jsonl"}.input()),
		"watch finds it by the file",
	)
}
