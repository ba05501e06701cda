package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"stemflow"
	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/naming"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/failure"
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
		{[]string{"catalog", "stop"}, `there is no command "catalog stop"`},
		{[]string{"catalog", "pause"}, "give the name of the catalogue, or the --file or the --key"},
		{[]string{"catalog", "watch", "june", "july"}, `"july" is one name too many`},
		{[]string{"catalog", "cancel", "june", "--name", "june"}, "the catalogue is named twice"},
		{[]string{"catalog", "pause", "june/july"}, `name: "june/july" is no name for a catalogue`},
		{[]string{"catalog", "window", "june"}, "--window is required: a number between 1 and 250"},
		{[]string{"catalog", "window", "june", "--window", "2000"}, "--window: 2000 is not between 1 and 250"},
		{[]string{"catalog", "june.csv"}, `"june.csv" is no command: name the list as --file june.csv`},
		{[]string{"catalog", "catalog_test.go"}, `"catalog_test.go" is no command: name the list as --file catalog_test.go`},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			code, stdout, stderr := starter(t, "", nil, c.args...)
			require.Equal(t, failure.ExitUsage, code)
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
	require.Equal(t, failure.ExitUsage, code)
	require.Equal(t, "error: InvalidInput: line 3, column 2: audioId: is required, give the id of the track within its music task; "+
		"line 4: is the same separation as line 2, leave one of them out. Nothing was started.\n", stderr)

	code, _, stderr = starter(t, "", variables, "catalog", "--file", list+".gone")
	require.Equal(t, failure.ExitUsage, code)
	require.Contains(t, stderr, "the list cannot be read: open "+list+".gone")

	code, _, stderr = starter(t, "", nil, "catalog", "--file", list)
	require.Equal(t, failure.ExitUsage, code)
	require.Contains(t, stderr, "MINIO_ENDPOINT: is required")
}

func TestAListIsUploadedOnce(t *testing.T) {
	root, bucket := serverstest.Bucket(t)
	user := serverstest.SharedUser(t, root, bucket)
	store, err := archive.New(user)
	require.NoError(t, err)
	o := catalogOptions{catalogNames: catalogNames{file: writeList(
		t,
		"june.jsonl",
		`{"taskId":"5c79","audioId":"a","type":"split_stem"}`+"\n"+`{"taskId":"5c79","audioId":"b"}`+"\n"+`{"taskId":"5c79","audioId":"c","separationTaskId":"3e63"}`+"\n",
	)}}
	var refs []stemflow.ObjectRef
	for range 2 {
		l, err := archived.ReadList(store, config.Starter{Bucket: bucket, Prefix: "music"}, o.file, o.input())
		require.NoError(t, err)
		require.Equal(t, 3, l.Tracks)
		require.Equal(t, 60, l.Credits, "what is paid for costs nothing")
		ref, err := l.Upload(t.Context())
		require.NoError(t, err)
		require.NoError(t, l.Close())
		refs = append(refs, *ref)
	}
	require.Equal(t, refs[0], refs[1])
	require.Regexp(t, "^music/_catalogs/june/uploads/[0-9a-f]{16}/june.jsonl$", refs[0].Key)
	objects, err := store.List(t.Context(), bucket, "")
	require.NoError(t, err)
	require.Len(t, objects, 1)
	want, err := os.Stat(o.file)
	require.NoError(t, err)
	require.Equal(t, want.Size(), objects[0].Size)
}

func TestACatalogAnnouncesNoMoreThanItsBudget(t *testing.T) {
	budget := 50
	for want, budget := range map[string]*int{"at most 60 credits\n": nil, "at most 50 credits\n": &budget} {
		c, stdout, _ := newTestCLI("", nil)
		in := stemflow.SeparateCatalogInput{Name: "june", Source: &stemflow.ObjectRef{Key: "a.csv"}, CreditBudget: budget}
		c.announceCatalog(in, &archived.List{Tracks: 2, Credits: 60}, idleRun{}, true, true)
		require.Contains(t, stdout.String(), want)
	}
}

// idleRun is a run that is only named.
type idleRun struct{ client.WorkflowRun }

func (idleRun) GetID() string { return "catalog:june" }

func (idleRun) GetRunID() string { return "run" }

func TestFlagsOfACatalogAreItsInput(t *testing.T) {
	o, cmd := &catalogOptions{}, &cobra.Command{}
	o.declare(cmd)
	require.NoError(t, cmd.ParseFlags([]string{
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

// A catalogue of any name can be started again, and that one, too.
func TestNamesOfRetries(t *testing.T) {
	long := strings.Repeat("a", naming.MaxCatalogName)
	for name, want := range map[string]string{
		"june": "june-retry", "june-retry": "june-retry", long: long[len(retrySuffix):] + retrySuffix,
		long[len(retrySuffix):] + retrySuffix: long[len(retrySuffix):] + retrySuffix,
	} {
		got := retryName(name)
		require.Equal(t, want, got)
		require.NoError(t, validName{stemflow.SeparateCatalogInput{Name: got}}.Validate())
	}
}

func TestListsThatMayBeTheSame(t *testing.T) {
	list := func(bucket, key string) stemflow.ObjectRef { return stemflow.ObjectRef{Bucket: bucket, Key: key} }
	for _, c := range []struct {
		running, given stemflow.ObjectRef
		same           bool
	}{
		{list("stems", "june.csv"), list("stems", "june.csv"), true},
		{list("stems", "june.csv"), list("", "june.csv"), true},
		{list("", "june.csv"), list("stems", "june.csv"), true},
		{list("stems", "june.csv"), list("lists", "june.csv"), false},
		{list("stems", "june.csv"), list("stems", "july.csv"), false},
	} {
		require.Equal(t, c.same, mayBeSame(&c.running, c.given), "%v", c)
	}
	require.False(t, mayBeSame(nil, list("stems", "june.csv")), "inline tracks")
}

// What is advised leads to the Temporal that was asked, and to no other catalogue of the name.
func TestAPausedCatalogueIsResumedWhereItIs(t *testing.T) {
	f, address := newFakeTemporal(t, map[string]bool{"catalog:june": true})
	f.progress = `{"name":"june","phase":"separating","tracks":2,"paused":{"since":"2026-11-27T08:00:00Z","reason":"requested"}}`
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	asked := 0
	f.queried = func() {
		if asked++; asked == 2 { // the first answer is shown
			interrupt()
		}
	}
	c, _, stderr := newTestCLI("", nil)
	code := c.run(ctx, []string{"catalog", "watch", "june", "--address", address, "--namespace", "studio"})
	require.Equal(t, failure.ExitInterrupted, code)
	require.Contains(t, stderr.String(),
		"to go on: starter catalog resume --name june --address "+address+" --namespace studio\n")
}
