// Command uicheck starts separations from Temporal's UI as a person would, in Chromium, and checks
// what the UI tells of them. It leaves screenshots, those of docs/ui.md.
//
//	go run ./localstack &
//	cd tools && go run ./uicheck -out ../docs/ui
//
// It finds Chromium (or Chrome) on the PATH.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"
)

// patience is for one text to appear.
const patience = 30 * time.Second

// shown is what the page says. A run's details are Markdown, which the UI renders in a frame of its
// own that scripts cannot look into: their source counts.
const shown = `document.body.innerText + [...document.querySelectorAll("iframe")].map(f => f.srcdoc + decodeURIComponent(f.src))`

// settle is for the form's editor, which is made again once the queue is known and shows nothing of
// it.
const settle = time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "uicheck:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	ui := flag.String("ui", "http://127.0.0.1:8233", "`URL` of Temporal's UI")
	out := flag.String("out", ".", "`folder` for the screenshots")
	flag.Parse()
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	options := []chromedp.ExecAllocatorOption{chromedp.Headless, chromedp.WindowSize(1280, 1000)}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root has no sandbox
	}
	ctx, end := chromedp.NewExecAllocator(ctx, options...)
	defer end()
	ctx, closePage := chromedp.NewContext(ctx)
	defer closePage()
	p := page{ctx: ctx, namespace: *ui + "/namespaces/default/workflows", out: *out}
	if err := p.separation(); err != nil {
		return fmt.Errorf("a separation: %w", err)
	}
	if err := p.mistake(); err != nil {
		return fmt.Errorf("a mistake in the input: %w", err)
	}
	fmt.Println("the UI tells what it should; screenshots are in", *out)
	return nil
}

// page is the browser's one page.
type page struct {
	ctx       context.Context
	namespace string
	out       string
}

// separation starts one, sees it wait, and sees what it came to.
func (p page) separation() error {
	id, err := p.start(`{"taskId": "song-%s", "audioId": "track-1", "type": "split_stem"}`, "start")
	if err != nil {
		return err
	}
	if err := p.open(id, "waiting for the callback, polling from "); err != nil {
		return err
	}
	if err := p.screenshot("waiting"); err != nil {
		return err
	}
	if err := p.shows("Completed", "submit the separation (paid)", "archive drums", "write the manifest", `"settledBy": "callback"`); err != nil {
		return err
	}
	if err := p.screenshot("completed"); err != nil {
		return err
	}
	if err := p.tab("user-metadata", "separation task", "backing_vocals"); err != nil {
		return err
	}
	if err := p.screenshot("details"); err != nil {
		return err
	}
	return p.tab("memo", "separationTaskId")
}

// mistake starts one with a field misspelt.
func (p page) mistake() error {
	id, err := p.start(`{"taskId": "song-%s", "audioID": "track-1"}`, "")
	if err != nil {
		return err
	}
	if err := p.open(id, "InvalidInput", "audioID: no such field, did you mean audioId?"); err != nil {
		return err
	}
	return p.screenshot("mistake")
}

// start fills in the form with a new song's input, and returns the id of the workflow that it
// started.
func (p page) start(input, screenshot string) (string, error) {
	song := strings.ToLower(rand.Text())[:8]
	id := "stems:split_stem:song-" + song + ":track-1"
	form := p.namespace + "/start-workflow?" + url.Values{
		"taskQueue":    {"stemflow"},
		"workflowType": {"SeparateStems"},
		"workflowId":   {id},
	}.Encode()
	if err := chromedp.Do(p.ctx, chromedp.Navigate(form)); err != nil {
		return "", err
	}
	if err := p.shows("Task Queue is Active"); err != nil {
		return "", err
	}
	if err := chromedp.Do(p.ctx, chromedp.Sleep(settle)); err != nil {
		return "", err
	}
	// The editor closes brackets that are typed; what is inserted stays as it is.
	if err := p.script("document.querySelector('[contenteditable]').focus(); document.execCommand('insertText', "+
		"false, %q)", fmt.Sprintf(input, song)); err != nil {
		return "", err
	}
	if err := p.shows("song-" + song + `"`); err != nil {
		return "", err
	}
	if screenshot != "" {
		if err := p.screenshot(screenshot); err != nil {
			return "", err
		}
	}
	if err := p.script("document.querySelector('[data-testid=start-workflow-button]').click()"); err != nil {
		return "", err
	}
	return id, p.shows("started")
}

// open opens a run's history.
func (p page) open(id string, texts ...string) error {
	if err := chromedp.Do(p.ctx, chromedp.Navigate(p.namespace+"/"+url.PathEscape(id))); err != nil {
		return err
	}
	return p.shows(texts...)
}

// tab opens another tab of the run that is open.
func (p page) tab(name string, texts ...string) error {
	if err := p.script("document.getElementById(%q).click()", name+"-tab"); err != nil {
		return err
	}
	return p.shows(texts...)
}

// shows waits until the page contains each of the texts.
func (p page) shows(texts ...string) error {
	for _, text := range texts {
		_, err := chromedp.Run(p.ctx, chromedp.Poll[bool](
			fmt.Sprintf("(%s).includes(%q)", shown, text), chromedp.WithPollingTimeout(patience)))
		if err != nil {
			_ = p.screenshot("missing")
			return fmt.Errorf("the page does not show %q (missing.png): %w", text, err)
		}
	}
	return nil
}

func (p page) script(code string, args ...any) error {
	_, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("(() => { "+fmt.Sprintf(code, args...)+"; return true })()"))
	return err
}

func (p page) screenshot(name string) error {
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.out, name+".png"), png, 0o644)
}
