package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"

	"stemflow"
	"stemflow/internal/config"
	"stemflow/internal/program"
)

// starter runs a command line in an environment with only the variables.
func starter(
	t *testing.T,
	stdin string,
	variables map[string]string,
	args ...string,
) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	lookup := func(name string) (string, bool) {
		value, set := variables[name]
		return value, set
	}
	p := &cli{
		stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs,
		size:   func() (program.TerminalSize, bool) { return program.TerminalSize{}, false },
		config: func() (config.Starter, error) { return config.LoadStarter(lookup) },
		minIO:  func() (config.MinIO, error) { return config.LoadMinIO(lookup) },
	}
	code = p.run(t.Context(), args)
	return code, out.String(), errs.String()
}

// nowhere is an address that nothing listens on.
func nowhere(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func TestUsage(t *testing.T) {
	code, stdout, stderr := starter(t, "", nil)
	require.Equal(t, exitUsage, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "Commands")

	code, stdout, _ = starter(t, "", nil, "help")
	require.Equal(t, exitDone, code)
	require.Equal(t, stderr, stdout)

	code, _, stderr = starter(t, "", nil, "begin")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `there is no command "begin"`)
	require.Contains(t, stderr, "Commands")

	code, _, _ = starter(t, "", nil, "help", "begin")
	require.Equal(t, exitUsage, code)
}

func TestHelpNamesEveryFlag(t *testing.T) {
	for _, c := range commands() {
		code, help, _ := starter(t, "", nil, c.name, "-h")
		require.Equal(t, exitDone, code)
		_, same, _ := starter(t, "", nil, "help", c.name)
		require.Equal(t, help, same)
		require.Contains(t, help, c.summary+"\n\n  starter "+c.name+" ", "examples are indented")

		set := newFlagSet(c.name)
		c.flags(&cli{}, set)
		set.VisitAll(func(f *flag.Flag) { require.Contains(t, help, "  --"+f.Name, "of %s", c.name) })
	}
}

func TestWrongCommandLines(t *testing.T) {
	notJSON := filepath.Join(t.TempDir(), "input.json")
	require.NoError(t, os.WriteFile(notJSON, []byte("{"), 0o600))
	for _, c := range []struct {
		args   []string
		stderr string
	}{
		{[]string{"start", "--tsk-id", "x"}, "error: Usage\n  flag provided but not defined: -tsk-id\nstarter start -h lists the flags.\n"},
		{[]string{"resume", "--task-id", "a", "--audio-id", "b"}, "error: Usage\n  --separation-task-id is required: it says what is paid for\n" +
			"starter resume -h lists the flags.\n"},
		{[]string{"start", "x"}, "error: Usage\n  \"x\" is not a flag, and start takes flags only\nstarter start -h lists the flags.\n"},
		{[]string{"start", "--deadline", "45"}, "error: Usage\n  invalid value \"45\" for flag -deadline: write it with a unit, like 30s, 3m or 1h30m\n" +
			"starter start -h lists the flags.\n"},
		{[]string{"start", "--task-id", "a b", "--type", "split"}, "error: InvalidInput\n" +
			"  taskId: \"a b\" is not an id of the provider (letters, digits, '.', '_' and '-', at most 128)\n" +
			"  audioId: is required, give the id of the track within its music task\n" +
			"  type: \"split\" is unknown, use separate_vocal, split_stem or split_stem_advanced\n" +
			"The flags are spelt with dashes: taskId is --task-id.\n"},
		{[]string{"start", "--input", notJSON}, "error: Usage\n  the input is not JSON: unexpected end of JSON input\nstarter start -h lists the flags.\n"},
		{[]string{"start", "--input", notJSON + ".gone"}, "error: Usage\n  the input cannot be read: open " + notJSON + ".gone: no such file or directory\n" +
			"starter start -h lists the flags.\n"},
		{[]string{"watch", "--task-id", "x"}, "error: InvalidInput\n  audioId: is required, give the id of the track within its music task\n" +
			"The flags are spelt with dashes: taskId is --task-id.\n"},
		{[]string{"cancel"}, "error: InvalidInput\n  taskId: is required, give the id of the music task that made the track\n" +
			"  audioId: is required, give the id of the track within its music task\nThe flags are spelt with dashes: taskId is --task-id.\n"},
		{[]string{"cancel", "--workflow-id", "x", "--task-id", "y"}, "error: Usage\n  --workflow-id goes without the flags of a track\n" +
			"starter cancel -h lists the flags.\n"},
		{[]string{"show", "--manifest-key", "x", "--prefix", "y"}, "error: Usage\n  --manifest-key goes without --prefix and the flags of a track\n" +
			"starter show -h lists the flags.\n"},
		{[]string{"show", "--task-id", "x", "--audio-id", "y", "--links=false", "--link-lifetime", "2h"}, "error: Usage\n  --link-lifetime goes without --links=false\n" +
			"starter show -h lists the flags.\n"},
		{[]string{"show", "--link-lifetime", "7d"}, "error: Usage\n  invalid value \"7d\" for flag -link-lifetime: " +
			"write it with a unit, like 30s, 3m or 1h30m\nstarter show -h lists the flags.\n"},
		{[]string{"listen", "--out", "-", "--publish"}, "error: Usage\n  --out - prints the page alone: it goes without --publish and --json\n" +
			"starter listen -h lists the flags.\n"},
		{[]string{"listen", "--audio-id", "y"}, "error: InvalidInput\n  taskId: is required, give the id of the music task that made the track\n" +
			"The flags are spelt with dashes: taskId is --task-id.\n"},
		{[]string{"show", "--task-id", "x", "--audio-id", "y"}, "error: InvalidConfiguration\n  the environment has 3 problems:\n" +
			"    MINIO_ACCESS_KEY: is required, give the access key of a user that may read and write the bucket\n" +
			"    MINIO_SECRET_KEY: is required, give the secret key that belongs to MINIO_ACCESS_KEY\n" +
			"    MINIO_ENDPOINT: is required, give \"host:port\", like \"localhost:9000\"\n"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			code, stdout, stderr := starter(t, "", nil, c.args...)
			require.Equal(t, exitUsage, code)
			require.Empty(t, stdout)
			require.Equal(t, c.stderr, stderr)
		})
	}
}

