package main

import (
	"net"
	"net/netip"
	"time"
)

// rememberedAddresses bounds the memory of a connRate.
const rememberedAddresses = 1 << 14

// connRate closes new connections of an address that opens too many, before TLS and HTTP spend
// anything on them. Each address has a token bucket, and trusted proxies have none.
type connRate struct {
	net.Listener
	perSecond, burst float64
	trusted          []netip.Prefix
	now              func() time.Time
	// buckets are used by Accept alone, which net/http calls in one goroutine.
	buckets map[source]bucket
}

type bucket struct {
	tokens float64
	filled time.Time
}

func limitRate(listener net.Listener, l limits, trusted []netip.Prefix) *connRate {
	return &connRate{
		Listener: listener, perSecond: l.newPerSecond, burst: l.newBurst, trusted: trusted, now: time.Now,
		buckets: map[source]bucket{},
	}
}

// Accept implements net.Listener.
func (r *connRate) Accept() (net.Conn, error) {
	for {
		conn, err := r.Listener.Accept()
		if err != nil || r.admit(sourceOf(conn.RemoteAddr(), r.trusted)) {
			return conn, err
		}
		_ = conn.Close()
	}
}

func (r *connRate) admit(from source) bool {
	if from.trusted {
		return true
	}
	now := r.now()
	b, ok := r.buckets[from]
	if !ok {
		r.makeRoom(now)
		b = bucket{r.burst, now}
	}
	b.tokens = min(r.burst, b.tokens+now.Sub(b.filled).Seconds()*r.perSecond)
	b.filled = now
	admitted := b.tokens >= 1
	if admitted {
		b.tokens--
	}
	r.buckets[from] = b
	return admitted
}

// makeRoom forgets the addresses whose buckets are full again, which they are after burst/perSecond
// seconds of silence. If there are none, it forgets all: each then begins with a full bucket.
func (r *connRate) makeRoom(now time.Time) {
	if len(r.buckets) < rememberedAddresses {
		return
	}
	for from, b := range r.buckets {
		if b.tokens+now.Sub(b.filled).Seconds()*r.perSecond >= r.burst {
			delete(r.buckets, from)
		}
	}
	if len(r.buckets) >= rememberedAddresses {
		clear(r.buckets)
	}
}
