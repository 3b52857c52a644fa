// Package architecture proves, by a test, that imports run one way:
//
//	cmd → api, worker → workflows → activities → internal/domain
//
// and that what decides about appointments never pulls in a driver, a vendor's client
// or a web framework, not even through someone else. The rules are in rules.go, one
// below the other, each with its reason.
package architecture
