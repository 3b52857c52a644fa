package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// secrets are generated once per state folder. Their key IDs start with "dev-",
// which a production configuration refuses.
type secrets struct {
	PostgresAdmin    string `json:"postgres_admin"`
	PostgresProduct  string `json:"postgres_product"`
	PostgresTemporal string `json:"postgres_temporal"`

	PayloadKeys string `json:"payload_keys"`
	ColumnKeys  string `json:"column_keys"`
	SigningKeys string `json:"signing_keys"`
	CommandKeys string `json:"command_keys"`
	LinkKeys    string `json:"link_keys"`

	StripeKey            string `json:"stripe_key"`
	StripePublishableKey string `json:"stripe_publishable_key"`
	StripeWebhookSecret  string `json:"stripe_webhook_secret"`
	SendGridKey          string `json:"sendgrid_key"`
}

func secretsPath(folder string) string { return filepath.Join(folder, "secrets.json") }

// loadSecrets reads the folder's secrets, or makes them on the first run.
func loadSecrets(folder string) (secrets, error) {
	var s secrets
	text, err := os.ReadFile(secretsPath(folder))
	switch {
	case err == nil:
		if err := json.Unmarshal(text, &s); err != nil {
			return s, fmt.Errorf("%s is damaged (%w): restore it, or start afresh with `make reset`", secretsPath(folder), err)
		}
		if s.LinkKeys != "" {
			return s, nil
		}
		s.LinkKeys = newKey("link") // a state folder of before there were links
	case errors.Is(err, os.ErrNotExist):
		s = newSecrets()
	default:
		return s, err
	}
	text, err = json.MarshalIndent(s, "", "  ")
	if err != nil {
		return s, err
	}
	return s, replaceFile(secretsPath(folder), text, 0o600)
}

func newSecrets() secrets {
	return secrets{
		PostgresAdmin: word(24), PostgresProduct: word(24), PostgresTemporal: word(24),
		PayloadKeys: newKey("payload"), ColumnKeys: newKey("column"), SigningKeys: newKey("signing"), CommandKeys: newKey("command"),
		LinkKeys:  newKey("link"),
		StripeKey: "sk_test_dev" + word(24), StripePublishableKey: "pk_test_dev" + word(24),
		StripeWebhookSecret: "whsec_dev" + word(24), SendGridKey: "SG.dev" + word(12) + "." + word(32),
	}
}

func newKey(name string) string {
	return "dev-" + name + "-1:" + base64.StdEncoding.EncodeToString(random(32))
}

func random(bytes int) []byte {
	buffer := make([]byte, bytes)
	_, _ = rand.Read(buffer) // never fails, see crypto/rand
	return buffer
}

// word is a random string of letters and digits, safe in URLs and YAML.
func word(length int) string {
	text := base64.RawURLEncoding.EncodeToString(random(2 * length))
	return strings.NewReplacer("-", "", "_", "").Replace(text)[:length]
}

// approvalKeys are the public halves of a ring of signing keys, as `careflow keys approval`
// prints them.
func approvalKeys(signing string) string {
	var keys []string
	for _, key := range strings.Split(signing, ",") {
		id, text, _ := strings.Cut(key, ":")
		seed, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(seed) != ed25519.SeedSize {
			continue // the API says what is wrong with it
		}
		public, _ := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		keys = append(keys, id+":"+base64.StdEncoding.EncodeToString(public))
	}
	return strings.Join(keys, ",")
}
