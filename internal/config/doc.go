// Package config reads the settings of a process from its environment, once, at its
// start. A process that is configured wrongly does not start: Load reports every
// problem it finds at once, and says what to change.
//
// Every setting is a variable CAREFLOW_…; a secret X may be given as X_FILE, the path
// of a file that holds it, which is how container platforms hand out secrets. The
// default environment is production: what development relaxes has to be asked for.
//
// The package depends on the standard library only, so that every package may use its
// Secret and KeyRing types.
package config
