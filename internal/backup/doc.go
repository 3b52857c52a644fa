// Package backup makes, proves and restores backups of PostgreSQL databases. The logical
// engine is here: pg_dump on an exported snapshot, compressed (zstd) and encrypted (age)
// on its way to an object store, so that plain data touches no disk and memory stays
// bounded whatever the size.
//
// Objects are written once, under the folder of their attempt. The manifest, signed and
// written only if there is none, is the one commit point: a worker thought dead that
// comes back cannot commit a second time, and what it left is found as an orphan.
//
// A backup counts when it was restored into a scratch database whose tables have the
// counts and hashes that the source had at the same snapshot. Exit codes are not believed.
package backup
