// Package api is the HTTP side of the product. openapi.yaml is its contract: the types
// and routes in package openapi are generated from it, every request is checked against
// it, and who may call an operation is written there (x-careflow-roles). An operation
// without that line keeps the server from starting.
//
// A request runs through the middleware files in this order: request ID, access log,
// metrics, security headers, recovery; then, for the operations of the contract, body
// limit, deadline, authentication, access, validation; then its handler. Errors become
// problem details (RFC 9457) in problem.go and nowhere else.
package api
