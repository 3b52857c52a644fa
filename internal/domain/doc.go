// Package domain holds the rules of a clinic's appointments as pure values and
// functions: statuses, terms, money, slots, deadlines, refunds, messages. It reads
// no clock, opens no connection and imports nothing of the other packages, so that
// workflows, activities, the API and the stores can all share it.
//
// Instants are UTC. Money is in minor units with an ISO 4217 currency.
package domain
