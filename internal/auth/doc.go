// Package auth knows who is there: passwords are kept as argon2id hashes, and a log-in
// is a short-lived token signed with Ed25519. What a role may do is not decided here
// but by the HTTP contract.
package auth
