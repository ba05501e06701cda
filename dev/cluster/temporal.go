package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"stemflow"
	"stemflow/dev/internal/proving"
	"stemflow/internal/devservers"
	"stemflow/internal/devtools"
)

// historyShards is what the histories are spread over.
const historyShards = 16

// services are Temporal's, and how many processes serve each.
var services = []struct {
	name      string
	processes int
}{{"frontend", 2}, {"history", 2}, {"matching", 2}, {"worker", 1}}

// node is one of Temporal's processes.
type node struct {
	service, name                  string
	port, membershipPort, httpPort int
}

func (n node) addr() string { return address(n.port) }

// opens is the address that is open once the process has joined the others. The worker serves
// nobody.
func (n node) opens() string {
	if n.service == "worker" {
		return address(n.membershipPort)
	}
	return n.addr()
}

// nodes are all of Temporal's processes, on ports of their own.
func nodes() ([]node, error) {
	var all []node
	for _, service := range services {
		for i := range service.processes {
			all = append(all, node{service: service.name, name: fmt.Sprintf("temporal-%s-%d", service.name, i+1)})
		}
	}
	free, err := devservers.FreePorts(3 * len(all))
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].port, all[i].membershipPort = free[3*i], free[3*i+1]
		if all[i].service == "frontend" { // over which Nexus operations are completed
			all[i].httpPort = free[3*i+2]
		}
	}
	return all, nil
}

// The server's configuration, as far as it is set here. JSON is YAML.
type (
	serverConfig struct {
		Log struct {
			Stdout bool   `json:"stdout"`
			Level  string `json:"level"`
		} `json:"log"`
		Persistence         persistence              `json:"persistence"`
		Global              map[string]any           `json:"global"`
		Services            map[string]serviceConfig `json:"services"`
		ClusterMetadata     map[string]any           `json:"clusterMetadata"`
		DynamicConfigClient map[string]string        `json:"dynamicConfigClient"`
		DCRedirectionPolicy map[string]string        `json:"dcRedirectionPolicy"`
	}
	persistence struct {
		DefaultStore     string               `json:"defaultStore"`
		VisibilityStore  string               `json:"visibilityStore"`
		NumHistoryShards int                  `json:"numHistoryShards"`
		Datastores       map[string]datastore `json:"datastores"`
	}
	datastore struct {
		SQL sqlStore `json:"sql"`
	}
	sqlStore struct {
		PluginName      string `json:"pluginName"`
		DatabaseName    string `json:"databaseName"`
		ConnectAddr     string `json:"connectAddr"`
		ConnectProtocol string `json:"connectProtocol"`
		User            string `json:"user"`
		Password        string `json:"password"`
		MaxConns        int    `json:"maxConns"`
		MaxIdleConns    int    `json:"maxIdleConns"`
		MaxConnLifetime string `json:"maxConnLifetime"`
	}
	serviceConfig struct {
		RPC rpcConfig `json:"rpc"`
	}
	rpcConfig struct {
		GRPCPort        int  `json:"grpcPort"`
		MembershipPort  int  `json:"membershipPort"`
		HTTPPort        int  `json:"httpPort,omitempty"`
		BindOnLocalHost bool `json:"bindOnLocalHost"`
	}
)

const (
	sqlPlugin          = "postgres12"
	mainDatabase       = "temporal"
	visibilityDatabase = "temporal_visibility"
	// mainConns and visibilityConns are Temporal's own suggestions, for each process.
	mainConns, visibilityConns = 20, 10
)

// config is the configuration of one process. It lists all four services, and for its own the ports
// that are its own.
func (n node) config(all []node, db *postgres, dynamicConfig string) serverConfig {
	store := func(database string, conns int) datastore {
		return datastore{sqlStore{
			PluginName: sqlPlugin, DatabaseName: database, ConnectAddr: address(db.port), ConnectProtocol: "tcp",
			User: databaseUser, Password: db.password,
			MaxConns: conns, MaxIdleConns: conns, MaxConnLifetime: "1h",
		}}
	}
	var c serverConfig
	c.Log.Stdout, c.Log.Level = true, "warn"
	c.Persistence = persistence{
		DefaultStore: "main", VisibilityStore: "visibility", NumHistoryShards: historyShards,
		Datastores: map[string]datastore{
			"main":       store(mainDatabase, mainConns),
			"visibility": store(visibilityDatabase, visibilityConns),
		},
	}
	c.Global = map[string]any{
		"membership": map[string]string{"maxJoinDuration": "30s", "broadcastAddress": loopback},
	}
	c.Services = map[string]serviceConfig{}
	for _, other := range all {
		if _, found := c.Services[other.service]; !found || other == n {
			c.Services[other.service] = serviceConfig{rpcConfig{other.port, other.membershipPort, other.httpPort, true}}
		}
	}
	c.ClusterMetadata = map[string]any{
		"enableGlobalNamespace": false, "failoverVersionIncrement": 10,
		"masterClusterName": "active", "currentClusterName": "active",
		"clusterInformation": map[string]any{"active": map[string]any{
			"enabled": true, "initialFailoverVersion": 1, "rpcName": "frontend", "rpcAddress": all[0].addr(),
			"httpAddress": address(all[0].httpPort),
		}},
	}
	c.DynamicConfigClient = map[string]string{"filepath": dynamicConfig, "pollInterval": "1m"}
	c.DCRedirectionPolicy = map[string]string{"policy": "noop"}
	return c
}

