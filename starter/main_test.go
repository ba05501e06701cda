package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"stemflow"
	"stemflow/internal/config"
	"stemflow/internal/devservers/serverstest"
	"stemflow/internal/program"
	"stemflow/starter/internal/archived"
	"stemflow/starter/internal/doctor"
	"stemflow/starter/internal/failure"
	"stemflow/starter/internal/view"
)

// asProgram makes the tests' binary the starter itself, for tests that send it signals.
const asProgram = "STARTER_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(serverstest.Run(m))
}

// newTestCLI is a starter in an environment with only the variables. Its outputs are no terminals.
func newTestCLI(stdin string, variables map[string]string) (c *cli, stdout, stderr *bytes.Buffer) {
	lookup := func(name string) (string, bool) {
		value, set := variables[name]
		return value, set
	}
	noTerminal := func() (program.TerminalSize, bool) { return program.TerminalSize{}, false }
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return &cli{
		invoked: invocation{name: "starter", command: "starter", shared: "starter"},
		stdin:   strings.NewReader(stdin), stdout: stdout, stderr: stderr,
		stdoutSize: noTerminal, stderrSize: noTerminal,
		config:   func() (config.Starter, error) { return config.LoadStarter(lookup) },
		minIO:    func() (config.MinIO, error) { return config.LoadMinIO(lookup) },
		provider: func() (*config.Provider, error) { return config.LoadProvider(lookup) },
		survey:   func() config.Survey { return config.NewSurvey(lookup, nil) },
		secrets:  func(profile string) []string { return config.AllSecrets(config.WithProfile(lookup, profile)) },
	}, stdout, stderr
}

// starter runs a command line in an environment with only the variables.
func starter(
	t testing.TB,
	stdin string,
	variables map[string]string,
	args ...string,
) (code int, stdout, stderr string) {
	c, out, errs := newTestCLI(stdin, variables)
	code = c.run(t.Context(), args)
	return code, out.String(), errs.String()
}

// nowhere is an address that nothing listens on.
func nowhere(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// allCommands are all commands that have flags and examples of ours.
func allCommands() []*cobra.Command {
	c, _, _ := newTestCLI("", nil)
	var all []*cobra.Command
	var add func(cmd *cobra.Command)
	add = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if sub.Name() != "help" && sub.Name() != "completion" {
				all = append(all, sub)
				add(sub)
			}
		}
	}
	add(c.root())
	return all
}

func TestUsage(t *testing.T) {
	code, stdout, stderr := starter(t, "", nil)
	require.Equal(t, failure.ExitUsage, code)
	require.Empty(t, stdout)
	for _, group := range groups {
		require.Contains(t, stderr, group.Title)
	}
	require.Contains(t, stderr, "Exit codes")

	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"-help"}} {
		code, stdout, _ = starter(t, "", nil, args...)
		require.Equal(t, failure.ExitDone, code)
		require.Equal(t, stderr, stdout)
	}
}

// The commands and their flags are released: they are added to, and never renamed.
func TestReleasedCommandsAndFlagsStay(t *testing.T) {
	track := []string{"task-id", "audio-id", "type", "stem-name"}
	place := append([]string{"bucket", "prefix", "manifest-key", "link-lifetime", "json"}, track...)
	start := append([]string{
		"bucket", "prefix", "separation-task-id", "callback-grace", "poll-interval", "deadline", "force", "allow-partial", "input", "wait", "json",
	}, track...)
	names := []string{"name", "file", "key", "json"}
	released := map[string][]string{
		"start": start, "resume": start,
		"watch": append([]string{"json"}, track...), "cancel": append([]string{"json", "workflow-id"}, track...),
		"show": append([]string{"links"}, place...), "listen": append([]string{"out", "publish"}, place...),
		"verify": append([]string{
			"bucket", "prefix", "read-data", "read-data-subset", "limit-rate", "deadline", "repair", "json",
		}, track...),
		"open": append([]string{"out"}, place...),
		"get":  append([]string{"bucket", "prefix", "manifest-key", "out", "stems", "zip", "name"}, track...),
		"list": {"bucket", "prefix", "long"}, "delete": append([]string{"bucket", "prefix", "yes", "dry-run"}, track...), "cost": {"by"}, "man": {"out"}, "doctor": {"for", "check"},
		"catalog": append([]string{
			"type", "stem-name", "bucket", "prefix", "callback-grace", "poll-interval", "deadline", "force", "allow-partial", "window", "credit-budget", "wait",
			"yes", "dry-run",
		}, names...),
		"catalog report": append([]string{"bucket", "prefix"}, names...), "catalog failures": append([]string{"bucket", "prefix"}, names...),
		"catalog retry": append([]string{
			"bucket", "prefix", "credit-budget", "yes", "dry-run", "window", "deadline", "allow-partial", "wait",
		}, names...),
		"catalog watch": names, "catalog pause": names, "catalog resume": names, "catalog cancel": names, "catalog window": append([]string{"window"}, names...),
	}
	for _, cmd := range allCommands() {
		for _, name := range released[nameOf(cmd)] {
			require.NotNil(t, lookup(cmd, name), "%s has lost --%s", nameOf(cmd), name)
		}
		delete(released, nameOf(cmd))
	}
	require.Empty(t, released, "commands are gone")
}

