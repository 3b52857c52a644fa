package config

import (
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/careflow/careflow/internal/domain"
)

// ApprovalKeys are the public halves of a ring of signing keys: what a process needs that
// checks approvals and gives none.
func (r KeyRing) ApprovalKeys() domain.ApprovalKeys {
	keys := domain.ApprovalKeys{}
	for _, k := range r.Keys() {
		keys[k.ID], _ = ed25519.NewKeyFromSeed(k.Bytes()).Public().(ed25519.PublicKey)
	}
	return keys
}

// EncodeApprovalKeys writes keys as CAREFLOW_APPROVAL_KEYS holds them.
func EncodeApprovalKeys(keys domain.ApprovalKeys) string {
	entries := make([]string, 0, len(keys))
	for id, key := range keys {
		entries = append(entries, id+":"+base64.StdEncoding.EncodeToString(key))
	}
	slices.Sort(entries)
	return strings.Join(entries, ",")
}

// approvalKeys reads public keys, "id:base64-of-32-bytes,older:…".
func (r *reader) approvalKeys(variable string) domain.ApprovalKeys {
	keys := domain.ApprovalKeys{}
	for i, entry := range list(r.plain(variable)) {
		id, text, _ := strings.Cut(entry, ":")
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || !keyID.MatchString(id) || len(key) != ed25519.PublicKeySize {
			r.problem(variable, "key %d is not id:base64-of-32-bytes: write what `careflow keys approval` prints", i+1)
			continue
		}
		keys[id] = key
	}
	return keys
}
