// Package stories holds the failures that must not happen, each taken from one that did
// in a well-known system. A story runs against the product's own binary, a real
// PostgreSQL and a real Temporal server; TestStory07_... is story 7.
//
//	1  Same slot, same instant          16  Temporal is down
//	3  Abandoned checkout               17  The client retries
//	5  Paid, webhook lost               21  Accepted, then the worker dies
//	7  Crash between charge and record  22  Someone resets or terminates the process
//	25  The command comes before the process
package stories
