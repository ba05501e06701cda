package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"stemflow"
)

// useServersOf brings the project up without a Temporal and a MinIO of its own, lets it reach
// another project's under names that only its settings know, and separates a track.
func (p project) useServersOf(ctx context.Context, other project) error {
	if err := p.compose(ctx, "create"); err != nil { // makes the network, too
		return err
	}
	network := p.name + "_default"
	for service, alias := range map[string]string{"temporal": "existing-temporal", "storegate": "existing-store"} {
		container, err := other.output(ctx, "ps", "--quiet", service)
		if err != nil {
			return err
		}
		container = strings.TrimSpace(container)
		out, err := exec.CommandContext(ctx, "docker", "network", "connect", "--alias", alias,
			network, container).
			CombinedOutput()
		if err != nil {
			return fmt.Errorf("docker network connect: %w: %s", err, out)
		}
		// The network cannot be removed while the container is on it.
		defer func() { _ = exec.Command("docker", "network", "disconnect", network, container).Run() }()
	}
	if err := p.compose(ctx, "up", "--detach", "--wait"); err != nil {
		return err
	}
	services, err := p.output(ctx, "ps", "--all", "--services")
	if err != nil {
		return err
	}
	for service := range strings.FieldsSeq(services) {
		if service == "temporal" || service == "storegate" || strings.HasPrefix(service, "minio") {
			return fmt.Errorf("%s runs, although it was not asked for", service)
		}
	}
	in := stemflow.SeparateStemsInput{TaskID: "composetest", AudioID: "external", Type: stemflow.SplitStem}
	result, err := p.starter(ctx, in, "--wait")
	if err != nil {
		return fmt.Errorf("%w\n%s", err, p.logs())
	}
	return other.checkArchive(ctx, result)
}
