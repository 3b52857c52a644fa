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

	"filippo.io/age"
)

// secrets are generated once per state folder. Their key IDs start with "dev-",
// which a production configuration refuses.
type secrets struct {
	PostgresAdmin    string `json:"postgres_admin"`
	PostgresProduct  string `json:"postgres_product"`
	PostgresTemporal string `json:"postgres_temporal"`
	PostgresBackup   string `json:"postgres_backup"`
	PostgresScratch  string `json:"postgres_scratch"`
	PostgresRestore  string `json:"postgres_restore"`

	PayloadKeys string `json:"payload_keys"`
	ColumnKeys  string `json:"column_keys"`
	SigningKeys string `json:"signing_keys"`
	CommandKeys string `json:"command_keys"`
	LinkKeys    string `json:"link_keys"`

	StripeKey            string `json:"stripe_key"`
	StripePublishableKey string `json:"stripe_publishable_key"`
	StripeWebhookSecret  string `json:"stripe_webhook_secret"`
	SendGridKey          string `json:"sendgrid_key"`

	// Backups are encrypted for both recipients. An installation keeps the second
	// identity where no host reaches it; here there is nowhere else to put it.
	BackupSigningKeys     string `json:"backup_signing_keys"`
	BackupRecipients      string `json:"backup_recipients"`
	BackupIdentity        string `json:"backup_identity"`
	BackupOfflineIdentity string `json:"backup_offline_identity"`
}

func secretsPath(folder string) string { return filepath.Join(folder, "secrets.json") }

// loadSecrets reads the folder's secrets and makes those that are missing: all of them
// on the first run, and later those of parts that the stack did not have by then.
func loadSecrets(folder string) (secrets, error) {
	var s secrets
	text, err := os.ReadFile(secretsPath(folder))
	if err == nil {
		if err := json.Unmarshal(text, &s); err != nil {
			return s, fmt.Errorf("%s is damaged (%w): restore it, or start afresh with `make reset`", secretsPath(folder), err)
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	read := s
	if err := s.complete(); err != nil || s == read {
		return s, err
	}
	text, err = json.MarshalIndent(s, "", "  ")
	if err != nil {
		return s, err
	}
	return s, replaceFile(secretsPath(folder), text, 0o600)
}

func (s *secrets) complete() error {
	for into, fresh := range map[*string]func() string{
		&s.PostgresAdmin: password, &s.PostgresProduct: password, &s.PostgresTemporal: password,
		&s.PostgresBackup: password, &s.PostgresScratch: password, &s.PostgresRestore: password,
		&s.PayloadKeys: key("payload"), &s.ColumnKeys: key("column"), &s.SigningKeys: key("signing"),
		&s.CommandKeys: key("command"), &s.LinkKeys: key("link"), &s.BackupSigningKeys: key("backup"),
		&s.StripeKey:            func() string { return "sk_test_dev" + word(24) },
		&s.StripePublishableKey: func() string { return "pk_test_dev" + word(24) },
		&s.StripeWebhookSecret:  func() string { return "whsec_dev" + word(24) },
		&s.SendGridKey:          func() string { return "SG.dev" + word(12) + "." + word(32) },
	} {
		if *into == "" {
			*into = fresh()
		}
	}
	if s.BackupIdentity != "" {
		return nil
	}
	online, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	offline, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	s.BackupIdentity, s.BackupOfflineIdentity = online.String(), offline.String()
	s.BackupRecipients = online.Recipient().String() + "," + offline.Recipient().String()
	return nil
}

func password() string { return word(24) }

func key(name string) func() string { return func() string { return newKey(name) } }

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