func TestHelpNamesEveryFlag(t *testing.T) {
	for _, cmd := range allCommands() {
		name := nameOf(cmd)
		words := strings.Fields(name)
		code, help, _ := starter(t, "", nil, append(words, "-h")...)
		require.Equal(t, failure.ExitDone, code)
		for _, args := range [][]string{append([]string{"help"}, words...), append(words, "-help"), append([]string{"--help"}, words...)} {
			code, same, _ := starter(t, "", nil, args...)
			require.Equal(t, failure.ExitDone, code, args)
			require.Equal(t, help, same, args)
		}
		require.Contains(t, help, cmd.Short[1:]+".\n")
		require.Contains(t, help, "\nExamples:\n  starter "+name)
		cmd.Flags().VisitAll(func(f *pflag.Flag) { require.Contains(t, help, "--"+f.Name, "of %s", name) })
		for line := range strings.Lines(help) {
			require.LessOrEqual(t, len(line), 121, "%s: %s", name, line)
		}
	}
}

// Each example of the help is a command line that parses.
func TestExamplesParse(t *testing.T) {
	for _, cmd := range allCommands() {
		for line := range strings.Lines(cmd.Example) {
			args := strings.Fields(line)[1:]
			c, _, _ := newTestCLI("", nil)
			root := c.root()
			found, flags, err := root.Find(args)
			require.NoError(t, err, line)
			require.Equal(t, nameOf(cmd), nameOf(found), line)
			require.NoError(t, found.ParseFlags(flags), line)
		}
	}
}

