// Package stories holds the failures that must not happen, each taken from one that did
// in a well-known system. A story runs against the product's own binary, a real
// PostgreSQL and a real Temporal server; TestStory07_... is story 7:
//
//   - 1: same slot, same instant
//   - 2: two at one time by another way
//   - 3: abandoned checkout
//   - 5: paid, webhook lost
//   - 6: same event twice, or out of order
//   - 7: crash between charge and record
//   - 8: declined or cancelled, money moves once
//   - 10: reminder through an outage
//   - 11: one bad recipient
//   - 12: no message for the old time
//   - 15: side effects fail, the booking does not
//   - 16: Temporal is down
//   - 17: the client retries
//   - 20: everything is killed
//   - 21: accepted, then the worker dies
//   - 22: someone resets or terminates the process
//   - 24: the capture fails
//   - 25: the command comes before the process
package stories
