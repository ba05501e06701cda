package config

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The OpenTelemetry SDK reads its own variables by itself, which no look at our code can show:
// internal/telemetry makes it do so, once LoadTracing has said so.
//
// exempt are internal/devservers and internal/devtools, which hand the environment as it is to the
// programs that they start and build, and whose importer builds in seconds; tools, whose module
// cannot import this one's internals; and examples, which show how another product does it.
var exempt = []string{"internal/devservers", "internal/devtools", "tools", "examples"}

// environmentReads finds where a file reads the environment. Handing os.LookupEnv to this package
// is how it is meant to be done.
func environmentReads(set *token.FileSet, file *ast.File) []string {
	imported := map[string]string{}
	for _, i := range file.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		name := path[strings.LastIndex(path, "/")+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		imported[name] = path
	}
	selected := func(n ast.Node) (path, name string) {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				return imported[x.Name], s.Sel.Name
			}
		}
		return "", ""
	}
	var reads []string
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if path, _ := selected(call.Fun); strings.HasSuffix(path, "/internal/config") {
				return false
			}
		}
		path, name := selected(n)
		reader := (path == "os" || path == "syscall") &&
			slices.Contains([]string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}, name)
		if reader || path == "go.temporal.io/sdk/contrib/envconfig" {
			reads = append(reads, fmt.Sprintf("%s: %s.%s", set.Position(n.Pos()), path, name))
		}
		return true
	})
	return reads
}

func TestNothingElseReadsTheEnvironment(t *testing.T) {
	const root = "../.."
	set, files := token.NewFileSet(), 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if inside == "internal/config" || slices.Contains(exempt, inside) ||
				inside != "." && strings.HasPrefix(entry.Name(), ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files++
		require.Empty(
			t,
			environmentReads(set, file),
			"only internal/config reads the environment: let it read this variable too",
		)
		return nil
	}))
	require.Greater(t, files, 5, "the repository's files are not where this test looks for them")
}

func TestEnvironmentReadsAreFound(t *testing.T) {
	for source, reads := range map[string]int{
		`import "os"; var a = os.Getenv("A")`:                                                                         1,
		`import "os"; var a, _ = os.LookupEnv("A")`:                                                                   1,
		`import system "os"; var a = system.Environ()`:                                                                1,
		`import "os"; var look = os.LookupEnv`:                                                                        1,
		`import "syscall"; var a, _ = syscall.Getenv("A")`:                                                            1,
		`import "go.temporal.io/sdk/contrib/envconfig"; var a = envconfig.MustLoadDefaultClientOptions()`:             1,
		`import ("os"; "stemflow/internal/config"); var a, _ = config.LoadWorker(os.LookupEnv)`:                       0,
		`import "os"; var a = os.Args`:                                                                                0,
		`import "example.com/os2"; type b struct{}; func (b) Getenv(string) {}; func c() { var os b; os.Getenv("") }`: 0,
	} {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, "source.go", "package p;"+source, parser.SkipObjectResolution)
		require.NoError(t, err, source)
		require.Len(t, environmentReads(set, file), reads, source)
	}
}
