package main

import (
	"context"
	"crypto/rand"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"stemflow/internal/archive"
	"stemflow/internal/devservers"
	"stemflow/internal/devtools"
)

// testBucket is the bucket of a store that is started.
const testBucket = "storetest"

// starter starts a store of one kind.
type starter struct {
	// tool is the program, and module what its version is that of.
	tool, module string
	start        func(context.Context, *environment) (target, error)
}

var starters = map[string]starter{
	"minio":     {"minio", "github.com/minio/minio", startMinIO},
	"seaweedfs": {"weed", "github.com/seaweedfs/seaweedfs", startSeaweedFS},
	"versitygw": {"versitygw", "github.com/versity/versitygw", startVersity},
	"rclone":    {"rclone", "github.com/rclone/rclone", startRclone},
}

func starterNames() []string { return slices.Sorted(maps.Keys(starters)) }

// environment is where a store runs.
type environment struct {
	path, dir string
	announce  func(string)
	running   []*devservers.Process
	// root, user and link are its users.
	root, user, link account
}

type account struct{ access, secret string }

func newAccount(name string) account { return account{name, rand.Text()} }

// start starts a store on this machine, with a user who may do what deploy/minio/policy.json says.
func start(ctx context.Context, name string, announce func(string)) (target, error) {
	one, ok := starters[name]
	if !ok {
		return target{}, fmt.Errorf("-store %q: choose one of %s", name, strings.Join(starterNames(), ", "))
	}
	path, err := devtools.FindTool(ctx, one.tool, announce)
	if err != nil {
		return target{}, err
	}
	dir, err := os.MkdirTemp("", "storetest-")
	if err != nil {
		return target{}, err
	}
	e := &environment{
		path: path, dir: dir, announce: announce,
		root: newAccount("storetest-root"), user: newAccount("storetest-user"), link: newAccount("storetest-link"),
	}
	t, err := one.start(ctx, e)
	if err != nil {
		e.stop()
		return target{}, err
	}
	t.name, t.bucket, t.stop = strings.TrimSpace(name+" "+versionOf(path, one.module)), testBucket, e.stop
	return t, nil
}

// stop stops what was started last first, and removes all that was written.
func (e *environment) stop() {
	for _, p := range slices.Backward(e.running) {
		p.Stop()
	}
	_ = os.RemoveAll(e.dir)
}

// versionOf is the version of a module that a program was built from, where the program says.
func versionOf(path, module string) string {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return ""
	}
	for _, d := range append(info.Deps, &info.Main) {
		if d.Path == module {
			return d.Version
		}
	}
	return ""
}

// policy is one of deploy/minio for the bucket.
func policy(name string) (string, error) {
	root, err := devtools.ModuleRoot()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(root, "deploy", "minio", name))
	return strings.ReplaceAll(string(text), "BUCKET", testBucket), err
}

// options are how a store at an address is reached by users of their own.
func (e *environment) options(address string) target {
	root := archive.Options{Endpoint: address, AccessKey: e.root.access, SecretKey: e.root.secret}
	user := archive.Options{
		Endpoint: address, AccessKey: e.user.access, SecretKey: e.user.secret,
		LinkAccessKey: e.link.access, LinkSecretKey: e.link.secret,
	}
	return target{user: user, root: &root}
}

// launch starts one of the store's processes. It is ready when it takes connections.
func (e *environment) launch(ctx context.Context, name string, env []string, port int, args ...string) error {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	p, err := devservers.Start(ctx, devservers.Command{
		Name: name, Path: e.path, Args: args, Dir: e.dir, Env: devtools.Environment(nil, env...),
		Ports: []devservers.Port{{Number: port, For: name}},
		Ready: func(ctx context.Context) error {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err == nil {
				conn.Close()
			}
			return err
		},
	})
	if err != nil {
		return err
	}
	e.running = append(e.running, p)
	return nil
}

// ports are free ones.
func ports(n int) ([]int, error) {
	var found []int
	for range n {
		port, err := devservers.FreePort(0)
		if err != nil {
			return nil, err
		}
		found = append(found, port)
	}
	return found, nil
}

