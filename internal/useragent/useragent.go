// Package useragent says who asks.
package useragent

// Value is what stemflow calls itself to the provider and its file hosts, whose edge refuses some
// clients by what their libraries send of themselves.
const Value = "stemflow/1 (+durable stem separation)"
