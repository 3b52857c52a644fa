package temporalx

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// permissions of those who show a token, in the words of Temporal's own authorizer.
// Its role "worker" opens nothing by itself: who polls needs to write.
var permissions = map[string]func(namespace string) []string{
	"api":            writes,
	"worker":         writes,
	"backup-worker":  writes,
	"deploy-worker":  writes,
	"agent":          writes,
	"temporal-setup": func(namespace string) []string { return []string{namespace + ":admin"} },
	"reader":         func(namespace string) []string { return []string{namespace + ":read"} },
	// The UI asks for the list of namespaces and the cluster's version.
	"ui":        func(namespace string) []string { return []string{namespace + ":read", "temporal-system:read"} },
	"ui-repair": func(namespace string) []string { return []string{namespace + ":write", "temporal-system:read"} },
}

func writes(namespace string) []string { return []string{namespace + ":write"} }

// Holders are those whom an Authority gives tokens, sorted: our processes, "reader" for
// the commands that look at histories, "ui" for staff who look, "ui-repair" for the few who
// may signal, reset and terminate.
func Holders() []string { return slices.Sorted(maps.Keys(permissions)) }

// Authority signs the tokens that Temporal's authorizer believes (ES256, the one curve
// that it takes). Its private key belongs to no process.
type Authority struct{ key *ecdsa.PrivateKey }

// NewAuthority makes one with a key of its own.
func NewAuthority() (Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Authority{}, fmt.Errorf("making an authority: %w", err)
	}
	return Authority{key}, nil
}

// ParseAuthority reads what Encode wrote. No error quotes it.
func ParseAuthority(text []byte) (Authority, error) {
	refusal := errors.New("holds no authority for Temporal: write what `careflow keys temporal authority` prints")
	block, _ := pem.Decode(text)
	if block == nil {
		return Authority{}, refusal
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Authority{}, refusal
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return Authority{}, refusal
	}
	return Authority{key}, nil
}

// Encode returns the private key (PKCS #8, PEM).
func (a Authority) Encode() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, fmt.Errorf("encoding an authority: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Token names its holder, one of Holders, until expires, and opens namespace to it as far
// as its work needs.
func (a Authority) Token(holder, namespace string, expires time.Time) (string, error) {
	granted, ok := permissions[holder]
	if !ok {
		return "", fmt.Errorf("%q holds no token", holder)
	}
	public, err := a.public()
	if err != nil {
		return "", err
	}
	t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"sub": holder, "permissions": granted(namespace), "exp": expires.Unix(),
	})
	t.Header["kid"] = public.KeyID
	text, err := t.SignedString(a.key)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return text, nil
}

// KeySet is the file that Temporal reads (JWKS): the public halves of all who may sign,
// two while one takes the place of the other.
func KeySet(authorities ...Authority) ([]byte, error) {
	set := struct {
		Keys []publicKey `json:"keys"`
	}{}
	for _, a := range authorities {
		public, err := a.public()
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, public)
	}
	text, err := json.MarshalIndent(set, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding keys: %w", err)
	}
	return append(text, '\n'), nil
}

// publicKey is a JWK (RFC 7517).
type publicKey struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
	KeyID     string `json:"kid"`
}

func (a Authority) public() (publicKey, error) {
	point, err := a.key.PublicKey.Bytes() // 4, then x and y of 32 bytes each
	if err != nil {
		return publicKey{}, fmt.Errorf("public half of an authority: %w", err)
	}
	x, y := base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:])
	// The thumbprint of RFC 7638: nobody has to think of a name for a key.
	sum := sha256.Sum256([]byte(fmt.Sprintf(`{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`, x, y)))
	return publicKey{
		KeyType: "EC", Curve: "P-256", X: x, Y: y, Algorithm: "ES256", Use: "sig",
		KeyID: base64.RawURLEncoding.EncodeToString(sum[:]),
	}, nil
}