func startMinIO(ctx context.Context, e *environment) (target, error) {
	p, err := devservers.MinIO(ctx, devservers.MinIOOptions{
		Dir: filepath.Join(e.dir, "minio"), AccessKey: e.root.access, SecretKey: e.root.secret, Announce: e.announce,
	})
	if err != nil {
		return target{}, err
	}
	e.running = append(e.running, p)
	t := e.options(p.Addr)
	setup, err := devtools.FindTool(ctx, "miniosetup", e.announce)
	if err != nil {
		return target{}, err
	}
	root, err := devtools.ModuleRoot()
	if err != nil {
		return target{}, err
	}
	deploy := filepath.Join(root, "deploy", "minio")
	cmd := exec.CommandContext(ctx, setup, "-bucket", testBucket, "-policy", filepath.Join(deploy, "policy.json"),
		"-link-policy", filepath.Join(deploy, "link-policy.json"))
	cmd.Env = devtools.Environment([]string{"MINIO_"}, "MINIO_ENDPOINT="+p.Addr,
		"MINIO_ROOT_USER="+e.root.access, "MINIO_ROOT_PASSWORD="+e.root.secret,
		"MINIO_ACCESS_KEY="+e.user.access, "MINIO_SECRET_KEY="+e.user.secret,
		"MINIO_LINK_ACCESS_KEY="+e.link.access, "MINIO_LINK_SECRET_KEY="+e.link.secret)
	if out, err := cmd.CombinedOutput(); err != nil {
		return target{}, fmt.Errorf("set up MinIO: %w\n%s", err, out)
	}
	return t, nil
}

// startSeaweedFS starts a master, two volume servers that hold every object twice, a filer, and two
// S3 gateways.
func startSeaweedFS(ctx context.Context, e *environment) (target, error) {
	type credential struct {
		AccessKey string `json:"accessKey"`
		SecretKey string `json:"secretKey"`
	}
	type identity struct {
		Name        string       `json:"name"`
		Credentials []credential `json:"credentials"`
		Actions     []string     `json:"actions"`
		PolicyNames []string     `json:"policyNames,omitempty"`
	}
	type named struct {
		Name    string `json:"name"`
		Content string `json:"content"`
	}
	var settings struct {
		Identities []identity `json:"identities"`
		Policies   []named    `json:"policies"`
	}
	for _, file := range []string{"policy.json", "link-policy.json"} {
		text, err := policy(file)
		if err != nil {
			return target{}, err
		}
		settings.Policies = append(settings.Policies, named{file, text})
	}
	is := func(a account, actions []string, policies ...string) identity {
		return identity{a.access, []credential{{a.access, a.secret}}, actions, policies}
	}
	settings.Identities = []identity{
		is(e.root, []string{"Admin", "Read", "Write", "List", "Tagging"}),
		is(e.user, []string{}, "policy.json"), is(e.link, []string{}, "link-policy.json"),
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return target{}, err
	}
	file := filepath.Join(e.dir, "s3.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return target{}, err
	}
	p, err := ports(12)
	if err != nil {
		return target{}, err
	}
	const ip = "127.0.0.1"
	at := func(i int) string { return fmt.Sprintf("%s:%d.%d", ip, p[i], p[i+1]) } // with the port of gRPC
	flags := func(command string, i int, more ...string) []string {
		return append([]string{
			"-logtostderr=true", command, "-port=" + strconv.Itoa(p[i]), "-port.grpc=" + strconv.Itoa(p[i+1]),
		}, more...)
	}
	for _, dir := range []string{"master", "one", "two", "filer"} {
		if err := os.Mkdir(filepath.Join(e.dir, dir), 0o755); err != nil {
			return target{}, err
		}
	}
	processes := []struct {
		name string
		port int
		args []string
	}{
		{"SeaweedFS master", 0, flags("master", 0, "-ip="+ip, "-mdir="+e.dir+"/master", "-defaultReplication=001",
			"-volumeSizeLimitMB=64", "-peers=none")},
		{"SeaweedFS volume server 1", 2, flags("volume", 2, "-ip="+ip, "-dir="+e.dir+"/one", "-max=20",
			"-master="+at(0))},
		{"SeaweedFS volume server 2", 4, flags("volume", 4, "-ip="+ip, "-dir="+e.dir+"/two", "-max=20",
			"-master="+at(0))},
		{"SeaweedFS filer", 6, flags("filer", 6, "-ip="+ip, "-master="+at(0), "-defaultReplicaPlacement=001",
			"-defaultStoreDir="+e.dir+"/filer")},
		{"SeaweedFS S3 gateway 1", 8, flags("s3", 8, "-ip.bind="+ip, "-filer="+at(6), "-config="+file)},
		{"SeaweedFS S3 gateway 2", 10, flags("s3", 10, "-ip.bind="+ip, "-filer="+at(6), "-config="+file)},
	}
	for _, process := range processes {
		if err := e.launch(ctx, process.name, nil, p[process.port], process.args...); err != nil {
			return target{}, err
		}
	}
	t := e.options(net.JoinHostPort(ip, strconv.Itoa(p[8])))
	t.also = []string{net.JoinHostPort(ip, strconv.Itoa(p[10]))}
	return t, nil
}

