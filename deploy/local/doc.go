// Command local runs everything Careflow needs on one machine, without
// containers: a private PostgreSQL cluster, a Temporal server that keeps its
// state in it, Temporal UI, the vendor sandbox and the product itself.
//
//	local up [-detach] [-infrastructure]   the development stack; Ctrl-C stops it
//	local down                             stops a running development stack
//	local test -- COMMAND [ARG...]         a stack of its own around one command
//	local reset                            forgets all state of the development stack
//	local tools NAME...                    builds pinned tools into the tool folder
//
// The Makefile is the usual way in. State lives in .local/ of the checkout, or
// where CAREFLOW_STATE says; every port can be moved (see settings.go).
//
// The program is written for Debian and Ubuntu. It builds elsewhere, but only
// Linux gives it the means to take its children down when it is killed itself.
package main
