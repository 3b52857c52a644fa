package temporalx

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"github.com/careflow/careflow/internal/config"
)

// What an encrypted payload says about itself in plain text. MetadataKeyID holds the ID
// of the key, which is not secret.
const (
	EncodingEncrypted = "binary/encrypted"
	MetadataKeyID     = "encryption-key-id"
	// metadataCipher leaves room for another cipher without guessing.
	metadataCipher = "encryption-cipher"
	cipherName     = "AES-256-GCM"
)

// Codec encrypts payloads with AES-256-GCM. The whole payload, its own metadata
// included, is sealed; the additional data binds it to its key ID. The active key of
// the ring encrypts, every key of it decrypts.
//
// It does not bind a payload to its workflow: Temporal UI asks the codec server without
// saying whose payload it is, and results travel from child to parent. Nonces are random,
// so one key should protect no more than 2^32 payloads (NIST SP 800-38D, 8.3); rotate
// long before that.
type Codec struct {
	active config.Key
	aeads  map[string]cipher.AEAD
}

var _ converter.PayloadCodec = (*Codec)(nil)

// NewCodec makes a codec of a ring with at least one key.
func NewCodec(ring config.KeyRing) (*Codec, error) {
	if ring.IsZero() {
		return nil, errors.New("the payload codec has no key")
	}
	c := &Codec{active: ring.Active(), aeads: map[string]cipher.AEAD{}}
	for _, key := range ring.Keys() {
		block, err := aes.NewCipher(key.Bytes())
		if err != nil {
			return nil, fmt.Errorf("payload key %s: %w", key.ID, err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("payload key %s: %w", key.ID, err)
		}
		c.aeads[key.ID] = aead
	}
	return c, nil
}

// Encode encrypts payloads under the active key.
func (c *Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	sealed := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("marshal a payload: %w", err)
		}
		sealed[i] = &commonpb.Payload{
			Metadata: map[string][]byte{
				converter.MetadataEncoding: []byte(EncodingEncrypted),
				MetadataKeyID:              []byte(c.active.ID),
				metadataCipher:             []byte(cipherName),
			},
			//nolint:gosec // the cipher draws a random nonce itself and takes none, see NewCodec
			Data: c.aeads[c.active.ID].Seal(nil, nil, plain, additional(c.active.ID)),
		}
	}
	return sealed, nil
}

// Decode decrypts payloads and leaves those that are not encrypted as they are. Its
// errors name the key, never the content.
func (c *Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	opened := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if string(p.GetMetadata()[converter.MetadataEncoding]) != EncodingEncrypted {
			opened[i] = p
			continue
		}
		plain, err := c.open(p)
		if err != nil {
			return nil, err
		}
		opened[i] = plain
	}
	return opened, nil
}

func (c *Codec) open(p *commonpb.Payload) (*commonpb.Payload, error) {
	if name := string(p.Metadata[metadataCipher]); name != cipherName {
		return nil, fmt.Errorf("a payload is encrypted with the unknown cipher %q", name)
	}
	id := string(p.Metadata[MetadataKeyID])
	aead, found := c.aeads[id]
	if !found {
		return nil, fmt.Errorf("a payload is encrypted with the key %q, which is not in CAREFLOW_PAYLOAD_KEYS", id)
	}
	plain, err := aead.Open(nil, nil, p.Data, additional(id))
	if err != nil {
		return nil, fmt.Errorf("a payload under the key %q was altered, or the key is another one of that name", id)
	}
	var opened commonpb.Payload
	if err := proto.Unmarshal(plain, &opened); err != nil {
		return nil, fmt.Errorf("unmarshal a payload under the key %q: %w", id, err)
	}
	return &opened, nil
}

// additional is the data that a sealed payload is bound to.
func additional(keyID string) []byte { return []byte(cipherName + "\x00" + keyID) }
