package backup

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/careflow/careflow/internal/domain"
)

// Signer signs manifests and evidence, and knows the keys whose signatures count.
type Signer struct {
	// KeyID and Key sign; only workers that write need them.
	KeyID string
	Key   ed25519.PrivateKey
	// Trusted are the public keys by ID, older ones too.
	Trusted map[string]ed25519.PublicKey
}

// signed is a document with its signature over exactly the bytes of Document.
type signed struct {
	KeyID     string          `json:"key_id"`
	Signature []byte          `json:"signature"` // Ed25519
	Document  json.RawMessage `json:"document"`
}

// context keeps a signature on one kind of document from counting on another.
func signedBytes(kind string, document []byte) []byte {
	return slices.Concat([]byte("careflow-backup-"+kind+"\x00"), document)
}

const (
	kindManifest = "manifest"
	kindEvidence = "evidence"
)

func (s Signer) sign(kind string, v any) ([]byte, error) {
	if len(s.Key) != ed25519.PrivateKeySize {
		return nil, domain.Errorf(domain.CodeInvalid, "there is no key to sign the %s with", kind)
	}
	document, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("writing the %s: %w", kind, err)
	}
	b, err := json.Marshal(signed{KeyID: s.KeyID, Signature: ed25519.Sign(s.Key, signedBytes(kind, document)), Document: document})
	if err != nil {
		return nil, fmt.Errorf("writing the %s: %w", kind, err)
	}
	return b, nil
}

// verify reads a signed document into v. CodeBackupDamaged for anything that nobody we
// trust signed as it is.
func (s Signer) verify(kind string, b []byte, v any) error {
	var doc signed
	if err := strictly(b, &doc); err != nil {
		return domain.Errorf(domain.CodeBackupDamaged, "the %s cannot be read", kind).Because(err)
	}
	key, ok := s.Trusted[doc.KeyID]
	if !ok {
		return domain.Errorf(domain.CodeBackupDamaged, "the %s is signed by the unknown key %q", kind, doc.KeyID)
	}
	if !ed25519.Verify(key, signedBytes(kind, doc.Document), doc.Signature) {
		return domain.Errorf(domain.CodeBackupDamaged, "the signature of the %s is not right", kind)
	}
	if err := strictly(doc.Document, v); err != nil {
		return domain.Errorf(domain.CodeBackupDamaged, "the %s cannot be read", kind).Because(err)
	}
	return nil
}

func strictly(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.InputOffset() != int64(len(b)) {
		return errors.New("there is something behind the document")
	}
	return nil
}
