// Command listencheck listens to a track as a person would, in Chromium: it separates one of twelve
// stems and four minutes, has the starter make the page that plays them, as a file and in the
// bucket, and checks by the sound itself that the stems play in step and that every control does
// what it says. It leaves screenshots, those of docs/listen.md.
//
//	go run ./localstack &
//	npm pack axe-core && tar xzf axe-core-*.tgz package/axe.min.js
//	cd tools && go run ./listencheck -out ../docs/listen -axe ../package/axe.min.js
//
// It finds Chromium (or Chrome) on the PATH. Without axe-core it does all but run axe's rules.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "listencheck:", err)
		os.Exit(1)
	}
}

// browserPages is Chromium, and where its screenshots go.
type browserPages struct {
	ctx context.Context
	out string
	// axe is the script of axe-core, empty where it is not given.
	axe string
}

func run(ctx context.Context) error {
	minIO := flag.String("minio", "127.0.0.1:9000", "`address` of the local stack's MinIO")
	temporal := flag.String("temporal", "127.0.0.1:7233", "`address` of its Temporal")
	kiesim := flag.String("kiesim", "http://127.0.0.1:8090", "`URL` of its kiesim")
	out := flag.String("out", ".", "`folder` for the screenshots")
	axeFile := flag.String("axe", "", "axe.min.js of axe-core, a `file`, to look for what is not accessible")
	only := flag.String("only", "", "the `name` of the one check to make")
	flag.Parse()
	var axe []byte
	if *axeFile != "" {
		var err error
		if axe, err = os.ReadFile(*axeFile); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "listencheck-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t, err := separate(ctx, dir, *temporal, *minIO, *kiesim, songSeconds)
	if err != nil {
		return fmt.Errorf("separate a track: %w", err)
	}
	long, err := separate(ctx, dir, *temporal, *minIO, *kiesim, longSongSeconds)
	if err != nil {
		return fmt.Errorf("separate a long track: %w", err)
	}

	options := []chromedp.ExecAllocatorOption{
		chromedp.Headless, chromedp.NoFirstRun, chromedp.DisableGPU, chromedp.WindowSize(1280, 1000),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root has no sandbox
	}
	ctx, end := chromedp.NewExecAllocator(ctx, options...)
	defer end()
	ctx, closeBrowser := chromedp.NewContext(ctx)
	defer closeBrowser()
	b := browserPages{ctx: ctx, out: *out, axe: string(axe)}
	for _, c := range []struct {
		name  string
		check func(*track, browserPages) error
	}{
		{"the page as a file", filePage},
		{"the page in the bucket", publishedPage},
		{"the page as an instrument", instrument},
		{"the page in other colours and sizes", reads},
		{"a song of twelve minutes", func(_ *track, b browserPages) error { return longSong(long, b) }},
		{"a slow store", slowStore},
		{"a store that allows no page to read", forbiddingStore},
		{"links that have expired", expiredLinks},
		{"hostile names", hostileNames},
	} {
		if *only != "" && *only != c.name {
			continue
		}
		begun := time.Now()
		if err := c.check(t, b); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Printf("%s: all is well, after %v\n", c.name, time.Since(begun).Round(time.Second))
	}
	fmt.Println("screenshots are in", *out)
	return nil
}
