// Package programs builds what the local stack runs.
package programs

import (
	"context"
	"fmt"
	"path/filepath"

	"stemflow/internal/devtools"
)

// Stack is the program that runs the local stack.
const Stack = "stack"

// packages are what stemflow is in production, the provider's stand-in, and what runs them here.
var packages = map[string]string{
	"worker":         "./worker",
	"callbackbridge": "./callbackbridge/cmd/callbackbridge",
	"starter":        "./starter",
	"kiesim":         "./kiesim/cmd/kiesim",
	Stack:            "./localstack/stack",
}

// Tools are the servers, and what sets them up.
func Tools() []string { return []string{"temporal", "minio", "miniosetup"} }

// Path is where a program of stemflow's is built.
func Path(dir, name string) string { return filepath.Join(folder(dir), name) }

func folder(dir string) string { return filepath.Join(dir, "bin") }

// Build builds everything that will run: of stemflow for dir, and the tools for all. Between the
// two it calls check, so that a mistake is not found minutes later.
func Build(
	ctx context.Context, root, dir string, display devtools.Display, check func(context.Context) error,
) error {
	own := devtools.Build{Dir: root, Env: devtools.Environment(nil), Into: folder(dir), Then: check}
	for _, name := range []string{Stack, "worker", "callbackbridge", "starter", "kiesim"} {
		own.Names = append(own.Names, name)
		own.Packages = append(own.Packages, packages[name])
	}
	tools, release, err := devtools.ToolBuilds(ctx, func(line string) { fmt.Println(line) }, Tools()...)
	if err != nil {
		return err
	}
	defer release()
	return append(devtools.Builds{own}, tools...).Run(ctx, display)
}
