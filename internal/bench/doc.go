// Package bench is what every benchmark needs and no figure of its own: a closed loop of
// clients, an HTTP load, medians, what a process used, and the report with its baselines.
// It knows nothing of the product; cmd/bench has the figures.
package bench
