// Package releases keeps the releases of one service on a host: a folder for each, named by
// its digest, and symlinks such as "blue" or "current" that are moved from one to another in
// one step.
//
//	<folder>/releases/<64 hex digits>/        what the bundle holds
//	<folder>/releases/<64 hex digits>.json    the release, and when it was last linked
//	<folder>/current → releases/<64 hex digits>
package releases