// settings are all that is not the server's default: it looks up no new version on the Internet,
// and before 1.31 it has to be told how Nexus operations are completed.
func settings(s server, all []node) string {
	text := "frontend.enableServerVersionCheck:\n  - value: false\n"
	if s == next {
		return text
	}
	return text + fmt.Sprintf(`component.nexusoperations.callback.endpoint.template:
  - value: http://%s/namespaces/{{.NamespaceName}}/nexus/callback
component.callbacks.allowedAddresses:
  - value:
      - Pattern: %q
        AllowInsecure: true
`, address(all[0].httpPort), loopback+":*")
}

// setUpDatabases makes Temporal's two databases and their tables.
func setUpDatabases(ctx context.Context, sqlTool string, db *postgres) error {
	for database, schema := range map[string]string{
		mainDatabase:       "postgresql/v12/temporal",
		visibilityDatabase: "postgresql/v12/visibility",
	} {
		for _, args := range [][]string{
			{"create-database"}, {"setup-schema", "-v", "0.0"}, {"update-schema", "--schema-name", schema},
		} {
			cmd := exec.Command(sqlTool, args...)
			cmd.Env = devtools.Environment([]string{"SQL_", "TEMPORAL_"}, "SQL_PLUGIN="+sqlPlugin, "SQL_HOST="+loopback,
				"SQL_PORT="+strconv.Itoa(db.port), "SQL_USER="+databaseUser, "SQL_PASSWORD="+db.password,
				"SQL_DATABASE="+database)
			if _, err := proving.Output(ctx, cmd); err != nil {
				return fmt.Errorf("set up Temporal's database %s, %s: %w", database, args[0], err)
			}
		}
	}
	return nil
}

// startTemporal starts all processes. The first one writes what the others read.
func (c *cluster) startTemporal(ctx context.Context) error {
	all, err := nodes()
	if err != nil {
		return err
	}
	dynamicConfig := filepath.Join(c.dir, "dynamicconfig.yaml")
	if err := os.WriteFile(dynamicConfig, []byte(settings(c.server, all)), 0o600); err != nil {
		return err
	}
	members := make([]*member, len(all))
	for i, n := range all {
		dir := filepath.Join(c.dir, n.name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		text, err := json.MarshalIndent(n.config(all, c.postgres, dynamicConfig), "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "cluster.yaml"), text, 0o600); err != nil {
			return err
		}
		if members[i], err = c.program("Temporal's "+n.service, devservers.Command{
			Name: n.name, Path: c.tools.server,
			Args: []string{
				"--root", dir, "--config", ".", "--env", "cluster", "--allow-no-auth", "start", "--service", n.service,
			},
			Env:   devtools.Environment([]string{"TEMPORAL_"}),
			Ports: []devservers.Port{{Number: n.port, For: n.name}, {Number: n.membershipPort, For: n.name}},
			Ready: func(ctx context.Context) error { return dial(ctx, n.opens()) },
			// It drains for some seconds.
			StopWithin: 20 * time.Second,
		}); err != nil {
			return err
		}
		if n.service == "frontend" {
			c.frontends = append(c.frontends, n.addr())
		}
	}
	if err := c.upAll(ctx, members[0]); err != nil {
		return err
	}
	return c.upAll(ctx, members[1:]...)
}

func dial(ctx context.Context, addr string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// frontendBackend is a frontend behind the balancer, which is asked for its health as Temporal's
// Helm chart does.
func frontendBackend(ctx context.Context, addr string) (*backend, error) {
	retry := backoff.DefaultConfig
	retry.MaxDelay = time.Second
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: time.Second}))
	if err != nil {
		return nil, fmt.Errorf("probe the frontend at %s: %w", addr, err)
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	health := grpc_health_v1.NewHealthClient(conn)
	return &backend{addr: addr, probe: func(ctx context.Context) error {
		answer, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{
			Service: "temporal.api.workflowservice.v1.WorkflowService",
		})
		if err == nil && answer.Status != grpc_health_v1.HealthCheckResponse_SERVING {
			err = fmt.Errorf("it is %v", answer.Status)
		}
		return err
	}}, nil
}

// retention is how long ended runs are kept: for longer than anybody looks at them here.
const retention = 72 * time.Hour

// setUpNamespace makes the namespace and stemflow's search attributes, and waits until they can be
// used: each process learns of both a little later.
func (c *cluster) setUpNamespace(ctx context.Context) error {
	namespaces, err := client.NewNamespaceClient(c.clientOptions())
	if err != nil {
		return err
	}
	defer namespaces.Close()
	if err := proving.Eventually(ctx, "the namespace is made", func(ctx context.Context) error {
		err := namespaces.Register(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace: client.DefaultNamespace, WorkflowExecutionRetentionPeriod: durationpb.New(retention),
		})
		if _, exists := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); exists {
			return nil
		}
		return err
	}); err != nil {
		return err
	}
	return proving.Eventually(ctx, "the search attributes are registered", func(ctx context.Context) error {
		known, err := c.client.OperatorService().ListSearchAttributes(ctx,
			&operatorservice.ListSearchAttributesRequest{Namespace: client.DefaultNamespace})
		if err != nil {
			return err
		}
		missing := map[string]enumspb.IndexedValueType{}
		for _, name := range stemflow.SearchAttributes() {
			if _, found := known.CustomAttributes[name]; !found {
				missing[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
			}
		}
		if len(missing) == 0 {
			return nil
		}
		if _, err := c.client.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: client.DefaultNamespace, SearchAttributes: missing,
		}); err != nil {
			return err
		}
		return errors.New("they were just added")
	})
}

// upAll starts members side by side.
func (c *cluster) upAll(ctx context.Context, members ...*member) error {
	errs := make([]error, len(members))
	var starting sync.WaitGroup
	for i, m := range members {
		starting.Go(func() { errs[i] = m.up(ctx, c.life, &c.supervisors) })
	}
	starting.Wait()
	c.members = append(c.members, members...)
	return errors.Join(errs...)
}