func TestWrongCommandLines(t *testing.T) {
	notJSON := filepath.Join(t.TempDir(), "input.json")
	require.NoError(t, os.WriteFile(notJSON, []byte("{"), 0o600))
	const spelt = ". The flags are spelt with dashes: taskId is --task-id.\n"
	lists := func(command string) string { return `"starter ` + command + ` -h" lists the flags.` + "\n" }
	const noTrack = "error: InvalidInput: taskId: is required, give the id of the music task that made the track, or audioUrl for a song of your own; " +
		"audioId: is required, give the id of the track within its music task" + spelt
	for _, c := range []struct {
		args   []string
		stderr string
	}{
		{[]string{"begin"}, "error: Usage: there is no command \"begin\". \"starter help\" lists the commands.\n"},
		{[]string{"", "x"}, "error: Usage: there is no command \"\". \"starter help\" lists the commands.\n"},
		{[]string{"--", "show", "x"}, "error: Usage: the command goes before \"--\". \"starter -h\" lists the flags.\n"},
		{[]string{"stert", "--task-id", "x"}, "error: Usage: there is no command \"stert\", did you mean start? \"starter help\" lists the commands.\n"},
		{[]string{"stert", "--no-such"}, "error: Usage: there is no command \"stert\", did you mean start? \"starter help\" lists the commands.\n"},
		{[]string{"help", "shwo"}, "error: Usage: there is no command \"shwo\", did you mean show? \"starter help\" lists the commands.\n"},
		{[]string{"catalog", "wach"}, "error: Usage: there is no command \"catalog wach\", did you mean watch? \"starter help catalog\" lists the commands.\n"},
		{[]string{"completion", "bsh"}, "error: Usage: there is no command \"completion bsh\", did you mean bash or fish or zsh? \"starter help completion\" lists the commands.\n"},
		{[]string{"completion"}, "error: Usage: give the shell: bash, fish, powershell or zsh. " + lists("completion")},
		{[]string{"help", "catalog", "stop"}, "error: Usage: there is no command \"catalog stop\". \"starter help catalog\" lists the commands.\n"},
		{[]string{"start", "--tsk-id", "x"}, "error: Usage: there is no flag --tsk-id, did you mean --task-id? " + lists("start")},
		{[]string{"start", "-tsk-id", "x"}, "error: Usage: there is no flag --tsk-id, did you mean --task-id? " + lists("start")},
		{[]string{"start", "--taskId=x"}, "error: Usage: there is no flag --taskId, did you mean --task-id? " + lists("start")},
		{[]string{"start", "--audio_id", "x"}, "error: Usage: there is no flag --audio_id, did you mean --audio-id? " + lists("start")},
		{[]string{"show", "--adddress", "x"}, "error: Usage: there is no flag --adddress, did you mean --address? " + lists("show")},
		{[]string{"start", "--colour"}, "error: Usage: there is no flag --colour. " + lists("start")},
		{[]string{"start", "-x"}, "error: Usage: there is no flag -x. " + lists("start")},
		{[]string{"catalog", "watch", "--nme", "june"}, "error: Usage: there is no flag --nme, did you mean --name? " + lists("catalog watch")},
		{[]string{"start", "--task-id"}, "error: Usage: --task-id needs a value. " + lists("start")},
		{[]string{"start", "--wait=perhaps"}, "error: Usage: \"perhaps\" is no value for --wait: use true or false. " + lists("start")},
		{[]string{"start", "-o", "yaml"}, "error: Usage: \"yaml\" is no value for --output: use text, json, jsonl. " + lists("start")},
		{[]string{"start", "--address", "http://localhost:7233"}, "error: Usage: --address is \"host:port\", like localhost:7233, without a scheme. " + lists("start")},
		{[]string{"resume", "--task-id", "a", "--audio-id", "b"}, "error: Usage: --separation-task-id is required: it says what is paid for. " + lists("resume")},
		{[]string{"start", "x"}, "error: InvalidInput: audioId: is required, give the id of the track within its music task" + spelt},
		{[]string{"start", "a", "b", "split_stem_advanced", "Lead Vocal", "x"},
			"error: Usage: \"x\" is one argument too many: start takes TASK_ID, AUDIO_ID, TYPE and STEM_NAME. " + lists("start")},
		{[]string{"show", "a", "b", "--task-id", "c"},
			"error: Usage: the argument \"a\" and --task-id \"c\" contradict each other: both are the task id. " + lists("show")},
		{[]string{"get", "a", "b", "split_stem", "--type=separate_vocal"},
			"error: Usage: the argument \"split_stem\" and --type \"separate_vocal\" contradict each other: both are the type. " + lists("get")},
		{[]string{"cancel", "a", "b", "--workflow-id", "x"}, "error: Usage: --workflow-id goes without the flags of a track. " + lists("cancel")},
		{[]string{"open", "a", "b", "--manifest-key", "x"}, "error: Usage: --manifest-key goes without --prefix and the flags of a track. " + lists("open")},
		{[]string{"get", "a", "b", "--name", "{stem}"},
			"error: Usage: --name: there is no field {stem}: use {name}, {taskId}, {audioId}, {type}, {ext}, {index}, {title}. " + lists("get")},
		{[]string{"get", "a", "b", "--name", "../{name}"},
			"error: Usage: --name: \"../{name}\" is no name below the folder: use no \"..\" and no empty part. " + lists("get")},
		{[]string{"delete", "a", "b"}, "error: Usage: nobody can be asked here: give --yes to remove, or --dry-run to look. " + lists("delete")},
		{[]string{"cost", "--by", "week"}, "error: Usage: \"week\" is no value for --by: use day, prefix, type. " + lists("cost")},
		{[]string{"list", "x"}, "error: Usage: \"x\" is not a flag, and list takes flags only. " + lists("list")},
		{[]string{"version", "x"}, "error: Usage: \"x\" is not a flag, and version takes flags only. " + lists("version")},
		{[]string{"start", "--deadline", "45"}, "error: Usage: \"45\" is no value for --deadline: write it with a unit, like 30s, 3m or 1h30m. " + lists("start")},
		{[]string{"start", "--task-id", "a b", "--type", "split"}, "error: InvalidInput: " +
			"taskId: \"a b\" is not an id of the provider (letters, digits, '.', '_' and '-', at most 128); " +
			"audioId: is required, give the id of the track within its music task; " +
			"type: \"split\" is unknown, use separate_vocal, split_stem or split_stem_advanced" + spelt},
		{[]string{"start", "--input", notJSON}, "error: Usage: the input is not JSON: unexpected end of JSON input. " + lists("start")},
		{[]string{"start", "--input", notJSON + ".gone"}, "error: Usage: the input cannot be read: open " + notJSON + ".gone: no such file or directory. " + lists("start")},
		{[]string{"watch", "--task-id", "x"}, "error: InvalidInput: audioId: is required, give the id of the track within its music task" + spelt},
		{[]string{"cancel"}, noTrack},
		{[]string{"start", "--json=false"}, noTrack},
		{[]string{"cancel", "--workflow-id", "x", "--task-id", "y"}, "error: Usage: --workflow-id goes without the flags of a track. " + lists("cancel")},
		{[]string{"show", "--manifest-key", "x", "--prefix", "y"}, "error: Usage: --manifest-key goes without --prefix and the flags of a track. " + lists("show")},
		{[]string{"show", "--task-id", "x", "--audio-id", "y", "--links=false", "--link-lifetime", "2h"},
			"error: Usage: --link-lifetime goes without --links=false. " + lists("show")},
		{[]string{"show", "--link-lifetime", "7d"}, "error: Usage: \"7d\" is no value for --link-lifetime: write it with a unit, like 30s, 3m or 1h30m. " + lists("show")},
		{[]string{"listen", "--out", "-", "--publish"}, "error: Usage: --out - prints the page alone: it goes without --publish and --json. " + lists("listen")},
		{[]string{"listen", "--audio-id", "y"}, "error: InvalidInput: taskId: is required, give the id of the music task that made the track, or audioUrl for a song of your own" + spelt},
		{[]string{"show", "--task-id", "x", "--audio-id", "y"}, "error: InvalidConfiguration: the environment has 3 problems: " +
			"MINIO_ACCESS_KEY: is required, give the access key of a user that may read and write the bucket; " +
			"MINIO_SECRET_KEY: is required, give the secret key that belongs to MINIO_ACCESS_KEY; " +
			"MINIO_ENDPOINT: is required, give \"host:port\", like \"localhost:9000\"\n"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			code, stdout, stderr := starter(t, "", nil, c.args...)
			require.Equal(t, failure.ExitUsage, code)
			require.Empty(t, stdout)
			require.Equal(t, c.stderr, stderr)
		})
	}
}

