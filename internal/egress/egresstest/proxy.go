// Package egresstest is an egress proxy for tests: names resolve behind it alone.
package egresstest

import (
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Proxy connects to hosts by CONNECT, and forwards plain requests.
type Proxy struct {
	// Addr is its "host:port".
	Addr string

	mu     sync.Mutex
	hosts  map[string]string
	denied map[string]int
	user   string
	asked  []string
}

// New starts a proxy that knows the hosts ("host:port") and the addresses that they stand for. It
// ends with the test.
func New(t testing.TB, hosts map[string]string) *Proxy {
	p := &Proxy{hosts: hosts, denied: map[string]int{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.Addr = server.Listener.Addr().String()
	return p
}

// Deny makes the proxy answer a status for a host.
func (p *Proxy) Deny(host string, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denied[host] = status
}

// Demand makes the proxy demand credentials, "user:password".
func (p *Proxy) Demand(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.user = user
}

// Asked are the hosts that were asked for, each once, in order.
func (p *Proxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := slices.Clone(p.asked)
	slices.Sort(asked)
	return slices.Compact(asked)
}

// admit finds where a request goes, or the status to answer.
func (p *Proxy) admit(r *http.Request) (address string, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	host := r.Host
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(host, "80")
	}
	p.asked = append(p.asked, host)
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user))
	if p.user != "" && r.Header.Get("Proxy-Authorization") != want {
		return "", http.StatusProxyAuthRequired
	}
	if status := p.denied[host]; status != 0 {
		return "", status
	}
	if address = p.hosts[host]; address == "" {
		return "", http.StatusBadGateway
	}
	return address, 0
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	address, status := p.admit(r)
	switch {
	case status != 0:
		w.WriteHeader(status)
	case r.Method == http.MethodConnect:
		connect(w, address)
	default:
		forward(w, r, address)
	}
}

func connect(w http.ResponseWriter, address string) {
	target, err := net.Dial("tcp", address)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer target.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	done := make(chan struct{}, 2)
	pipe := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go pipe(target, buffered)
	go pipe(client, target)
	<-done
}

func forward(w http.ResponseWriter, r *http.Request, address string) {
	r.RequestURI = ""
	r.Header.Del("Proxy-Authorization")
	r.URL.Host = address
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}
