package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"stemflow/internal/devtools"
	"stemflow/kiesim"
)

// project is the compose project under one name.
type project struct {
	name string
	env  []string
}

// settings are the variables that configure the project: the test must not be configured by the
// caller's.
var settings = []string{
	"COMPOSE_", "KIE_", "KIESIM_", "LOCAL_", "MINIO_", "STEMFLOW_", "TEMPORAL_", "BRIDGE_", "WORKER_",
}

// freePorts leave the choice to the engine. Each start of a container makes another one.
var freePorts = []string{
	"TEMPORAL_PORT=0", "TEMPORAL_UI_PORT=0", "MINIO_PORT=0", "MINIO_CONSOLE_PORT=0", "KIESIM_PORT=0", "BRIDGE_PORT=0",
	"BRIDGE_METRICS_PORT=0", "WORKER_METRICS_PORT=0",
}

func (p project) command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	root, err := devtools.ModuleRoot()
	if err != nil {
		return nil, err
	}
	// A file without variables keeps the caller's .env out.
	args = append([]string{"compose", "--env-file", "/dev/null", "--progress", "quiet", "--project-name", p.name,
		"--file", filepath.Join(root, "docker-compose.yml")}, args...)
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = devtools.Environment(settings, append(freePorts, p.env...)...)
	return cmd, nil
}

// output runs docker compose and returns its standard output. The error has what it said on
// standard error.
func (p project) output(ctx context.Context, args ...string) (string, error) {
	cmd, err := p.command(ctx, args...)
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("docker compose %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.String(), nil
}

func (p project) compose(ctx context.Context, args ...string) error {
	_, err := p.output(ctx, args...)
	return err
}

// remove forgets the project with its volumes, whatever state it is in.
func (p project) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := p.compose(ctx, "--profile", "starter", "down", "--volumes", "--remove-orphans"); err != nil {
		fmt.Println("the project is left behind:", err)
	}
}

func (p project) logs() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	text, _ := p.output(ctx, "logs", "--no-color", "--tail", "15")
	return text
}

// address is where a service's port is reached from here.
func (p project) address(ctx context.Context, service string, port int) (string, error) {
	out, err := p.output(ctx, "port", service, fmt.Sprint(port))
	return strings.TrimSpace(out), err
}

func (p project) bill(ctx context.Context) (kiesim.Bill, error) {
	var bill kiesim.Bill
	addr, err := p.address(ctx, "kiesim", 8090)
	if err != nil {
		return bill, err
	}
	response, err := http.Get("http://" + addr + "/sim/bill")
	if err != nil {
		return bill, err
	}
	defer response.Body.Close()
	return bill, json.NewDecoder(response.Body).Decode(&bill)
}

// setScenario says how the provider's stand-in behaves towards a track.
func (p project) setScenario(ctx context.Context, audioID string, scenario kiesim.Scenario) error {
	return p.control(ctx, "knobs", struct {
		AudioID string `json:"audioId"`
		kiesim.Scenario
	}{audioID, scenario})
}

// settle ends a track's pending task.
func (p project) settle(ctx context.Context, audioID string) error {
	bill, err := p.bill(ctx)
	if err != nil {
		return err
	}
	for _, charge := range bill.Charges {
		if charge.AudioID == audioID {
			return p.control(ctx, "settle", map[string]string{"taskId": charge.TaskID})
		}
	}
	return fmt.Errorf("the provider has no task of %s", audioID)
}

// control asks the provider's stand-in for something.
func (p project) control(ctx context.Context, what string, request any) error {
	addr, err := p.address(ctx, "kiesim", 8090)
	if err != nil {
		return err
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	response, err := http.Post("http://"+addr+"/sim/"+what, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("kiesim refuses %s: %s", what, response.Status)
	}
	return nil
}

// builtStore is the image of MinIO that buildStore builds.
const builtStore = "stemflow-minio:composetest"

func buildStore(ctx context.Context) error {
	root, err := devtools.ModuleRoot()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "docker", "build", "--quiet", "--target", "minio", "--tag", builtStore, root)
	cmd.Env = devtools.Environment(nil, "DOCKER_BUILDKIT=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("docker build: %w\n%s", err, out)
	}
	return nil
}