func TestJSONOnly(t *testing.T) {
	for _, args := range [][]string{
		{"start", "--json"}, {"start", "--json", "--no-such-flag"}, {"start", "x", "-json"}, {"cancel", "--json"}, {"show", "--json"}, {"watch", "--json"},
		{"listen", "--json"}, {"listen", "--json", "--out", "-"}, {"start", "--json=true"}, {"start", "--json=1", "--no-such-flag"}, {"start", "-json=true"},
		{"start", "-o", "json"}, {"start", "-ojson"}, {"start", "-o=json"}, {"start", "--output=json"}, {"start", "--no-such-flag", "--output", "json"},
		{"-o", "json", "start"}, {"--json", "begin"}, {"begin", "--json"}, {"start", "-o", "jsonl"}, {"--output=jsonl", "catalog", "watch"},
		{"--json"}, {"-o", "jsonl"}, {"start", "--json", "-o", "text"}, {"start", "--json", "-o", "jsonl"}, {"start", "--json", "--json=perhaps"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			code, stdout, stderr := starter(t, "", nil, args...)
			require.Equal(t, failure.ExitUsage, code)
			require.Empty(t, stderr)
			var printed struct {
				Error struct{ Type, Message string }
			}
			require.NoError(t, json.Unmarshal([]byte(stdout), &printed), stdout)
			require.NotEmpty(t, printed.Error.Type)
			require.NotEmpty(t, printed.Error.Message)
			if strings.Contains(strings.Join(args, " "), "jsonl") {
				require.Equal(t, 1, strings.Count(stdout, "\n"), stdout)
			}
		})
	}
}

