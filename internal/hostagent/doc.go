// Package hostagent carries out deployments on the host it runs on: it fetches bundles,
// checks and unpacks them, runs the scripts of their lifecycle events and moves the link
// that says which release is in place.
//
//	<root>/<environment>/<service>/releases/<digest>/   unpacked bundles, five at most
//	<root>/<environment>/<service>/current              link to one of them, moved at once
//	<root>/<environment>/<service>/unfinished           the script that runs, for who comes after a crash
package hostagent
