package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/chromedp"
)

const (
	// patience is for one thing to become so.
	patience = 60 * time.Second
	glance   = 100 * time.Millisecond
	maxTries = 4
)

//go:embed observe.js
var observe string

// page is a page of its own in the browser.
type page struct {
	ctx context.Context
	out string
	// dialogs counts the dialogs that scripts have opened.
	dialogs *int
}

// open opens an address in a new page of the browser, which observes what it plays. Only if it is
// to be listened to is the page's policy passed over.
func (b browserPages) open(address string, listening bool) (page, func(), error) {
	ctx, end := chromedp.NewContext(b.ctx)
	p := page{ctx: ctx, out: b.out, dialogs: new(int)}
	err := chromedp.Listen(ctx, func(ev any) {
		if _, is := ev.(*cdppage.EventJavascriptDialogOpening); is {
			*p.dialogs++
		}
	})
	if err == nil {
		_, err = chromedp.Call(
			ctx,
			cdppage.AddScriptToEvaluateOnNewDocument,
			cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: observe},
		)
	}
	if err == nil && listening {
		// The recorder is a script that the page's policy forbids.
		_, err = chromedp.Call(ctx, cdppage.SetBypassCSP, cdppage.SetBypassCSPParams{Enabled: true})
	}
	if err == nil {
		err = chromedp.Do(ctx, chromedp.Navigate(address))
	}
	return p, end, err
}

// value evaluates an expression, in which each %v stands for an argument as a literal. What the
// page's policy forbids its own scripts does not bind it.
func value[T any](p page, expression string, args ...any) (T, error) {
	literals := make([]any, len(args))
	for i, arg := range args {
		text, err := json.Marshal(arg)
		if err != nil {
			panic(err)
		}
		literals[i] = string(text)
	}
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](fmt.Sprintf(expression, literals...), chromedp.EvalAwaitPromise))
	if err != nil {
		err = fmt.Errorf("%s: %w", expression, err)
	}
	return v, err
}

// until waits for an expression to be true.
func (p page) until(expression string, args ...any) error {
	for end := time.Now().Add(patience); ; {
		is, err := value[bool](p, expression, args...)
		if err != nil || is {
			return err
		}
		if time.Now().After(end) {
			_ = p.screenshot("missing")
			return fmt.Errorf("this does not become so (missing.png): "+expression, args...)
		}
		if err := chromedp.Do(p.ctx, chromedp.Sleep(glance)); err != nil {
			return err
		}
	}
}

// says waits until something that can be seen says a text.
func (p page) says(selector, text string) error {
	return p.until(
		`[...document.querySelectorAll(%v)].some((e) => e.checkVisibility() && e.innerText.includes(%v))`,
		selector,
		text,
	)
}

func (p page) click(selector string) error {
	return chromedp.Do(p.ctx, chromedp.Click(chromedp.CSS(selector)))
}

func (p page) press(keys string, modifiers ...chromedp.Modifier) error {
	return chromedp.Do(p.ctx, chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
}

func (p page) focus(selector string) error {
	return chromedp.Do(p.ctx, chromedp.Focus(chromedp.CSS(selector)))
}

// heard is what observe.js tells of some seconds of sound: of blocks of stems, in seconds from the
// track's beginning.
type heard struct {
	Compared, Silent int
	Spread, Waited   int
	Difference       float64
	Wrong            []string
	SampleRate       float64
	From, To, Ahead  float64
}

// listen listens for some seconds to stems that should be heard at the given levels, and in step.
// It listens again where they had to wait for each other, which they may on a machine that is busy.
func (p page) listen(seconds float64, levels []float64) (heard, error) {
	h, err := value[heard](p, `observed.listen(%v, %v)`, seconds, levels)
	for tries := 1; err == nil && h.Waited > 0 && tries < maxTries; tries++ {
		h, err = value[heard](p, `observed.listen(%v, %v)`, seconds, levels)
	}
	switch {
	case err != nil:
	case h.Waited > 0:
		err = errors.New("the stems wait for each other again and again: the machine is too busy")
	case len(h.Wrong) > 0:
		err = fmt.Errorf(
			"%d of %d: %s",
			len(h.Wrong),
			h.Compared+h.Silent+len(h.Wrong),
			strings.Join(h.Wrong[:min(len(h.Wrong), 5)], "; "),
		)
	case h.Spread != 0:
		err = fmt.Errorf(
			"the stems are out of step by %d samples, %.2f ms",
			h.Spread,
			float64(h.Spread)/h.SampleRate*1000,
		)
	case h.Compared == 0:
		err = errors.New("nothing is heard")
	case math.Abs(h.Ahead) > 1: // it takes a block's time until one is here
		err = fmt.Errorf("the page says a position that is %.2f s off", h.Ahead)
	}
	return h, err
}

// memory is how much of it the page's process takes, in bytes.
func (p page) memory() (int64, error) {
	processes, err := chromedp.CallBrowser(p.ctx, systeminfo.GetProcessInfo, struct{}{})
	if err != nil {
		return 0, err
	}
	var most int64
	for _, process := range processes.ProcessInfo {
		if process.Type != "renderer" {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", strconv.FormatInt(process.ID, 10), "status"))
		if err != nil {
			return 0, err
		}
		_, line, _ := strings.Cut(string(text), "VmRSS:")
		kB, err := strconv.ParseInt(strings.Fields(line)[0], 10, 64)
		if err != nil {
			return 0, err
		}
		most = max(most, kB<<10)
	}
	if most == 0 {
		return 0, errors.New("the browser has no process for its pages")
	}
	return most, nil
}

// look sets how large the page is, and whether it is dark.
func (p page) look(width, height int64, dark bool) error {
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	if err := chromedp.Do(p.ctx, chromedp.EmulateViewport(width, height)); err != nil {
		return err
	}
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	return err
}

func (p page) screenshot(name string) error {
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.out, name+".png"), png, 0o644)
}