// What is the value of another flag asks for nothing.
func TestTextUnlessJSONIsAskedFor(t *testing.T) {
	for _, args := range [][]string{
		{"start", "--task-id", "--json"}, {"start", "--task-id", "-ojson"}, {"start", "--task-id=--json"}, {"start", "--json=false"}, {"start", "--", "--json"},
		{"start", "--task-id", "-json"}, {"start", "-o", "text"}, {"start", "--output", "--json"},
	} {
		code, stdout, stderr := starter(t, "", nil, args...)
		require.Equal(t, failure.ExitUsage, code, args)
		require.Empty(t, stdout, args)
		require.Regexp(t, `^error: .*\n$`, stderr, args)
	}
}

func TestFlagsWithOneDashAreStillTaken(t *testing.T) {
	c, _, _ := newTestCLI("", nil)
	root := c.root()
	for _, want := range []struct{ typed, meant string }{
		{"start -task-id a -audio-id=b -wait", "start --task-id a --audio-id=b --wait"},
		{"start -task-id -audio-id", "start --task-id -audio-id"},
		{"catalog window -window 4 -name june -json", "catalog window --window 4 --name june --json"},
		{"catalog -credit-budget -1", "catalog --credit-budget -1"},
		{"listen -out -", "listen --out -"},
		{"listen -output json", "listen --output json"},
		{"listen -ojson -o=jsonl -o text", "listen -ojson -o=jsonl -o text"},
		{"listen -outt x", "listen --outt x"},
		{"-quiet start", "--quiet start"},
		{"start -h", "start -h"},
		{"start -- -json", "start -- -json"},
		{"-version", "--version"},
		{"start -ü", "start -ü"},
		{"start -", "start -"},
		{"__complete start -t", "__complete start -t"},
	} {
		require.Equal(t, strings.Fields(want.meant), spellOut(root, strings.Fields(want.typed)))
	}
}

// Whatever is typed gets an answer, and what scripts read is JSON if they asked for it.
func FuzzCommandLine(f *testing.F) {
	for _, line := range []string{
		"start --task-id x", "catalog window --window=3", "-o json -h", "--json -x -- start", "help catalog", "start -=", "---", "-o", "completion bash", "--=x",
		"start -\xff", "version -o\x00", "show a b split_stem", "get a b --task-id=c",
	} {
		f.Add(line)
	}
	f.Setenv("TEMPORAL_ADDRESS", "http://nowhere") // which ends whatever would ask Temporal
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		for _, arg := range args { // nothing may be waited for here, and no file be written
			if arg == "man" || strings.Contains(arg, "address") || strings.Contains(arg, "profile") || strings.Contains(arg, "audio-id") || strings.Contains(arg, "input") || strings.Contains(arg, "name") ||
				strings.Contains(arg, "key") || strings.Contains(arg, "file") || strings.Contains(arg, "workflow-id") {
				t.Skip()
			}
		}
		code, stdout, stderr := starter(t, "", nil, args...)
		require.Contains(t, []int{failure.ExitDone, failure.ExitUsage}, code, stderr)
		require.NotEmpty(t, stdout+stderr)
	})
}

func TestInputThenFlags(t *testing.T) {
	c, _, _ := newTestCLI(
		`{"taskId":"5c79","audioId":"e231","type":"split_stem","callbackGrace":"1m","force":true,"allowPartial":true}`, nil)
	o, cmd := &startOptions{}, &cobra.Command{}
	o.declare(c, cmd)
	require.NoError(t, cmd.ParseFlags([]string{
		"--input", "-", "--audio-id", "a7", "--deadline", "1h30m", "--force=false", "--bucket", "b-1", "--wait",
	}))
	require.NoError(t, o.complete(c, cmd))
	require.Equal(t, startOptions{
		in: stemflow.SeparateStemsInput{
			TaskID: "5c79", AudioID: "a7", Type: stemflow.SplitStem, Bucket: "b-1", AllowPartial: true,
			CallbackGrace: stemflow.Duration(time.Minute), Deadline: stemflow.Duration(90 * time.Minute),
		},
		inputFile: "-", wait: true,
	}, *o)

	c, _, _ = newTestCLI(`{"taskId":"5c79","audioId":"e231","deadline":"1h"}`, nil)
	o, cmd = &startOptions{}, &cobra.Command{}
	o.declare(c, cmd)
	require.NoError(t, cmd.ParseFlags([]string{"--input", "-", "--deadline", "0s"}))
	require.NoError(t, o.complete(c, cmd), "what is as by default")
	require.Zero(t, o.in.Deadline)

	code, _, stderr := starter(t, `{"taskId":"5c79","audioID":"e231"}`, nil, "start", "--input", "-")
	require.Equal(t, failure.ExitUsage, code)
	require.Contains(t, stderr, "audioID: no such field, did you mean audioId?")
}

