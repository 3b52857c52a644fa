// Package temporalx connects the product to Temporal: a client that starts while
// Temporal is down, the codec that encrypts every payload, metrics and logs of the SDK,
// the set-up of a namespace, the promotion of a worker's version, and the tokens that
// Temporal's authorizer asks for.
package temporalx
