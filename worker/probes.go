package main

import (
	"errors"
	"net/http"
	"sync/atomic"
)

// probes answer /healthz while the program is up, and /readyz while it has reached Temporal.
type probes struct {
	http.ServeMux
	// problem is why it is not ready; nil: it is.
	problem atomic.Pointer[error]
}

func newProbes() *probes {
	p := &probes{}
	p.notReady(errors.New("the worker is starting"))
	p.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	p.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := *p.problem.Load(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
		}
	})
	return p
}

// notReady says why the worker is not ready; nil: it is.
func (p *probes) notReady(err error) { p.problem.Store(&err) }
