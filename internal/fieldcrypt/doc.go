// Package fieldcrypt encrypts columns: an appointment's reason, notes, all clinical text.
//
// Each value is sealed with a data key (Tink, AES-256-GCM) and bound to its table, column
// and row, so that a value moved to another row does not open. Data keys live in the
// database, wrapped by a key-encryption key that does not (CAREFLOW_COLUMN_KEYS, or a
// KMS). Changing the key-encryption key rewraps the few data keys and touches no row;
// changing the data key lets old rows be read with the old one.
package fieldcrypt