func TestUnreachable(t *testing.T) {
	address := nowhere(t)
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	t.Setenv("TEMPORAL_ADDRESS", address)
	for _, command := range []string{"start", "watch", "cancel"} {
		code, stdout, stderr := starter(t, "", nil, command, "--task-id", "5c79", "--audio-id", "e231")
		require.Equal(t, failure.ExitFailed, code)
		require.Empty(t, stdout)
		require.Regexp(t, "^error: TemporalUnavailable: Temporal at "+address+" cannot be reached: .*TEMPORAL_ADDRESS.*\n$", stderr)
	}
	other := nowhere(t)
	code, _, stderr := starter(t, "", nil, "--address", other, "catalog", "pause", "--name", "june")
	require.Equal(t, failure.ExitFailed, code)
	require.Contains(t, stderr, "Temporal at "+other+" cannot be reached: ", "the flag goes before the environment")
	_, _, stderr = starter(t, "", nil, "--address", "::1", "catalog", "pause", "--name", "june")
	require.Contains(t, stderr, `Temporal at ::1 (which has no port, give "host:port") cannot be reached: `)

	code, _, stderr = starter(t, "", map[string]string{
		"MINIO_ENDPOINT": address, "MINIO_ACCESS_KEY": "access", "MINIO_SECRET_KEY": "secretkey",
	}, "show", "--task-id", "5c79", "--audio-id", "e231")
	require.Equal(t, failure.ExitFailed, code)
	require.Regexp(t, "^error: ArchiveUnavailable: .*5c79/e231/separate_vocal/manifest.json.*\n$", stderr)

	t.Setenv("TEMPORAL_ADDRESS", "http://"+address)
	code, _, stderr = starter(t, "", nil, "start", "--task-id", "5c79", "--audio-id", "e231")
	require.Equal(t, failure.ExitUsage, code)
	require.Contains(t, stderr, "error: InvalidConfiguration: TEMPORAL_ADDRESS: give")
}

// A hint speaks of flags, which a command that starts a run must have.
func TestHintForEveryErrorType(t *testing.T) {
	flags := newStartCommand(&cli{}).Flags()
	flags.AddFlagSet(newWAVCommand(&cli{}).Flags())
	for _, kind := range stemflow.ErrorTypes() {
		hint := failure.HintFor(kind.Name)
		require.Regexp(t, `^[A-Z].*\.$`, hint, kind.Name)
		require.NotContains(t, hint, "`", kind.Name)
		require.Equal(t, kind.Paid == stemflow.PaidNo, strings.HasSuffix(hint, "Nothing was paid."), kind.Name)
		for _, name := range regexp.MustCompile(`--[a-z-]+`).FindAllString(hint, -1) {
			require.NotNil(t, flags.Lookup(name[2:]), "%s: there is no flag %s", kind.Name, name)
		}
	}
	require.Contains(t, failure.HintFor(stemflow.ErrorSubmissionUnknown), "--separation-task-id")
	require.Contains(t, failure.HintFor(stemflow.ErrorSourceTooLarge), " STEMFLOW_MAX_STEM_SIZE ")
	require.Empty(t, failure.HintFor("Unforeseen"))
}

func TestEveryInputFieldHasAFlag(t *testing.T) {
	flags := newStartCommand(&cli{}).Flags()
	for _, field := range stemflow.InputFields() {
		require.NotNil(t, flags.Lookup(failure.FlagName(field.Name)), "start has no flag for %s", field.Name)
	}
}

