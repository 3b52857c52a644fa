// Package hosts runs the two colours of a service as processes of one host, behind nginx or
// HAProxy. The processes are started and stopped by commands of the file of services, such
// as systemctl, or run by us where there is no such thing.
//
// The folder of a service holds
//
//	releases/<digest>/        what bundles hold; see internal/releases
//	blue → releases/<digest>  which release a colour runs, green alike
//	blue.json, green.json     whether the colour is meant to run
//	run/blue-0.json, .log     a process that we run ourselves, and what it prints
package hosts
