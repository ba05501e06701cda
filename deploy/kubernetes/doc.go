// Package kubernetes checks the manifests beside it. It is a module of its own, so that stemflow
// does not depend on Kubernetes' and KEDA's.
package kubernetes
