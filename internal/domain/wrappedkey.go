package domain

import (
	"slices"
	"time"
)

// WrappedKey is a key as the database and its backups keep it: useless without the
// key-encryption key that is named beside it, which is in neither.
type WrappedKey struct {
	Ring    string `json:"ring"`
	ID      string `json:"id"`
	KEKID   string `json:"kek_id"`
	Wrapped []byte `json:"wrapped"`
	// CreatedAt is in UTC; of two keys of a ring the newer one comes first.
	CreatedAt time.Time `json:"created_at"`
}

// The rings whose keys are kept wrapped.
const (
	RingColumn  = "column"  // data keys of the encrypted columns
	RingPayload = "payload" // of what Temporal stores
	RingSigning = "signing" // of tokens
	RingCommand = "command" // of update IDs and the codec server's sessions
	RingLink    = "link"    // of links in letters
)

// WrappedKeyIDs names keys by ring, and the key-encryption keys that open them, in order.
func WrappedKeyIDs(keys []WrappedKey) (byRing map[string][]string, keks []string) {
	if len(keys) > 0 {
		byRing = map[string][]string{}
	}
	for _, k := range keys {
		byRing[k.Ring] = append(byRing[k.Ring], k.ID)
		if !slices.Contains(keks, k.KEKID) {
			keks = append(keks, k.KEKID)
		}
	}
	for _, ids := range byRing {
		slices.Sort(ids)
	}
	slices.Sort(keks)
	return byRing, keks
}
