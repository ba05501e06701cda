package devservers

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"stemflow/internal/devtools"
)

// MinIOOptions configure [MinIO].
type MinIOOptions struct {
	// Dir holds all that the server keeps: objects under data, certificates under certs. With
	// public.crt and private.key in certs it speaks TLS, and TLS must be set.
	Dir string
	TLS bool
	// Drives is how many folders play a drive each, over which the store spreads every object with
	// parity: at least four. 0 is one drive without parity.
	Drives int
	// Port and ConsolePort are 0 for any free one.
	Port, ConsolePort int
	// Console serves the web console too.
	Console bool
	// AccessKey and SecretKey are the root credentials: at least 3 and 8 characters.
	AccessKey, SecretKey string
	// KMSKey, "name:32 bytes in base64", lets buckets encrypt what they hold; without it they
	// cannot.
	KMSKey string
	// Log takes the server's log, where given.
	Log io.Writer
	// Announce is told, in a line each, what takes long; see [devtools.FindTool].
	Announce func(string)
}

// MinIO starts a MinIO server and waits until it takes requests.
func MinIO(ctx context.Context, opts MinIOOptions) (*Process, error) {
	path, err := devtools.FindTool(ctx, "minio", opts.Announce)
	if err != nil {
		return nil, err
	}
	return onPorts(opts.Port, opts.ConsolePort, func(port, consolePort int) (*Process, error) {
		return startMinIO(ctx, path, port, consolePort, opts)
	})
}

func startMinIO(ctx context.Context, path string, port, consolePort int, opts MinIOOptions) (*Process, error) {
	args := []string{
		"server", "--address", address(port),
		// The default is in the home directory, and certificates there would turn on TLS.
		"--certs-dir", filepath.Join(opts.Dir, "certs"),
	}
	ports := []Port{{port, "MinIO"}}
	ready, err := minioReady(address(port), opts)
	if err != nil {
		return nil, err
	}
	browser, consoleAddr := "MINIO_BROWSER=off", ""
	if opts.Console {
		args = append(args, "--console-address", address(consolePort))
		ports = append(ports, Port{consolePort, "MinIO's console"})
		browser, consoleAddr = "MINIO_BROWSER=on", address(consolePort)
		ready = allReady(ready, HTTPReady(scheme(opts.TLS)+consoleAddr))
	}
	env := devtools.Environment([]string{"MINIO_"}, browser, "MINIO_UPDATE=off",
		"MINIO_ROOT_USER="+opts.AccessKey, "MINIO_ROOT_PASSWORD="+opts.SecretKey)
	if opts.KMSKey != "" {
		env = append(env, "MINIO_KMS_SECRET_KEY="+opts.KMSKey)
	}
	if opts.Drives == 0 {
		args = append(args, filepath.Join(opts.Dir, "data"))
	} else {
		// It takes folders of the system's own disk for drives only where it is told of a test.
		env = append(env, "MINIO_CI_CD=1")
		for i := range opts.Drives {
			args = append(args, filepath.Join(opts.Dir, fmt.Sprint("drive", i+1)))
		}
	}
	p, err := Start(ctx, Command{
		Name:  "minio",
		Path:  path,
		Args:  args,
		Env:   env,
		Log:   opts.Log,
		Ports: ports,
		Ready: ready,
	})
	if err != nil {
		return nil, err
	}
	p.Addr, p.UIAddr = address(port), consoleAddr
	return p, nil
}

// minioReady makes a signed request. The server's own /minio/health/ready answers 200 before it
// takes requests, with a header that says so.
func minioReady(addr string, opts MinIOOptions) (func(context.Context) error, error) {
	client, err := minio.New(addr, &minio.Options{
		Creds:      credentials.NewStaticV4(opts.AccessKey, opts.SecretKey, ""),
		Secure:     opts.TLS,
		Region:     "us-east-1",
		Transport:  probe.Transport,
		MaxRetries: 1,
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, err := client.ListBuckets(ctx)
		return err
	}, nil
}

func scheme(tls bool) string {
	if tls {
		return "https://"
	}
	return "http://"
}
