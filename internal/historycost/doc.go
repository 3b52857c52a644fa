// Package historycost says what one workflow execution costs, from its event history
// alone: events, bytes, and billable actions as Temporal Cloud defines them. A cluster
// of one's own bills nothing, but the same things load it, so a budget in actions keeps
// a process small wherever it runs.
//
// The definition of an action is that of
// https://docs.temporal.io/evaluate/cloud/actions, read in 2026:
//
//   - a workflow start; a start that was de-duplicated is in no history and costs nothing
//   - each timer, also those the SDK makes for an await with a timeout
//   - each activity attempt: the start and every retry
//   - the markers of one workflow task together (local activities, versions, side effects)
//   - each signal; signal-with-start is one action in all
//   - each accepted update; an update ID that was seen before is in no history
//   - each upsert of search attributes, however many it sets, except the SDK's own record
//     of versions (TemporalChangeVersion); those given at the start are free
//   - a child started: two in all, one here and one in the child's own history
//   - each Nexus operation scheduled or asked to cancel, each change of execution options,
//     each reset
//
// Heartbeats cost one each where they reach the server, and leave no trace in the
// history. The SDK sends the first one of an attempt at once and throttles the others to
// four fifths of the timeout, so one is assumed for each attempt of an activity that has
// a heartbeat timeout. For short attempts, which may send none, that is too many rather
// than too few; it is shown on a line of its own. Queries and rejected updates leave no trace either and are
// not counted.
package historycost
