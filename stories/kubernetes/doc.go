// Package kubernetes shows deployments on a real control plane, with the real API as pods:
// `make test-k8s` runs it, as it needs what `make test` does not bring up.
package kubernetes
