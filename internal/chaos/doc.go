// Package chaos proves the product under faults. It runs hundreds of visits through the
// API of a stack of its own while the parts of that stack are killed, stopped and lied to
// by the payment provider; then the faults end, everything settles, and the oracle
// (chaos/oracle) compares what the outside world shows with what was promised.
//
// What is done, and what is broken when, is a pure function of a seed (plan.go). How the
// machine interleaves the two is not: a seed that found something is worth repeating a
// few times.
//
// The package shares no code with the product: it drives the local stack's own program
// and speaks HTTP and SQL.
package chaos