// startVersity starts two gateways to one folder.
func startVersity(ctx context.Context, e *environment) (target, error) {
	const region = "us-east-1"
	data, iam := filepath.Join(e.dir, "data"), filepath.Join(e.dir, "iam")
	for _, dir := range []string{data, iam} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return target{}, err
		}
	}
	accounts := map[string]any{}
	for _, a := range []account{e.user, e.link} {
		accounts[a.access] = map[string]string{"access": a.access, "secret": a.secret, "role": "user"}
	}
	text, err := json.Marshal(map[string]any{"accessAccounts": accounts})
	if err != nil {
		return target{}, err
	}
	if err := os.WriteFile(filepath.Join(iam, "users.json"), text, 0o600); err != nil {
		return target{}, err
	}
	p, err := ports(2)
	if err != nil {
		return target{}, err
	}
	var addresses []string
	env := []string{"ROOT_ACCESS_KEY=" + e.root.access, "ROOT_SECRET_KEY=" + e.root.secret}
	for i, port := range p {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if err := e.launch(ctx, fmt.Sprintf("Versity gateway %d", i+1), env, port,
			"--region", region, "--port", address, "--iam-dir", iam, "--cors-allow-origin", "*", "--quiet",
			"posix", data); err != nil {
			return target{}, err
		}
		addresses = append(addresses, address)
	}
	t := e.options(addresses[0])
	t.also = addresses[1:]
	return t, e.allow(ctx, t)
}

// allow makes the bucket and gives the users their rights by a policy of the bucket.
func (e *environment) allow(ctx context.Context, t target) error {
	root, err := archive.New(*t.root)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.EnsureBucket(ctx, testBucket); err != nil {
		return err
	}
	type document struct {
		Version   string
		Statement []map[string]any
	}
	all := document{Version: "2012-10-17"}
	for file, a := range map[string]account{"policy.json": e.user, "link-policy.json": e.link} {
		text, err := policy(file)
		if err != nil {
			return err
		}
		var rights document
		if err := json.Unmarshal([]byte(text), &rights); err != nil {
			return err
		}
		for _, statement := range rights.Statement {
			statement["Principal"] = map[string]any{"AWS": []string{a.access}}
			delete(statement, "Sid") // the two have some in common
			all.Statement = append(all.Statement, statement)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	client, err := rawClient(*t.root)
	if err != nil {
		return err
	}
	return client.SetBucketPolicy(ctx, testBucket, string(text))
}

func startRclone(ctx context.Context, e *environment) (target, error) {
	p, err := ports(1)
	if err != nil {
		return target{}, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(p[0]))
	data := filepath.Join(e.dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return target{}, err
	}
	if err := e.launch(ctx, "rclone serve s3", []string{"RCLONE_CONFIG=" + os.DevNull}, p[0],
		"serve", "s3", "--addr", address, "--auth-key", e.root.access+","+e.root.secret, data); err != nil {
		return target{}, err
	}
	t := e.options(address)
	t.user = *t.root
	t.noUser = "rclone serve s3 knows keys, and no rights: each key may do everything"
	return t, nil
}