func TestVersion(t *testing.T) {
	want := "starter " + program.Version() + "\n"
	for _, args := range [][]string{{"version"}, {"--version"}, {"-version"}} {
		code, stdout, stderr := starter(t, "", nil, args...)
		require.Zero(t, code)
		require.Equal(t, want, stdout)
		require.Empty(t, stderr)
	}
	_, stdout, _ := starter(t, "", nil, "version", "--json")
	var printed map[string]string
	require.NoError(t, json.Unmarshal([]byte(stdout), &printed))
	require.Equal(t, map[string]string{"version": program.Version(), "commit": program.Commit()}, printed)
}

func TestCompletion(t *testing.T) {
	_, stdout, _ := starter(t, "", nil, "__complete", "")
	for _, cmd := range allCommands() {
		if cmd.Parent().HasParent() {
			continue
		}
		require.Contains(t, stdout, cmd.Name()+"\t"+cmd.Short+"\n")
	}
	_, stdout, _ = starter(t, "", nil, "__complete", "catalog", "")
	for _, name := range []string{"watch", "pause", "resume", "window", "cancel"} {
		require.Contains(t, stdout, name+"\t")
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"start", "--type", ""}, "separate_vocal\nsplit_stem\nsplit_stem_advanced\n:4\n"},
		{[]string{"catalog", "--type", ""}, "separate_vocal\nsplit_stem\nsplit_stem_advanced\n:4\n"},
		{[]string{"show", "-o", ""}, "text\njson\njsonl\n:4\n"},
		{[]string{"show", "--output", ""}, "text\njson\njsonl\n:4\n"},
		{[]string{"catalog", "report", "-o", ""}, "text\njson\njsonl\ncsv\n:4\n"},
		{[]string{"start", "--task-id", ""}, ":4\n"},
		{[]string{"start", ""}, ":0\n"}, // of a song
		{[]string{"start", "song.mp3", ""}, "separate_vocal\nsplit_stem\nsplit_stem_advanced\n:4\n"},
		{[]string{"start", "5c79", ""}, ":4\n"},
		{[]string{"show", "5c79", "e231", ""}, "separate_vocal\nsplit_stem\nsplit_stem_advanced\n:4\n"},
		{[]string{"get", "--out", ""}, ":0\n"},
		{[]string{"cost", "--by", ""}, "day\nprefix\ntype\n:4\n"},
		{[]string{"start", "--input", ""}, ":0\n"},
		{[]string{"catalog", "--file", ""}, ":0\n"},
		{[]string{"listen", "--out", ""}, ":0\n"},
		{[]string{"help", "catalog", "wat"}, "watch\tshow the progress of a catalogue, without ever starting one\n:4\n"},
	} {
		code, stdout, _ := starter(t, "", nil, append([]string{"__complete"}, c.args...)...)
		require.Zero(t, code)
		require.Equal(t, c.want, stdout, c.args)
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		code, stdout, stderr := starter(t, "", nil, "completion", shell)
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "starter")
		require.Contains(t, stdout, "__complete")
	}
}

func TestAdviceIsSpelledAsTheUserCallsTheProgram(t *testing.T) {
	path := t.TempDir()
	t.Setenv("PATH", path)
	installed := filepath.Join(path, "starter")
	require.NoError(t, os.WriteFile(installed, []byte("#!/bin/sh\n"), 0o700))
	const cached = "/root/.cache/go-build/00/00c7bc3b0534879898b15be413b559235e2dadecc1052979e44340081a1a25de-d/starter"
	for arg0, want := range map[string]invocation{
		"starter":                   {"starter", "starter", "starter"},
		installed:                   {"starter", "starter", "starter"},
		"./starter":                 {"starter", "./starter", "starter"},
		"/opt/my tools/starter":     {"starter", "'/opt/my tools/starter'", "starter"},
		"bin/stemflow":              {"stemflow", "bin/stemflow", "stemflow"},
		"temporal-stemflow":         {"temporal-stemflow", "temporal stemflow", "temporal stemflow"},
		"/go/bin/temporal-stemflow": {"temporal-stemflow", "temporal stemflow", "temporal stemflow"},
		"/tmp/go-build858158175/b001/exe/starter": {"starter", "go run ./starter", "go run ./starter"},
		cached:                       {"starter", "go run ./starter", "go run ./starter"},
		"/home/me/go-builds/starter": {"starter", "/home/me/go-builds/starter", "starter"},
	} {
		require.Equal(t, want, invokedAs(arg0), arg0)
	}

	c, _, stderr := newTestCLI("", nil)
	c.invoked = invokedAs(cached)
	require.Equal(t, failure.ExitUsage, c.run(t.Context(), []string{"stert"}))
	require.Contains(t, stderr.String(), `"go run ./starter help" lists the commands.`)
	c.global.server.Address = "temporal:7233"
	const track = " --task-id 5c79 --audio-id e231 --type split_stem_advanced --stem-name 'Lead Vocal'"
	require.Equal(t, "  watch   go run ./starter watch"+track+" --address temporal:7233\n"+
		"  cancel  go run ./starter cancel"+track+" --address temporal:7233\n"+
		"  show    go run ./starter show"+track+" --bucket other  (when it is done)",
		c.nextSteps(stemflow.SeparateStemsInput{
			TaskID: "5c79", AudioID: "e231", Type: stemflow.SplitStemAdvanced, StemName: "Lead Vocal", Bucket: "other", Force: true,
		}))
}