func TestJSONOnly(t *testing.T) {
	for _, args := range [][]string{
		{"start", "--json"}, {"start", "--json", "--no-such-flag"}, {"start", "x", "-json"}, {"cancel", "--json"}, {"show", "--json"}, {"watch", "--json"},
		{"listen", "--json"}, {"listen", "--json", "--out", "-"},
	} {
		code, stdout, stderr := starter(t, "", nil, args...)
		require.Equal(t, exitUsage, code)
		require.Empty(t, stderr)
		var printed struct {
			Error struct{ Type, Message string }
		}
		require.NoError(t, json.Unmarshal([]byte(stdout), &printed), stdout)
		require.NotEmpty(t, printed.Error.Type)
		require.NotEmpty(t, printed.Error.Message)
	}
}

func TestInputThenFlags(t *testing.T) {
	o := &startOptions{inputFile: "-"}
	require.NoError(t, o.readInput(strings.NewReader(
		`{"taskId":"5c79","audioId":"e231","type":"split_stem","callbackGrace":"1m","force":true,"allowPartial":true}`,
	)))
	set := newFlagSet("start")
	o.declare(set)
	require.NoError(
		t,
		set.Parse(
			[]string{
				"--input",
				"-",
				"--audio-id",
				"a7",
				"--deadline",
				"1h30m",
				"--force=false",
				"--bucket",
				"b-1",
				"--wait",
			},
		),
	)
	require.Equal(t, startOptions{
		in: stemflow.SeparateStemsInput{
			TaskID: "5c79", AudioID: "a7", Type: stemflow.SplitStem, Bucket: "b-1", AllowPartial: true,
			CallbackGrace: stemflow.Duration(time.Minute), Deadline: stemflow.Duration(90 * time.Minute),
		},
		inputFile: "-", wait: true,
	}, *o)

	code, _, stderr := starter(t, `{"taskId":"5c79","audioID":"e231"}`, nil, "start", "--input", "-")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "audioID: no such field, did you mean audioId?")
}

func TestUnreachable(t *testing.T) {
	address := nowhere(t)
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	t.Setenv("TEMPORAL_ADDRESS", address)
	for _, command := range []string{"start", "watch", "cancel"} {
		code, stdout, stderr := starter(t, "", nil, command, "--task-id", "5c79", "--audio-id", "e231")
		require.Equal(t, exitFailed, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "error: TemporalUnavailable\n  Temporal at "+address+" cannot be reached: ")
		require.Contains(t, stderr, "TEMPORAL_ADDRESS")
	}
	code, _, stderr := starter(t, "", map[string]string{
		"MINIO_ENDPOINT": address, "MINIO_ACCESS_KEY": "access", "MINIO_SECRET_KEY": "secretkey",
	}, "show", "--task-id", "5c79", "--audio-id", "e231")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "error: ArchiveUnavailable\n")
	require.Contains(t, stderr, "5c79/e231/separate_vocal/manifest.json")

	t.Setenv("TEMPORAL_ADDRESS", "http://"+address)
	code, _, stderr = starter(t, "", nil, "start", "--task-id", "5c79", "--audio-id", "e231")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "error: InvalidConfiguration\n  TEMPORAL_ADDRESS: give")
}

func TestStartedIsTakenFromTheAnswer(t *testing.T) {
	answer := func(started bool, err error) grpc.UnaryInvoker {
		return func(_ context.Context, _ string, _, reply any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
			if response, ok := reply.(*workflowservice.StartWorkflowExecutionResponse); ok {
				response.Started = started
			}
			return err
		}
	}
	for _, c := range []struct {
		name    string
		reply   any
		invoke  grpc.UnaryInvoker
		started bool
	}{
		{"started", &workflowservice.StartWorkflowExecutionResponse{}, answer(true, nil), true},
		{"joined", &workflowservice.StartWorkflowExecutionResponse{}, answer(false, nil), false},
		{"failed", &workflowservice.StartWorkflowExecutionResponse{}, answer(true, errors.New("down")), false},
		{"another call", &workflowservice.GetSystemInfoResponse{}, answer(true, nil), false},
	} {
		started := false
		_ = noteStarted(withStarted(t.Context(), &started), "", nil, c.reply, nil, c.invoke)
		require.Equal(t, c.started, started, c.name)
	}
	require.NoError(
		t,
		noteStarted(t.Context(), "", nil, &workflowservice.StartWorkflowExecutionResponse{}, nil, answer(true, nil)),
	)
}

func TestTitle(t *testing.T) {
	require.Equal(t, "separate_vocal of e231", title(stemflow.SeparateStemsInput{AudioID: "e231"}))
	require.Equal(t, "split_stem_advanced (Lead Vocal) of e231",
		title(stemflow.SeparateStemsInput{AudioID: "e231", Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal"}))
}

func TestEveryInputFieldHasAFlag(t *testing.T) {
	flags := newFlagSet("start")
	(&startOptions{}).declare(flags)
	for _, field := range stemflow.InputFields() {
		require.NotNil(t, flags.Lookup(flagName(field.Name)), "start has no flag for %s", field.Name)
	}
}
