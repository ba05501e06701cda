// Command miniosetup prepares a MinIO server for stemflow: the bucket, and a user who may do with
// it what a policy allows, and nothing else. It changes only what is not as it should be, so it may
// run at every start; a new MINIO_SECRET_KEY replaces the old one.
//
//	MINIO_ENDPOINT=localhost:9000 MINIO_ROOT_USER=... MINIO_ROOT_PASSWORD=... MINIO_ACCESS_KEY=... MINIO_SECRET_KEY=... \
//	  miniosetup -bucket stems -policy deploy/minio/policy.json -link-policy deploy/minio/link-policy.json
//
// With MINIO_LINK_ACCESS_KEY and MINIO_LINK_SECRET_KEY it prepares a second user, with whose key
// links are signed and who may only read (-link-policy).
//
// The users are given the policies "stemflow-BUCKET" and "stemflow-links-BUCKET". BUCKET in the
// files stands for the bucket.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/minio/madmin-go/v3"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	// patience is for a server that is starting.
	patience = time.Minute
	pause    = time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "miniosetup:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	bucket := flag.String("bucket", "stems", "the `name` of the bucket")
	policyFile := flag.String(
		"policy",
		"policy.json",
		"the `file` with the policy of the user; BUCKET in it stands for the bucket",
	)
	linkPolicyFile := flag.String(
		"link-policy",
		"link-policy.json",
		"the `file` with the policy of the user whose key signs links",
	)
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("%q: there are flags only; see miniosetup -help", flag.Arg(0))
	}
	values := map[string]string{}
	for _, name := range []string{"MINIO_ENDPOINT", "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", "MINIO_ACCESS_KEY",
		"MINIO_SECRET_KEY"} {
		if values[name] = os.Getenv(name); values[name] == "" {
			return fmt.Errorf("%s is required", name)
		}
	}
	users := []user{{
		variable: "MINIO_ACCESS_KEY", name: values["MINIO_ACCESS_KEY"], secret: values["MINIO_SECRET_KEY"],
		policy: "stemflow-" + *bucket, policyFile: *policyFile,
	}}
	link := user{
		variable: "MINIO_LINK_ACCESS_KEY",
		name:     os.Getenv("MINIO_LINK_ACCESS_KEY"), secret: os.Getenv("MINIO_LINK_SECRET_KEY"),
		policy: "stemflow-links-" + *bucket, policyFile: *linkPolicyFile,
	}
	if (link.name == "") != (link.secret == "") {
		return errors.New("MINIO_LINK_ACCESS_KEY and MINIO_LINK_SECRET_KEY belong together: give both, or none")
	}
	if link.name != "" {
		if link.name == users[0].name {
			return errors.New(
				"MINIO_LINK_ACCESS_KEY is MINIO_ACCESS_KEY, who may write: give links a user of their own",
			)
		}
		users = append(users, link)
	}
	secrets := map[string]string{
		"MINIO_ROOT_PASSWORD": values["MINIO_ROOT_PASSWORD"],
		"MINIO_SECRET_KEY":    users[0].secret,
	}
	if link.name != "" {
		secrets["MINIO_LINK_SECRET_KEY"] = link.secret
	}
	for name, secret := range secrets {
		if !withSimulator(os.Getenv("KIE_BASE_URL")) && isPublished(secret) {
			return fmt.Errorf("%s is published and known to everybody, so it goes with the simulator only "+
				"(KIE_BASE_URL=http://kiesim:8090): give another, made for example with: openssl rand -hex 32", name)
		}
	}
	for i := range users {
		if users[i].name == values["MINIO_ROOT_USER"] {
			return fmt.Errorf("%s is the root user, whose rights nothing limits: give stemflow a user of its own",
				users[i].variable)
		}
		text, err := os.ReadFile(users[i].policyFile)
		if err != nil {
			return err
		}
		users[i].rights = bytes.ReplaceAll(text, []byte("BUCKET"), []byte(*bucket))
	}
	root := credentials.NewStaticV4(values["MINIO_ROOT_USER"], values["MINIO_ROOT_PASSWORD"], "")
	store, err := minio.New(values["MINIO_ENDPOINT"], &minio.Options{Creds: root, MaxRetries: 1})
	if err != nil {
		return err
	}
	admin, err := madmin.NewWithOptions(values["MINIO_ENDPOINT"], &madmin.Options{Creds: root})
	if err != nil {
		return err
	}
	if err := ensureBucket(ctx, store, *bucket); err != nil {
		return fmt.Errorf("bucket %s: %w", *bucket, err)
	}
	for _, u := range users {
		if err := u.ensure(ctx, admin); err != nil {
			return err
		}
		fmt.Printf("bucket %s is there, and user %s may use it as policy %s says\n", *bucket, u.name, u.policy)
	}
	return nil
}

// user is one who uses the bucket.
type user struct {
	// variable is the one that names the user.
	variable, name, secret string
	policy, policyFile     string
	rights                 []byte
}

func (u user) ensure(ctx context.Context, admin *madmin.AdminClient) error {
	if err := admin.AddCannedPolicy(ctx, u.policy, u.rights); err != nil {
		return fmt.Errorf("policy %s: %w", u.policy, err)
	}
	if err := admin.AddUser(ctx, u.name, u.secret); err != nil {
		return fmt.Errorf("user %s: %w", u.name, err)
	}
	// AttachPolicy would leave the user whatever other policies it has, and fails where it has this
	// one.
	//nolint:staticcheck // deprecated, see above
	if err := admin.SetPolicy(ctx, u.policy, u.name, false); err != nil {
		return fmt.Errorf("policy %s of user %s: %w", u.policy, u.name, err)
	}
	return nil
}

// published are the secrets that are known to everybody. They, and what is the simulator's, are the
// worker's rule, of internal/config. This module does not import stemflow, so that its programs are
// built alone; tests hold the two to one list and one table.
var published = []string{
	"local", "local-api-key", "local-callback-secret", "local-webhook-key", "stemflow-local", "minio-root-local",
	"minioadmin", "stemflow-local-links", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}

func isPublished(secret string) bool { return slices.Contains(published, strings.TrimSpace(secret)) }

// withSimulator reports whether a provider's address is the simulator's, as the worker sees it.
func withSimulator(baseURL string) bool {
	base, err := url.Parse(strings.TrimSpace(baseURL))
	if err != nil {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(base.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	return host == "kiesim" || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// ensureBucket also waits until the server takes requests.
func ensureBucket(ctx context.Context, store *minio.Client, bucket string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := store.MakeBucket(ctx, bucket, minio.MakeBucketOptions{})
		var refused minio.ErrorResponse
		switch {
		case err == nil, errors.As(err, &refused) && refused.Code == "BucketAlreadyOwnedByYou":
			return nil
		case errors.As(err, &refused) && refused.Code != "XMinioServerNotInitialized" && refused.StatusCode < 500:
			return err // waiting does not change it
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}
