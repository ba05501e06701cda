// Package monitoring checks what watches stemflow: deploy/prometheus/stemflow.rules.yaml and
// deploy/grafana/stemflow.json. It is a module of its own, for Prometheus' parser and engine.
package monitoring
