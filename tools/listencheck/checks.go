package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	// memoryLimit is well below the 550 MB that twelve such stems take once they are decoded, and
	// memoryGrowth below a quarter of what is decoded in the time in which it is looked at.
	memoryLimit  = 400 << 20
	memoryGrowth = 25 << 20
	memoryTime   = 45 * time.Second
	// settle is for what is under way to be done, a level's change first of all.
	settle = 300 * time.Millisecond
)

// filePage listens to the page that was written to a file, and tries everything that can be done
// with it.
func filePage(t *track, b browserPages) error {
	address, err := t.page("listen.html", nil, t.flags()...)
	if err != nil {
		return err
	}
	p, end, err := b.open(address, true)
	if err != nil {
		return err
	}
	defer end()
	if err := loads(p); err != nil {
		return err
	}
	if err := p.until(`waveforms.every((w) => w.outline?.length >= (player.duration - 1) * w.outlinePerSecond)`); err != nil {
		return fmt.Errorf("waveforms: %w", err)
	}
	if err := staysSmall(p); err != nil {
		return err
	}
	if err := playsInStep(p); err != nil {
		return err
	}
	for _, c := range []struct {
		name  string
		check func(page) error
	}{
		{"mute, solo and level", controls}, {"keyboard", keyboard}, {"seek", seeks}, {"screenshots", pictures},
	} {
		if err := c.check(p); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// publishedPage listens to the page in the bucket.
func publishedPage(t *track, b browserPages) error {
	address, err := t.publish()
	if err != nil {
		return err
	}
	p, end, err := b.open(address, true)
	if err != nil {
		return err
	}
	defer end()
	if err := loads(p); err != nil {
		return err
	}
	return playsInStep(p)
}

// loads waits until all stems are there.
func loads(p page) error {
	begun := time.Now()
	if err := p.until(`!document.querySelector("#play").disabled`); err != nil {
		return err
	}
	ready := time.Since(begun)
	if err := p.until(`stems.every((s) => s.complete)`); err != nil {
		return err
	}
	fmt.Printf("  ready to play after %.1f s, loaded after %.1f s\n", ready.Seconds(), time.Since(begun).Seconds())
	if wrong, err := value[[]string](p, `[...document.querySelectorAll(".trouble, #advice")].filter((e) => e.checkVisibility()).map((e) => e.innerText)`); err != nil ||
		len(wrong) > 0 {
		return errors.Join(err, fmt.Errorf("the page is in trouble: %q", wrong))
	}
	return nil
}

// staysSmall plays for a while, and looks at the memory that the page takes.
func staysSmall(p page) error {
	if err := errors.Join(p.click("#play"), p.until(`player.state === "playing" && player.position > 15`)); err != nil {
		return err
	}
	before, err := p.memory()
	if err != nil {
		return err
	}
	if err := chromedp.Do(p.ctx, chromedp.Sleep(memoryTime)); err != nil {
		return err
	}
	after, err := p.memory()
	if err != nil {
		return err
	}
	fmt.Printf(
		"  it takes %d MB of memory, and %d MB after it has played for %v more\n",
		before>>20,
		after>>20,
		memoryTime,
	)
	if max(before, after) > memoryLimit || after-before > memoryGrowth {
		return errors.New("it takes too much memory")
	}
	return errors.Join(p.click("#play"), p.until(`player.state === "paused"`))
}

// unison are the levels of stems that all play as they are.
func unison() []float64 { return slices.Repeat([]float64{1}, 12) }

// playsInStep plays over the joins of pieces, from the beginning, from the middle and up to the
// end.
func playsInStep(p page) error {
	if err := p.click("#play"); err != nil {
		return err
	}
	if err := p.until(`player.state === "playing" && player.position > 1`); err != nil {
		return err
	}
	if _, err := value[int](p, `observed.learn([[0, 30], [100, 130], [225, 240]])`); err != nil {
		return err
	}
	for _, from := range []struct {
		where   string
		to      float64
		seconds float64
	}{
		{"at the beginning", 0, 15},
		{"in the middle", 105.3, 15},
		{"towards the end", 228.7, 7},
	} {
		h, err := p.listenFrom(from.to, from.seconds, unison())
		if err != nil {
			return fmt.Errorf("%s: %w", from.where, err)
		}
		fmt.Printf(
			"  %s, %.1f s to %.1f s: %d blocks are out of step by %d samples, and differ from the whole stems by %g\n",
			from.where,
			h.From,
			h.To,
			h.Compared,
			h.Spread,
			h.Difference,
		)
	}
	if err := p.until(`player.state === "paused" && document.querySelector("#play").textContent === "Play"`); err != nil {
		return fmt.Errorf("it does not end: %w", err)
	}
	return nil
}

// goTo sets the position as dragging its slider does.
func (p page) goTo(seconds float64) error {
	_, err := value[bool](
		p,
		`(() => { const seek = document.querySelector("#seek"); seek.value = %v; return seek.dispatchEvent(new Event("input")) })()`,
		seconds,
	)
	return err
}

// listenFrom listens from a time on.
func (p page) listenFrom(from, seconds float64, levels []float64) (heard, error) {
	if err := errors.Join(p.goTo(from), p.until(`player.state === "playing"`)); err != nil {
		return heard{}, err
	}
	return p.listen(seconds, levels)
}

// controls turns every kind of control of some stems, and hears what comes of it.
func controls(p page) error {
	if err := p.click("#play"); err != nil { // at the end, it begins again
		return err
	}
	levels := unison()
	expect := func(what string) error {
		if err := chromedp.Do(p.ctx, chromedp.Sleep(settle)); err != nil {
			return err
		}
		if _, err := p.listenFrom(1, 1.5, levels); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	}
	stem := func(n int, control string) string { return fmt.Sprintf(".stem:nth-child(%d) %s", n, control) }

	levels[2] = 0
	if err := errors.Join(p.click(stem(3, ".mute")), expect("the third stem is muted")); err != nil {
		return err
	}
	levels[2] = 1
	if err := errors.Join(p.click(stem(3, ".mute")), expect("it is not muted any more")); err != nil {
		return err
	}
	for i := range levels {
		levels[i] = 0
	}
	levels[0], levels[3] = 1, 1
	if err := errors.Join(p.click(stem(1, ".solo")), p.click(stem(4, ".solo")), expect("the first and the fourth "+
		"are solo")); err != nil {
		return err
	}
	levels[0] = 0
	if err := errors.Join(p.click(stem(1, ".mute")), expect("one of those is muted")); err != nil {
		return err
	}
	levels = unison()
	if err := errors.Join(p.click(stem(1, ".mute")), p.click(stem(1, ".solo")), p.click(stem(4, ".solo")),
		expect("all play again")); err != nil {
		return err
	}
	if err := p.focus(stem(2, ".level")); err != nil {
		return err
	}
	for range 6 {
		if err := p.press(kb.ArrowLeft); err != nil {
			return err
		}
	}
	levels[1] = math.Pow(10, -6.0/20)
	if err := errors.Join(p.says(stem(2, ".decibels"), "-6 dB"), expect("the second is 6 dB lower")); err != nil {
		return err
	}
	levels[1] = 0
	if err := errors.Join(p.press(kb.Home), p.says(stem(2, ".decibels"), "off"),
		expect("the second is turned down")); err != nil {
		return err
	}
	levels[1] = 1
	return errors.Join(
		p.press(kb.End),
		p.says(stem(2, ".decibels"), "0 dB"),
		expect("all play again"),
		p.click("#play"),
		p.until(`player.state === "paused"`),
	)
}

// keyboard does with keys what can be done with them.
func keyboard(p page) error {
	pressed := func(control string, n int, is bool) error {
		return p.until(
			`document.querySelectorAll(%v)[%v].getAttribute("aria-pressed") === %v`,
			control,
			n,
			fmt.Sprint(is),
		)
	}
	if err := chromedp.Do(p.ctx, chromedp.Blur(chromedp.CSS(".stem:nth-child(2) .level"))); err != nil {
		return err
	}
	return errors.Join(
		p.press(kb.Home),
		p.until(`player.position === 0`),
		p.press(" "),
		p.until(`player.state === "playing" && player.position > 0.2`),
		p.press(" "),
		p.until(`player.state === "paused"`),
		p.press(kb.Home),
		p.press(kb.ArrowRight),
		p.press(kb.ArrowRight),
		p.until(`Math.abs(player.position - 10) < 0.01`),
		p.press(kb.ArrowLeft),
		p.until(`Math.abs(player.position - 5) < 0.01`),
		p.says("#time", "0:05 of 4:00"),
		p.press("1"),
		pressed(".mute", 0, true),
		p.press("1"),
		pressed(".mute", 0, false),
		p.press("0"),
		pressed(".mute", 9, true),
		p.press("0"),
		pressed(".mute", 9, false),
		p.press("2", chromedp.ModifierShift),
		pressed(".solo", 1, true),
		p.press("2", chromedp.ModifierShift),
		pressed(".solo", 1, false),
		// Where the focus is, keys do what they do there.
		p.focus(".stem:nth-child(12) .solo"),
		p.press("m"),
		pressed(".mute", 11, true),
		p.press("m"),
		pressed(".mute", 11, false),
		p.press("s"),
		pressed(".solo", 11, true),
		p.press(" "),
		pressed(".solo", 11, false),
		p.until(`player.state === "paused"`),
		p.until(`document.querySelectorAll("button, input, a").length === 15 + 12 * 4`),
		p.until(`[...document.querySelectorAll("button, input, a")].every((e) => e.ariaLabel || e.textContent)`),
	)
}

// seeks goes to places by clicks on a waveform, and hears that all stems have gone there.
func seeks(p page) error {
	if err := errors.Join(p.click("#play"), p.until(`player.state === "playing"`)); err != nil {
		return err
	}
	box, err := value[[]float64](
		p,
		`(() => { scrollTo(0, 0); const r = document.querySelector(".stem:nth-child(3) .wave").getBoundingClientRect(); return [r.x, r.y, r.width, r.height] })()`,
	)
	if err != nil {
		return err
	}
	const duration = 4 * 60
	for _, seconds := range []float64{110, 3, 230} {
		if err := chromedp.Do(p.ctx, chromedp.MouseClickXY(box[0]+box[2]*seconds/duration,
			box[1]+box[3]/2)); err != nil {
			return err
		}
		if err := p.until(`player.state === "playing"`); err != nil {
			return err
		}
		h, err := p.listen(2, unison())
		if err != nil {
			return fmt.Errorf("to %g s: %w", seconds, err)
		}
		if math.Abs(h.From-seconds) > 2 {
			return fmt.Errorf("a click on %g s plays from %.2f s on", seconds, h.From)
		}
	}
	return errors.Join(p.click("#play"), p.until(`player.state === "paused"`))
}

// pictures takes the screenshots of docs/listen.md.
func pictures(p page) error {
	return errors.Join(
		p.look(1100, 1000, false),
		p.click(".stem:nth-child(3) .mute"),
		p.focus(".stem:nth-child(2) .level"),
		p.press(kb.ArrowLeft),
		p.press(kb.ArrowLeft),
		p.press(kb.ArrowLeft),
		chromedp.Do(p.ctx, chromedp.Blur(chromedp.CSS(".stem:nth-child(2) .level"))),
		p.goTo(95),
		chromedp.Do(p.ctx, chromedp.Sleep(settle)),
		p.screenshot("page"),
		p.look(390, 844, true),
		chromedp.Do(p.ctx, chromedp.Sleep(settle)),
		p.screenshot("phone"),
		p.until(`document.documentElement.scrollWidth <= innerWidth`),
	)
}

// slowStore plays faster than the stems come in: all have to wait, and to go on in step.
func slowStore(t *track, b browserPages) error {
	s, end, err := newStore(t.minIO)
	if err != nil {
		return err
	}
	defer end()
	s.bytesPerSecond.Store(1 << 20)
	address, err := t.page("slow.html", []string{"MINIO_PUBLIC_ENDPOINT=" + s.addr}, t.flags()...)
	if err != nil {
		return err
	}
	p, end, err := b.open(address, true)
	if err != nil {
		return err
	}
	defer end()
	if err := errors.Join(
		p.until(`!document.querySelector("#play").disabled`),
		p.click("#play"), p.until(`player.state === "playing"`),
	); err != nil {
		return err
	}
	s.bytesPerSecond.Store(20 << 10) // a fifth of what is played
	if err := p.says("#status", "Waiting for the audio"); err != nil {
		return err
	}
	s.bytesPerSecond.Store(0)
	if err := errors.Join(p.until(`player.state === "playing"`), p.until(`stems.every((s) => s.complete)`)); err != nil {
		return err
	}
	if _, err := value[int](p, `observed.learn([[player.position, player.position + 30]])`); err != nil {
		return err
	}
	h, err := p.listen(6, unison())
	fmt.Printf("  after it had to wait: %d blocks are out of step by %d samples\n", h.Compared, h.Spread)
	return err
}

// forbiddingStore lets the page read nothing, as a store does without a rule for other origins.
func forbiddingStore(t *track, b browserPages) error {
	s, end, err := newStore(t.minIO)
	if err != nil {
		return err
	}
	defer end()
	s.forbidding.Store(true)
	address, err := t.page("forbidden.html", []string{"MINIO_PUBLIC_ENDPOINT=" + s.addr}, t.flags()...)
	if err != nil {
		return err
	}
	p, end, err := b.open(address, false)
	if err != nil {
		return err
	}
	defer end()
	return errors.Join(
		p.says("#advice", "The browser could not fetch the audio."),
		p.says("#advice", "http://"+s.addr),
		p.says("#advice", "stemflow listen --publish"),
		p.says(".stem:nth-child(12) .trouble", "cannot be fetched"),
		p.until(`document.querySelector("#play").disabled`),
	)
}

// expiredLinks says what to do.
func expiredLinks(t *track, b browserPages) error {
	address, err := t.page("expired.html", nil, append(t.flags(), "--link-lifetime", "1s")...)
	if err != nil {
		return err
	}
	if err := chromedp.Do(b.ctx, chromedp.Sleep(2*time.Second)); err != nil {
		return err
	}
	p, end, err := b.open(address, false)
	if err != nil {
		return err
	}
	defer end()
	return errors.Join(
		p.look(1100, 500, false),
		p.says("#advice", "The links of this page have expired."),
		p.says("#advice code", "starter listen --task-id "+t.song),
		p.says(".stem:nth-child(12) .trouble", "its link has expired"),
		p.until(`document.querySelector("#play").disabled`),
		p.screenshot("expired"),
	)
}

// hostileNames are shown as they are, and do nothing.
func hostileNames(t *track, b browserPages) error {
	hostile := func(name string) string {
		return name + `"'</h2></script></style><img src=x onerror=alert(1)><script>alert(2)</script>{{.}}${alert(3)}`
	}
	key, err := t.renamed(t.ctx, hostile)
	if err != nil {
		return err
	}
	address, err := t.page("hostile.html", nil, "--manifest-key", key)
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
	if err := errors.Join(
		p.until(`document.querySelector("h2").textContent === %v`, hostile("vocals")),
		p.until(`document.querySelector(".mute").ariaLabel === "Mute " + %v`, hostile("vocals")),
		p.until(`document.querySelectorAll("img").length === 0 && document.scripts.length === 10 && observed.violations.length === 0`),
		p.click("#play"), p.until(`player.state === "playing" && player.position > 1`),
		// Of stems without peaks, waveforms are drawn as they are decoded.
		p.until(`waveforms.every((w) => w.peaks.length >= player.duration * peaksPerSecond - 2)`),
	); err != nil {
		return err
	}
	if *p.dialogs > 0 {
		return errors.New("a name has run as a script")
	}
	return nil
}
