package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// clockFailed is how far a clock may be off before something refuses what is signed with its
	// time: the bridge takes callbacks from five minutes ahead at most, a store requests of
	// fifteen.
	clockFailed = 5 * time.Minute
	// clockWarning is more than a clock is off that is set by the network.
	clockWarning = 30 * time.Second
)

// clocks are those of the machines that were asked something. It is safe for concurrent use.
type clocks struct {
	mu   sync.Mutex
	seen []clock
}

// clock is how far another machine's clock is ahead of ours, give or take.
type clock struct {
	whose       string
	ahead, give time.Duration
}

// see notes the time in an answer's header Date. Of several answers the quickest counts.
func (c *clocks) see(whose string, sent, received time.Time, header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil || header.Get("Age") != "" { // a cache's answer is of another time
		return
	}
	// The header has whole seconds, rounded down.
	middle := sent.Add(received.Sub(sent) / 2)
	now := clock{whose, date.Add(time.Second / 2).Sub(middle), received.Sub(sent)/2 + time.Second/2}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.seen, func(s clock) bool { return s.whose == whose })
	switch {
	case i < 0:
		c.seen = append(c.seen, now)
	case now.give < c.seen[i].give:
		c.seen[i] = now
	}
}

// all are the clocks, by name.
func (c *clocks) all() []clock {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(slices.Values(c.seen), func(a, b clock) int { return cmp.Compare(a.whose, b.whose) })
}

// off is how far the clocks certainly differ; negative if the other one is behind.
func (c clock) off() time.Duration {
	switch {
	case c.ahead > c.give:
		return c.ahead - c.give
	case c.ahead < -c.give:
		return c.ahead + c.give
	default:
		return 0
	}
}

// watched notes the clock of what answers a transport's requests.
func (c *clocks) watched(whose string, next http.RoundTripper) http.RoundTripper {
	return watchedTransport{c, whose, next}
}

type watchedTransport struct {
	clocks *clocks
	whose  string
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (w watchedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := time.Now()
	resp, err := w.next.RoundTrip(r)
	if err == nil {
		w.clocks.see(w.whose, sent, time.Now(), resp.Header)
	}
	return resp, err
}

func (d *doctor) clockChecks() []check {
	return []check{{
		name: "clock", after: []string{"provider-key", "store", "bridge"}, limit: quick, run: d.checkClock,
	}}
}

func (d *doctor) checkClock(_ context.Context, r *Result) {
	seen := d.clocks.all()
	if len(seen) == 0 {
		r.skip("nothing has answered whose clock could be compared")
		return
	}
	var names []string
	var wrong []clock
	for _, c := range seen {
		names = append(names, c.whose)
		r.fact("%s: %s", c.whose, offText(c.off()))
		if c.off().Abs() >= clockWarning {
			wrong = append(wrong, c)
		}
	}
	r.ok("compared with %s", strings.Join(names, ", "))
	if len(wrong) == 0 {
		return
	}
	// The clock that differs from all others is the one that is wrong. Of two, nobody knows which.
	own := "this machine's clock"
	if len(wrong) == len(seen) && len(seen) > 1 {
		worst := slices.MaxFunc(wrong, func(a, b clock) int { return cmp.Compare(a.off().Abs(), b.off().Abs()) })
		reportClock(r, worst, own+" differs from all others", own)
		return
	}
	for _, c := range wrong {
		whose := "the clock of the " + c.whose
		if len(seen) == 1 {
			whose += " or " + own
		}
		reportClock(r, c, whose+" is wrong", whose)
	}
}

func reportClock(r *Result, c clock, what, whose string) {
	status := Warning
	if c.off().Abs() >= clockFailed {
		status = Failed
	}
	r.find(status, fmt.Sprintf("%s: that of the %s is %s", what, c.whose, offText(c.off())),
		"set "+whose+" by NTP: stores refuse requests, and bridges refuse callbacks, that are signed with another time")
}

func offText(off time.Duration) string {
	off = off.Round(time.Second)
	switch {
	case off > 0:
		return off.String() + " ahead of this machine"
	case off < 0:
		return (-off).String() + " behind this machine"
	default:
		return "agrees"
	}
}