func TestADumbTerminalGetsLines(t *testing.T) {
	c, _, _ := newTestCLI("", nil)
	c.stderrSize = func() (program.TerminalSize, bool) { return program.TerminalSize{Columns: 80, Rows: 24}, true }
	for _, want := range []struct {
		variables       map[string]string
		drawn, coloured bool
	}{
		{nil, true, true},
		{map[string]string{"TERM": "xterm-256color"}, true, true},
		{map[string]string{"NO_COLOR": "1"}, true, false},
		{map[string]string{"TERM": "dumb"}, false, true},
	} {
		cfg, err := config.LoadStarter(func(name string) (string, bool) { v, ok := want.variables[name]; return v, ok })
		require.NoError(t, err)
		screen := c.screen(cfg)
		_, drawn := screen.Size()
		require.Equal(t, want.drawn, drawn, want.variables)
		require.Equal(t, want.coloured, screen.Colored, want.variables)
	}
}

func TestPrintedJSONIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/reference.md")
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(text), "### What is printed as JSON\n")
	section, _, _ = strings.Cut(section, "\n### ")
	for command, documents := range map[string][]any{
		"`start`":   {startedRun{}, gotStems{}},
		"`cancel`":  {cancelledRun{}},
		"`show`":    {linkedManifest{}},
		"`listen`":  {listenPage{}, openedPage{}},
		"`list`":    {listedTracks{}, archived.Found{}},
		"`delete`":  {removed{}},
		"`cost`":    {archived.Costs{}, archived.Spent{}, archived.Row{}},
		"`catalog`": {startedCatalog{}, view.Price{}},
		"`doctor`":  {doctor.Result{}, doctor.Finding{}},
	} {
		_, row, found := strings.Cut(section, "\n| "+command)
		require.True(t, found, command)
		row, _, _ = strings.Cut(row, "\n")
		for _, document := range documents {
			for field := range reflect.TypeOf(document).Fields() {
				name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				if name != "" {
					require.Regexp(t, "[`\"]"+name+"[`\"]", row, "%s prints %T", command, document)
				}
			}
		}
	}
}

// What is left of a result on a full disk must not pass for all of it.
func TestResultsThatAreNotWrittenAreAFailure(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"version"}, failure.ExitFailed, "error: FileUnwritable: the results cannot be written to standard output: "},
		{[]string{"version", "--json"}, failure.ExitFailed, "error: FileUnwritable: the results cannot be written"},
		{[]string{"--version"}, failure.ExitFailed, "error: FileUnwritable: the results cannot be written"},
		{[]string{"completion", "bash"}, failure.ExitFailed, "error: FileUnwritable: the results cannot be written"},
		{[]string{"help", "start"}, failure.ExitFailed, "error: FileUnwritable: the results cannot be written"},
		{[]string{"start", "--json"}, failure.ExitUsage, "error: InvalidInput: taskId: is required"},
		{[]string{"doctor"}, failure.ExitUsage, "error: Unwell: a check has failed"},
	} {
		cli, _, stderr := newTestCLI("", map[string]string{"KIE_API_KEY": "a", "MINIO_ENDPOINT": "minio"})
		cli.stdout = fullDisk{}
		require.Equal(t, c.code, cli.run(t.Context(), c.args), c.args)
		require.Contains(t, stderr.String(), c.want, c.args)
		require.Equal(t, 1, strings.Count(stderr.String(), "error: "), c.args)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
