package integration

import (
	"slices"
	"strings"
)

// fault is something that goes wrong with one of the parts around a run: a verb, and the part.
type fault string

const (
	killWorker     fault = "kill worker"
	freezeWorker   fault = "freeze worker"
	killStore      fault = "kill store"
	freezeStore    fault = "freeze store"
	killTemporal   fault = "kill Temporal"
	freezeTemporal fault = "freeze Temporal"
	killBridge     fault = "kill bridge"
	freezeBridge   fault = "freeze bridge"

	// The provider spoils one answer to the paid call, or two to requests for the record.
	hangProvider   fault = "hang provider"
	cutProvider    fault = "cut provider"
	garbleProvider fault = "garble provider"

	// An operator has the engine repeat the activity of the paid call.
	repeatSubmit fault = "repeat submit"
)

func (f fault) of(part string) bool { return strings.HasSuffix(string(f), " "+part) }

// runMoment is a point in the life of a run.
type runMoment string

// The moments, in the order in which a run meets them.
const (
	atPreparing runMoment = "preparing" // the ledger is being read, nothing is written yet
	atIntent    runMoment = "intent"    // the intent is on its way to the store
	atCall      runMoment = "call"      // the paid call is on its way: not accepted
	atAnswer    runMoment = "answer"    // accepted, and the answer is on its way
	atReceipt   runMoment = "receipt"   // the answer is known and on its way to the ledger
	atWaiting   runMoment = "waiting"   // for the callback
	atCallback  runMoment = "callback"  // the callback is on its way to the bridge
	atPolling   runMoment = "polling"   // a request for the record is on its way
	atArchiving runMoment = "archiving" // a stem is being uploaded
	atManifest  runMoment = "manifest"  // the manifest is on its way to the store
)

var moments = []runMoment{
	atPreparing, atIntent, atCall, atAnswer, atReceipt, atWaiting, atCallback, atPolling, atArchiving, atManifest,
}

// faultAt is a fault at a moment.
type faultAt struct {
	fault fault
	at    runMoment
}

func (f faultAt) String() string { return string(f.fault) + " @ " + string(f.at) }

// faultPair is two faults in one run. What they hit comes back in the order of the faults; a fault
// of the provider is over by itself.
type faultPair struct {
	first, second faultAt
	// overlap keeps the first fault until the second has come, where the run reaches that moment
	// all the same.
	overlap bool
}

func (p faultPair) String() string { return p.first.String() + " + " + p.second.String() }

// has reports whether a fault hits one of the parts.
func (p faultPair) has(part string) bool { return p.first.fault.of(part) || p.second.fault.of(part) }

// at reports whether one of the faults comes at a moment.
func (p faultPair) at(m runMoment) bool { return p.first.at == m || p.second.at == m }

// provider is the fault of the provider at a moment, if there is one.
func (p faultPair) provider(m runMoment) (fault, bool) {
	for _, f := range []faultAt{p.first, p.second} {
		if f.at == m && f.fault.of("provider") {
			return f.fault, true
		}
	}
	return "", false
}

// tellingPairs run in every check: each has a run lose its paid call in one way, and the run that
// comes next meet something else that may hide it.
var tellingPairs = []faultPair{
	// The next attempt finds no store, so that it paid nothing; but the one before it did.
	{first: faultAt{killWorker, atAnswer}, second: faultAt{killStore, atAnswer}},
	{first: faultAt{freezeWorker, atAnswer}, second: faultAt{freezeStore, atAnswer}},
	// The answer is known to a worker that can tell neither the store nor Temporal.
	{first: faultAt{freezeTemporal, atAnswer}, second: faultAt{killStore, atAnswer}},
	// The very same attempt runs again.
	{first: faultAt{repeatSubmit, atAnswer}, second: faultAt{killWorker, atAnswer}},
	// Only the callback knows the id, and nobody takes it.
	{first: faultAt{cutProvider, atAnswer}, second: faultAt{killBridge, atCallback}, overlap: true},
	// The provider accepts a call after the engine has given it up, and the next attempt finds no
	// store.
	{first: faultAt{freezeWorker, atCall}, second: faultAt{killStore, atCall}},
}

// faultPairs are the pairs that make a difference: faults of parts that are at work at that moment.
// Parts that take no part in what goes on then would only be away, and that is one fault.
func faultPairs() []faultPair {
	workers, stores := []fault{killWorker, freezeWorker}, []fault{killStore, freezeStore}
	temporals, bridges := []fault{killTemporal, freezeTemporal}, []fault{killBridge, freezeBridge}
	providers := []fault{hangProvider, cutProvider, garbleProvider}

	var pairs []faultPair
	add := func(p faultPair) {
		if !slices.Contains(pairs, p) {
			pairs = append(pairs, p)
		}
	}
	// together adds the pairs of two parts at the same moments.
	together := func(firsts, seconds []fault, at ...runMoment) {
		for _, m := range at {
			for _, first := range firsts {
				for _, second := range seconds {
					add(faultPair{first: faultAt{first, m}, second: faultAt{second, m}})
				}
			}
		}
	}
	// apart adds the pairs of two parts at different moments.
	apart := func(overlap bool, firsts []fault, from runMoment, seconds []fault, at ...runMoment) {
		for _, m := range at {
			for _, first := range firsts {
				for _, second := range seconds {
					add(faultPair{first: faultAt{first, from}, second: faultAt{second, m}, overlap: overlap})
				}
			}
		}
	}
	for _, p := range tellingPairs {
		add(p)
	}
	// The worker comes back while the other one is away still.
	together(workers, stores, atPreparing, atIntent, atCall, atAnswer, atReceipt, atArchiving, atManifest)
	together(workers, temporals, moments...)
	together(workers, bridges, atAnswer, atCallback)
	// Servers come back in either order.
	together(stores, temporals, atIntent, atAnswer, atReceipt, atArchiving, atManifest)
	together(temporals, stores, atAnswer, atReceipt)
	together(bridges, temporals, atCallback)
	together(temporals, bridges, atCallback)
	together(bridges, stores, atCallback)
	// The answer to the paid call is spoiled, and what could find out is hit: the worker, the
	// ledger, the engine, the callback.
	together(providers, slices.Concat(workers, stores, temporals), atAnswer)
	together(providers, []fault{killWorker, killStore, killTemporal}, atCall)
	apart(true, providers, atAnswer, bridges, atCallback)
	together([]fault{repeatSubmit}, slices.Concat(workers, []fault{freezeTemporal}), atCall, atAnswer, atReceipt)
	// The record cannot be read.
	together(providers, []fault{killWorker, killTemporal, killBridge}, atCallback)
	together(providers, []fault{killWorker, killTemporal}, atPolling)
	// A second fault hits what has just recovered from the first, or is still without what the
	// first one took away.
	kills := []fault{killWorker, killStore, killTemporal}
	apart(false, []fault{killWorker, killTemporal}, atAnswer, slices.Concat(kills, []fault{killBridge}), atCallback)
	apart(false, []fault{killWorker, killTemporal}, atAnswer, kills, atArchiving, atManifest)
	apart(true, []fault{killStore}, atAnswer, []fault{killWorker, killTemporal, killBridge}, atCallback)
	apart(true, []fault{killBridge}, atAnswer, kills, atPolling)
	apart(false, kills, atArchiving, kills, atManifest)
	return pairs
}
