package main

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// drawnWithin is how soon after the page was asked for all of a song's waveforms are there.
const drawnWithin = 1.0

// longSong opens a song of twelve minutes, whose waveforms are there at once.
func longSong(t *track, b browserPages) error {
	address, err := t.page("long.html", nil, t.flags()...)
	if err != nil {
		return err
	}
	p, end, err := b.open(address, false)
	if err != nil {
		return err
	}
	defer end()
	seconds, err := value[float64](p, `observed.drawn`)
	if err != nil {
		return err
	}
	if err := p.until(`!document.querySelector("#play").disabled && player.duration > 715`); err != nil {
		return err
	}
	fmt.Printf("  all waveforms of 12 minutes are drawn after %.2f s\n", seconds)
	if seconds > drawnWithin {
		return errors.New("they are drawn too late")
	}
	return nil
}

// instrument tries what the page can do beside playing.
func instrument(t *track, b browserPages) error {
	address, err := t.page("instrument.html", nil, append(t.flags(), "--title", "A song: live")...)
	if err != nil {
		return err
	}
	downloads := filepath.Join(t.dir, "downloads")
	if err := os.MkdirAll(downloads, 0o755); err != nil {
		return err
	}
	p, end, err := b.open(address, true)
	if err != nil {
		return err
	}
	defer end()
	if _, err := chromedp.CallBrowser(p.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: downloads,
	}); err != nil {
		return err
	}
	if err := loads(p); err != nil {
		return err
	}
	for _, c := range []struct {
		name  string
		check func() error
	}{
		{"title", func() error { return p.says("h1", "A song: live") }},
		{"zoom", func() error { return zooms(p) }},
		{"drag", func() error { return drags(p) }},
		{"pinch", func() error { return pinches(p) }},
		{"loop", func() error { return loops(p) }},
		{"media session", func() error { return mediaSession(p) }},
		{"switch of the keys", func() error { return keysOff(p) }},
		{"downloads", func() error { return savesFiles(t, p, downloads) }},
		{"address", func() error { return keepsTheMix(p) }},
	} {
		if err := c.check(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// zooms looks closer, which decodes what is looked at.
func zooms(p page) error {
	return errors.Join(
		p.until(`waveforms.every((w) => w.outline?.length >= (player.duration - 1) * w.outlinePerSecond)`),
		p.until(`waveforms.every((w) => w.decoded.size === 0)`),
		p.until(`[...document.querySelectorAll("#ruler span")].map((tick) => tick.textContent).includes("1:00")`),
		p.until(`document.querySelector("#pan").hidden`),
		p.click("#zoom-in"), p.click("#zoom-in"), p.click("#zoom-in"), p.click("#zoom-in"),
		p.until(`timeline.zoomed === 16 && Math.abs(timeline.seconds - 15) < 0.1`),
		p.until(`[...document.querySelectorAll("#ruler span")].map((tick) => tick.textContent).includes("0:02")`),
		p.until(`waveforms.every((w) => w.decoded.size > 0 && w.decoded.size < 10)`),
		p.focus("#pan"), p.press(kb.End), p.until(`Math.abs(timeline.from + timeline.seconds - player.duration) < 0.5`),
		p.click("#whole"), p.until(`timeline.zoomed === 1 && document.querySelector("#pan").hidden`),
		// The wheel zooms with Ctrl alone: otherwise it scrolls.
		p.wheel(0), p.until(`timeline.zoomed === 1`),
		p.wheel(2), p.until(`timeline.zoomed > 1.5`),
		p.click("#whole"), p.until(`timeline.zoomed === 1`),
	)
}

// place is where something is on the page, scrolled into view.
func (p page) place(selector string) (x, y, width, height float64, err error) {
	box, err := value[[]float64](
		p,
		`(() => { const e = document.querySelector(%v); e.scrollIntoView({ block: "center" });
		const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height] })()`,
		selector,
	)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	return box[0], box[1], box[2], box[3], nil
}

func (p page) wheel(modifiers int64) error {
	x, y, width, height, err := p.place(".stem:nth-child(2) .wave")
	if err != nil {
		return err
	}
	_, err = chromedp.Call(p.ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{
		Type: input.DispatchMouseEventTypeMouseWheel, X: x + width/2, Y: y + height/2, DeltaX: 1, DeltaY: -200,
		Modifiers: modifiers,
	})
	return err
}

// drag presses the mouse on something, a share of its width from its left, moves it in steps to
// other shares of the width of another thing, and lets it go.
func (p page) drag(selector, over string, from float64, to ...float64) error {
	x, y, width, height, err := p.place(selector)
	if err != nil {
		return err
	}
	left, _, lane, _, err := p.place(over)
	if err != nil {
		return err
	}
	mouse := func(kind input.DispatchMouseEventType, at float64) error {
		_, err := chromedp.Call(p.ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{
			Type: kind, X: at, Y: y + height/2, Button: input.MouseButtonLeft, Buttons: 1, ClickCount: 1,
		})
		return err
	}
	at := x + width*from
	errs := []error{mouse(input.DispatchMouseEventTypeMousePressed, at)}
	for _, share := range to {
		at = left + lane*share
		errs = append(errs, mouse(input.DispatchMouseEventTypeMouseMoved, at))
	}
	return errors.Join(append(errs, mouse(input.DispatchMouseEventTypeMouseReleased, at))...)
}

func drags(p page) error {
	const wave = ".stem:nth-child(2) .wave"
	return errors.Join(
		p.drag(wave, wave, 0.1, 0.2, 0.3, 0.5), p.until(`Math.abs(player.position - 120) < 2`),
		p.drag("#ruler", "#ruler", 0.9, 0.8, 0.25), p.until(`Math.abs(player.position - 60) < 2`),
		p.drag("#end-a", "#ends", 0.9, 0.3, 0.25), p.until(`Math.abs(player.loop.a - 60) < 20 && player.loop.a > 0`),
		p.drag("#end-b", "#ends", 0.1, 0.6, 0.75), p.until(`Math.abs(player.loop.b - 180) < 20`),
		p.click("#reset"), p.until(`player.loop.a === 0 && player.loop.b === Infinity`),
	)
}

// pinches holds two places with two fingers, and moves them apart.
func pinches(p page) error {
	x, y, width, height, err := p.place(".stem:nth-child(2) .wave")
	if err != nil {
		return err
	}
	touch := func(kind input.DispatchTouchEventType, shares ...float64) error {
		points := []*input.TouchPoint{}
		for i, share := range shares {
			id := float64(i)
			points = append(points, &input.TouchPoint{X: x + width*share, Y: y + height/2, ID: &id})
		}
		_, err := chromedp.Call(p.ctx, input.DispatchTouchEvent, input.DispatchTouchEventParams{
			Type: kind, TouchPoints: points,
		})
		return err
	}
	return errors.Join(
		touch(input.DispatchTouchEventTypeTouchStart, 0.4, 0.6), touch(input.DispatchTouchEventTypeTouchMove, 0.3, 0.7),
		touch(input.DispatchTouchEventTypeTouchMove, 0.2, 0.8), touch(input.DispatchTouchEventTypeTouchEnd),
		p.until(`Math.abs(timeline.zoomed - 3) < 0.1 && Math.abs(timeline.place(player.duration / 2) - 0.5) < 0.01`),
		p.click("#whole"), p.until(`timeline.zoomed === 1`),
	)
}

// loops sets the ends of a loop with buttons and keys, and hears that it has no joint.
func loops(p page) error {
	if err := errors.Join(
		p.goTo(100), p.click("#set-a"), p.until(`player.loop.a === 100`),
		p.goTo(102), p.click("#set-b"), p.until(`player.loop.b === 102`),
		p.focus("#end-b"), p.press(kb.ArrowRight), p.press(kb.ArrowRight), p.press(kb.ArrowRight),
		p.until(`Math.abs(player.loop.b - 102.3) < 0.001`),
		p.until(`document.querySelector("#end-b").getAttribute("aria-valuetext") === "1:42.3"`),
		p.press(kb.PageDown), p.until(`Math.abs(player.loop.b - 100.5) < 0.001`), // it stays a loop
		p.goTo(101.3), p.click("#set-b"),
		p.click("#loop"), p.until(`player.loop.on && player.position >= 100 && player.position < 101.3`),
		p.click("#play"), p.until(`player.state === "playing"`),
	); err != nil {
		return err
	}
	if _, err := value[int](p, `observed.learn([[99, 103]])`); err != nil {
		return err
	}
	type looped struct {
		Difference float64
		Laps       int
		Waited     int
	}
	var h looped
	var err error
	for tries := 0; tries < maxTries; tries++ {
		if h, err = value[looped](p, `observed.loops(5, 100, 101.3)`); err != nil || h.Waited == 0 {
			break
		}
	}
	if err != nil {
		return err
	}
	fmt.Printf("  a loop of 1.3 s: all stems differ by %g over %d joints\n", h.Difference, h.Laps)
	if h.Waited > 0 || h.Laps < 2 || h.Difference > 1e-4 {
		return fmt.Errorf("it does not go around as it should: %+v", h)
	}
	return errors.Join(
		p.click("#play"),
		p.until(`player.state === "paused"`),
		p.click("#loop"),
		p.until(`!player.loop.on`),
	)
}

// mediaSession does what a lock screen does.
func mediaSession(p page) error {
	act := func(action, details string) error {
		_, err := value[bool](p, `(observed.actions.`+action+`({ `+details+` }), true)`)
		return err
	}
	return errors.Join(
		p.until(`navigator.mediaSession.metadata.title === "A song: live"`),
		p.goTo(50), p.click("#play"), p.until(`player.state === "playing"`),
		p.until(`navigator.mediaSession.playbackState === "playing" && !session.silence.paused`),
		act("pause", ""), p.until(`player.state === "paused" && navigator.mediaSession.playbackState === "paused"`),
		act("seekto", "seekTime: 20"), p.until(`Math.abs(player.position - 20) < 0.01`),
		act("seekforward", "seekOffset: 10"), p.until(`Math.abs(player.position - 30) < 0.01`),
		act("previoustrack", ""), p.until(`player.position === 0`),
	)
}

func keysOff(p page) error {
	return errors.Join(
		p.click("#keys"), p.until(`document.querySelector("#keys").getAttribute("aria-pressed") === "false"`),
		p.press("1"), p.press("l"), p.press(kb.ArrowRight), chromedp.Do(p.ctx, chromedp.Sleep(settle)),
		p.until(`!tracks[0].muted && !player.loop.on && player.position === 0`),
		p.click("#keys"), p.press("1"), p.until(`tracks[0].muted`), p.press("1"), p.until(`!tracks[0].muted`),
		p.press("l"), p.until(`player.loop.on`), p.press("l"), p.until(`!player.loop.on`),
	)
}

// savesFiles saves a stem, all stems and the mix, and looks into the files.
func savesFiles(t *track, p page, dir string) error {
	name, _ := t.stems()[0].(map[string]any)["name"].(string)
	file, err := saved(dir, "A song_ live-"+name+".mp3", p.click(".stem:nth-child(1) a"))
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(file); hex.EncodeToString(sum[:]) != t.stems()[0].(map[string]any)["sha256"] {
		return errors.New("the stem that was downloaded is another one")
	}
	if _, err := saved(dir, "A song_ live.zip", p.click("#zip")); err != nil {
		return err
	}
	if err := t.checkZip(filepath.Join(dir, "A song_ live.zip")); err != nil {
		return err
	}

	// The mix is heard from 100 s to 101.3 s. The first stem is muted and the second lower.
	levels := unison()
	levels[0], levels[1] = 0, math.Pow(10, -9.0/20)
	if err := errors.Join(
		p.says("#status", "12 stems are in"), p.click("#loop"), p.click(".stem:nth-child(1) .mute"),
		p.focus(".stem:nth-child(2) .level"), p.press(kb.ArrowLeft), p.press(kb.ArrowLeft), p.press(kb.ArrowLeft),
		p.focus("#master"), p.press(kb.ArrowLeft), p.press(kb.ArrowLeft), p.press(kb.ArrowLeft),
		p.press(kb.ArrowLeft), p.press(kb.ArrowLeft), p.press(kb.ArrowLeft),
	); err != nil {
		return err
	}
	master := math.Pow(10, -6.0/20)
	levels[1] = math.Pow(10, -3.0/20)
	for i := range levels {
		levels[i] *= master
	}
	wav, err := saved(dir, "A song_ live-mix-1.40.0-1.41.3.wav", p.click("#wav"))
	if err != nil {
		return err
	}
	type mix struct {
		Samples, Rate, Clipped int
		Difference             float64
	}
	m, err := value[mix](p, `observed.checkMix(%v, 100, 101.3, %v)`, wav, levels)
	if err != nil {
		return err
	}
	fmt.Printf("  the mix of 1.3 s has %d samples at %d Hz, which differ from the sum of the stems by %.2g\n",
		m.Samples, m.Rate, m.Difference)
	if m.Samples != int(math.Round(1.3*float64(m.Rate))) || m.Difference > 1.0/32768 {
		return fmt.Errorf("the mix is not what is heard: %+v", m)
	}
	return nil
}

// saved waits for a download, after what has begun it.
func saved(dir, name string, begun error) ([]byte, error) {
	if begun != nil {
		return nil, begun
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(glance) {
		if part, _ := filepath.Glob(filepath.Join(dir, "*.crdownload")); len(part) > 0 {
			continue
		}
		if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil && len(text) > 0 {
			return text, nil
		}
	}
	there, _ := filepath.Glob(filepath.Join(dir, "*"))
	return nil, fmt.Errorf("%s is not saved, but %s", name, strings.Join(there, ", "))
}

// checkZip demands all stems in an archive, as the manifest knows them.
func (t *track) checkZip(file string) error {
	r, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer r.Close()
	if len(r.File) != len(t.stems()) {
		return fmt.Errorf("there are %d files in the archive", len(r.File))
	}
	for i, stem := range t.stems() {
		content, err := r.File[i].Open()
		if err != nil {
			return err
		}
		hash := sha256.New()
		if _, err := io.Copy(hash, content); err != nil {
			return err
		}
		if hex.EncodeToString(hash.Sum(nil)) != stem.(map[string]any)["sha256"] {
			return fmt.Errorf("%s in the archive is another one", r.File[i].Name)
		}
	}
	return nil
}

// keepsTheMix loads the page again, and opens its address anew.
func keepsTheMix(p page) error {
	const as = `!document.querySelector("#play").disabled && tracks[0].muted && tracks[1].level === -3 && tracks[2].solo && player.master === -6 &&
		player.loop.on && player.loop.a === 100 && Math.abs(player.loop.b - 101.3) < 0.001 &&
		Math.abs(player.position - 100.8) < 0.02 &&
		document.querySelector(".stem .mute").getAttribute("aria-pressed") === "true"`
	if err := errors.Join(p.click(".stem:nth-child(3) .solo"), p.goTo(100.8), p.until(as),
		p.until(`location.hash.includes("at=100.80") && location.hash.includes("solo=")`)); err != nil {
		return err
	}
	if err := errors.Join(chromedp.Do(p.ctx, chromedp.Reload()), p.until(as)); err != nil {
		return err
	}
	address, err := value[string](p, `location.href`)
	if err != nil {
		return err
	}
	return errors.Join(
		p.click("#reset"),
		p.goTo(0),
		p.until(`location.hash === ""`),
		chromedp.Do(p.ctx, chromedp.Navigate("about:blank")),
		chromedp.Do(p.ctx, chromedp.Navigate(address)),
		p.until(as),
		// An address may be anybody's.
		chromedp.Do(p.ctx, chromedp.Navigate("about:blank")),
		chromedp.Do(p.ctx, chromedp.Navigate(strings.Split(address, "#")[0]+
			"#at=1e99&loop=9-3&loops=yes&master=NaN&level=vocals:999&level=x&mute=__proto__&solo=%FF&at=-1")),
		p.until(
			`!document.querySelector("#play").disabled && player.position === 0 && player.master === 0 && player.loop.a === 0`,
		),
		p.until(`tracks.every((track) => track.level <= 0 && !track.muted && !track.solo)`),
	)
}

// reads is what assistive technology gets, and people with other colours, small windows and
// unsteady hands.
func reads(t *track, b browserPages) error {
	address, err := t.page("reads.html", nil, t.flags()...)
	if err != nil {
		return err
	}
	p, end, err := b.open(address, false)
	if err != nil {
		return err
	}
	defer end()
	if err := loads(p); err != nil {
		return err
	}
	if err := errors.Join(p.click(".stem:nth-child(2) .mute"), p.click(".stem:nth-child(3) .solo"), p.click("#loop"),
		p.click("#zoom-in")); err != nil {
		return err
	}
	if b.axe == "" {
		fmt.Println("  axe-core is not given: nothing is said of its rules")
	}
	for _, look := range []struct {
		name          string
		width, height int64
		dark, forced  bool
	}{
		{"light", 1100, 1000, false, false}, {"dark", 1100, 1000, true, false}, {"forced", 1100, 800, true, true},
		{"small", 320, 640, false, false}, {"small-forced", 320, 640, false, true},
	} {
		if err := errors.Join(p.look(look.width, look.height, look.dark), p.forced(look.dark, look.forced),
			chromedp.Do(p.ctx, chromedp.Sleep(2*settle))); err != nil {
			return err
		}
		if look.name == "forced" {
			if err := p.screenshot("forced"); err != nil {
				return err
			}
		}
		if err := errors.Join(
			p.until(`document.documentElement.scrollWidth <= innerWidth`),
			p.until(`getComputedStyle(document.querySelector("[aria-pressed=true]")).backgroundColor !==
				getComputedStyle(document.querySelector("[aria-pressed=false]")).backgroundColor`),
		); err != nil {
			return fmt.Errorf("%s: %w", look.name, err)
		}
		small, err := value[[]string](
			p,
			`[...document.querySelectorAll("button, input, a, [role=slider]")].filter((e) => e.checkVisibility())
			.map((e) => [e.id || e.className || e.textContent, e.getBoundingClientRect()])
			.filter(([, box]) => box.width < 44 || box.height < 44).map(([name, box]) => name + " " + box.width + " x " + box.height)`,
		)
		if err != nil || len(small) > 0 {
			return errors.Join(err, fmt.Errorf("%s: targets are too small: %q", look.name, small))
		}
		if err := p.axe(b.axe); err != nil {
			return fmt.Errorf("%s: %w", look.name, err)
		}
	}
	return nil
}

// forced emulates colours of the reader's own.
func (p page) forced(dark, forced bool) error {
	scheme, active := "light", "none"
	if dark {
		scheme = "dark"
	}
	if forced {
		active = "active"
	}
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "forced-colors", Value: active},
		},
	})
	return err
}

// axe runs the rules of axe-core, of which none may find anything.
func (p page) axe(script string) error {
	if script == "" {
		return nil
	}
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](script+"\n;true")); err != nil {
		return err
	}
	found, err := value[[]string](
		p,
		`axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })
		.then((result) => result.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html + " " + n.failureSummary).join("; ")))`,
	)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("axe finds: %s", strings.Join(found, "\n"))
	}
	return err
}
