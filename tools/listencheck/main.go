// Command listencheck listens to a track as a person would, in Chromium: it separates one of twelve
// stems and four minutes, has the starter make the page that plays them, as a file and in the
// bucket, and checks by the sound itself that the stems play in step and that every control does
// what it says. It leaves screenshots, those of docs/listen.md.
//
//	go run ./localstack &
//	cd tools && go run ./listencheck -out ../docs/listen
//
// It finds Chromium (or Chrome) on the PATH.
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

// browser is Chromium, and where its screenshots go.
type browser struct {
	ctx context.Context
	out string
}

func run(ctx context.Context) error {
	minIO := flag.String("minio", "127.0.0.1:9000", "`address` of the local stack's MinIO")
	temporal := flag.String("temporal", "127.0.0.1:7233", "`address` of its Temporal")
	kiesim := flag.String("kiesim", "http://127.0.0.1:8090", "`URL` of its kiesim")
	out := flag.String("out", ".", "`folder` for the screenshots")
	flag.Parse()
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "listencheck-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t, err := separate(ctx, dir, *temporal, *minIO, *kiesim)
	if err != nil {
		return fmt.Errorf("separate a track: %w", err)
	}

	options := []chromedp.ExecAllocatorOption{
		chromedp.Headless, chromedp.NoFirstRun, chromedp.DisableGPU, chromedp.WindowSize(1280, 1000),
		chromedp.Flag(
			"disable-background-networking",
			true,
		), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root has no sandbox
	}
	ctx, end := chromedp.NewExecAllocator(ctx, options...)
	defer end()
	ctx, closeBrowser := chromedp.NewContext(ctx)
	defer closeBrowser()
	b := browser{ctx: ctx, out: *out}
	for _, c := range []struct {
		name  string
		check func(*track, browser) error
	}{
		{"the page as a file", filePage},
		{"the page in the bucket", publishedPage},
		{"a slow store", slowStore},
		{"a store that allows no page to read", forbiddingStore},
		{"links that have expired", expiredLinks},
		{"hostile names", hostileNames},
	} {
		begun := time.Now()
		if err := c.check(t, b); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Printf("%s: all is well, after %v\n", c.name, time.Since(begun).Round(time.Second))
	}
	fmt.Println("screenshots are in", *out)
	return nil
}
