// Package probe asks a release from outside, as its users, its scraper and its database do:
// smoke tests on a preview address, the front door, the metrics of each instance.
package probe
