// Command storetest says whether an object store is fit for stemflow. It uses the store as the
// worker does, through the same code, and prints a verdict for each thing that stemflow relies on,
// with the reason and what follows from it.
//
//	go run ./dev/storetest -bucket stems      the store that MINIO_ENDPOINT names, as MINIO_ACCESS_KEY
//	go run ./dev/storetest -store seaweedfs   one that it builds and starts on this machine:
//	                                          minio, seaweedfs, versitygw or rclone
//
// It exits with 0 for a store that is fit, 3 for one that is fit without something, 1 for one that
// is unfit, and 2 where it could not find out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"stemflow/internal/archive"
	"stemflow/internal/config"
	"stemflow/internal/naming"
)

// exitUntested is the exit code where there is no verdict.
const exitUntested = 2

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:], config.Lookup(os.LookupEnv), os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		err = nil
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "storetest:", err)
		code = exitUntested
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, lookup config.Lookup, out io.Writer) (code int, err error) {
	set := flag.NewFlagSet("storetest", flag.ContinueOnError)
	started := set.String("store", "", "`name` of a store to start: "+strings.Join(starterNames(), ", "))
	bucket := set.String("bucket", "", "the `name` of the bucket in which the store of MINIO_ENDPOINT is tested, "+
		"below _storetest/; it is made unless it is there")
	also := set.String("also", "", "more `addresses` of the same store, like host:9001,host:9002, "+
		"over which the writers are spread: each replica or gateway that stemflow may reach")
	seed := set.Uint64("seed", rand.Uint64()>>32, "`number` from which all chance is made")
	work := load{}
	set.IntVar(&work.writers, "writers", 64, "`number` of clients that write under conditions at once")
	set.IntVar(&work.operations, "operations", 40, "`number` of operations of each of them")
	if err := set.Parse(args); err != nil {
		return 0, err
	}
	if set.NArg() > 0 {
		return 0, fmt.Errorf("%q: there are flags only; see storetest -help", set.Arg(0))
	}
	if work.writers < 1 || work.operations < 1 {
		return 0, errors.New("-writers and -operations have to be 1 or more")
	}
	announce := func(line string) { fmt.Fprintln(os.Stderr, line) }
	var t target
	if *started != "" {
		if *bucket != "" || *also != "" {
			return 0, errors.New("-store starts a store with a bucket and addresses of its own: " +
				"leave -bucket and -also out")
		}
		t, err = start(ctx, *started, announce)
	} else {
		t, err = fromEnvironment(lookup, *bucket, *also)
	}
	if err != nil {
		return 0, err
	}
	defer t.stop()
	s, err := newSuite(t, work, *seed)
	if err != nil {
		return 0, err
	}
	if s.decide, err = decider(ctx, announce); err != nil {
		return 0, err
	}
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	defer s.end(ctx, announce)
	fmt.Fprintf(out, "%s at %s, bucket %s, user %s, seed %d\n", t.name, t.user.Endpoint, t.bucket,
		t.user.AccessKey, *seed)
	v := s.run(ctx, out, checks)
	if ctx.Err() != nil {
		return 0, errors.New("interrupted")
	}
	fmt.Fprintln(out, v)
	return v.exitCode(), nil
}

// target is a store that is tested.
type target struct {
	// name is what a table calls it, with its version where that is known.
	name string
	// user is how stemflow reaches it, and also are more addresses of the same store.
	user archive.Options
	also []string
	// root is its administrator, where known.
	root   *archive.Options
	bucket string
	// noUser says why the user is the administrator, of a store that knows no others.
	noUser string
	stop   func()
}

func fromEnvironment(lookup config.Lookup, bucket, also string) (target, error) {
	m, err := config.LoadMinIO(lookup)
	if err != nil {
		return target{}, err
	}
	root, err := config.LoadMinIORoot(lookup)
	if err != nil {
		return target{}, err
	}
	if bucket == "" {
		return target{}, errors.New("-bucket is required: name one that MINIO_ACCESS_KEY may use, " +
			"or start a store with -store")
	}
	if err := naming.CheckBucket(bucket); err != nil {
		return target{}, fmt.Errorf("-bucket: %w", err)
	}
	t := target{name: "store", user: archive.OptionsOf(m), bucket: bucket, stop: func() {}}
	for _, address := range strings.FieldsFunc(also, func(r rune) bool { return r == ',' || r == ' ' }) {
		if strings.Contains(address, "/") {
			return target{}, fmt.Errorf(`-also: %q is not "host:port"`, address)
		}
		t.also = append(t.also, address)
	}
	if root.AccessKey != "" {
		opts := t.user
		opts.AccessKey, opts.SecretKey = root.AccessKey, root.SecretKey.Reveal()
		t.root = &opts
	}
	return t, nil
}
