package config_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/config"
	"github.com/careflow/careflow/internal/sandbox"
)

// key returns a key ring's text with one key of the given fill byte.
func key(id string, fill byte) string {
	return id + ":" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, config.KeySize))
}

// eventKey is the public key in the tests of SendGrid's library.
const eventKey = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="

// production is an environment that starts every process.
func production() map[string]string {
	return map[string]string{
		"CAREFLOW_DATABASE_URL":           "postgres://careflow:db-password@db.clinic.net/careflow",
		"CAREFLOW_PUBLIC_URL":             "https://visits.clinic.net/",
		"CAREFLOW_TEMPORAL_ADDRESS":       "temporal.clinic.net:7233",
		"CAREFLOW_TEMPORAL_TLS_CERT":      "/etc/careflow/client.pem",
		"CAREFLOW_TEMPORAL_TLS_KEY":       "/etc/careflow/client.key",
		"CAREFLOW_TEMPORAL_TOKEN_FILE":    "/etc/careflow/temporal-token",
		"CAREFLOW_PAYLOAD_KEYS":           key("p2", 1) + "," + key("p1", 2),
		"CAREFLOW_COLUMN_KEYS":            key("c1", 3),
		"CAREFLOW_SIGNING_KEYS":           key("s1", 4),
		"CAREFLOW_APPROVAL_KEYS":          key("s1", 7), // 32 bytes, as a public key has
		"CAREFLOW_COMMAND_KEYS":           key("u1", 5),
		"CAREFLOW_LINK_KEYS":              key("l1", 6),
		"CAREFLOW_STRIPE_KEY":             "sk_live_secretive",
		"CAREFLOW_STRIPE_PUBLISHABLE_KEY": "pk_live_shown",
		"CAREFLOW_STRIPE_WEBHOOK_SECRET":  "whsec_secretive",
		"CAREFLOW_SENDGRID_KEY":           "SG.secretive",
		"CAREFLOW_SENDGRID_WEBHOOK_KEYS":  eventKey,
		"CAREFLOW_MAIL_FROM":              "Clinic <visits@clinic.net>",
	}
}

func environ(vars map[string]string, changes ...string) []string {
	merged := map[string]string{}
	for k, v := range vars {
		merged[k] = v
	}
	for _, change := range changes {
		name, value, _ := strings.Cut(change, "=")
		merged[name] = value
	}
	var pairs []string
	for k, v := range merged {
		pairs = append(pairs, k+"="+v)
	}
	return pairs
}

func TestLoadReadsEverySetting(t *testing.T) {
	c, err := config.Load(config.API, environ(production(), "CAREFLOW_COMMAND_WAIT=2s", "CAREFLOW_LOG_LEVEL=warn"))
	require.NoError(t, err)
	require.Equal(t, config.Production, c.Environment)
	require.Equal(t, "postgres://careflow:db-password@db.clinic.net/careflow", c.DatabaseURL.Reveal())
	require.Equal(t, "https://visits.clinic.net", c.PublicURL.String())
	require.Equal(t, 2*time.Second, c.HTTP.CommandWait)
	require.Equal(t, slog.LevelWarn, c.Log.Level)
	require.Equal(t, "p2", c.Keys.Payload.Active().ID)
	older, found := c.Keys.Payload.Find("p1")
	require.True(t, found)
	require.Equal(t, bytes.Repeat([]byte{2}, 32), older.Bytes())
	require.Equal(t, "visits@clinic.net", c.SendGrid.From.Address)
	require.Equal(t, "https://api.stripe.com", c.Stripe.URL)
	require.Equal(t, "https://js.stripe.com/v3", c.Stripe.ScriptURL)
	require.Empty(t, c.AppointmentURL, "our own pages, unless the clinic has others")
	require.Empty(t, c.PayURL)
}

func TestLoadReportsAllProblemsAtOnce(t *testing.T) {
	_, err := config.Load(config.API, environ(nil,
		"CAREFLOW_ENV=staging", "CAREFLOW_COMMAND_WAIT=5", "CAREFLOW_HTTP_ADDRESS=8080", "CAREFLOW_PAYLOAD_KEYS=p1:short"))
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	for _, variable := range []string{
		"CAREFLOW_ENV ", "CAREFLOW_COMMAND_WAIT ", "CAREFLOW_HTTP_ADDRESS ", "CAREFLOW_PAYLOAD_KEYS ", "CAREFLOW_DATABASE_URL is missing",
		"CAREFLOW_COLUMN_KEYS is missing", "CAREFLOW_PUBLIC_URL is not https",
	} {
		require.Contains(t, err.Error(), variable)
	}
}

func TestEachProcessRequiresOnlyWhatItUses(t *testing.T) {
	const database = "CAREFLOW_DATABASE_URL=postgres://db/careflow"
	_, err := config.Load(config.Migrate, []string{database})
	require.NoError(t, err)
	_, err = config.Load(config.TemporalSetup, nil)
	require.NoError(t, err)
	_, err = config.Load(config.WorkerProcess, environ(production(), "CAREFLOW_SIGNING_KEYS=", "CAREFLOW_STRIPE_WEBHOOK_SECRET="))
	require.NoError(t, err)
	_, err = config.Load(config.WorkerProcess, environ(production(), "CAREFLOW_SENDGRID_KEY="))
	require.ErrorContains(t, err, "CAREFLOW_SENDGRID_KEY is missing")
}

// A restore is approved on a bad day: not the one to find out that nobody can.
func TestAProductionWorkerKnowsWhoSignsApprovals(t *testing.T) {
	for change, want := range map[string]string{
		"CAREFLOW_APPROVAL_KEYS=":                   "CAREFLOW_APPROVAL_KEYS is missing",
		"CAREFLOW_APPROVAL_KEYS=s1:c2hvcnQ=":        "careflow keys approval",
		"CAREFLOW_APPROVAL_KEYS=" + key("dev-1", 7): `development key "dev-1"`,
	} {
		_, err := config.Load(config.WorkerProcess, environ(production(), change))
		require.ErrorContains(t, err, want, change)
	}
	_, err := config.Load(config.API, environ(production(), "CAREFLOW_APPROVAL_KEYS="))
	require.NoError(t, err, "the API signs them")
}

func TestProductionRefuses(t *testing.T) {
	cases := map[string]struct{ change, want string }{
		"development keys":        {"CAREFLOW_PAYLOAD_KEYS=" + key("dev-1", 9), `development key "dev-1"`},
		"one key for two uses":    {"CAREFLOW_COLUMN_KEYS=" + key("c1", 1), "shares the key"},
		"plain http to Stripe":    {"CAREFLOW_STRIPE_URL=http://api.stripe.com", "not https"},
		"the sandbox by loopback": {"CAREFLOW_STRIPE_URL=https://127.0.0.1:8090", "not on a public host"},
		"IPv6 loopback":           {"CAREFLOW_SENDGRID_URL=https://[::1]:8090", "not on a public host"},
		"mapped loopback":         {"CAREFLOW_SENDGRID_URL=https://[::ffff:127.0.0.1]:8090", "not on a public host"},
		"localhost":               {"CAREFLOW_SENDGRID_URL=https://LOCALHOST.:8090", "not on a public host"},
		"a compose service":       {"CAREFLOW_SENDGRID_URL=https://sandbox:8090", "not on a public host"},
		"a private address":       {"CAREFLOW_SENDGRID_URL=https://10.0.0.7", "not on a public host"},
		"every address":           {"CAREFLOW_SENDGRID_URL=https://0.0.0.0", "not on a public host"},
		"a public URL in clear":   {"CAREFLOW_PUBLIC_URL=http://visits.clinic.net", "CAREFLOW_PUBLIC_URL is not https"},
		"Temporal without TLS":    {"CAREFLOW_TEMPORAL_TLS_CERT=", "CAREFLOW_TEMPORAL_TLS_CERT"},
		"Temporal without token":  {"CAREFLOW_TEMPORAL_TOKEN_FILE=", "careflow keys temporal token"},
		"two tokens for Temporal": {"CAREFLOW_TEMPORAL_TOKEN=e30", "CAREFLOW_TEMPORAL_TOKEN and CAREFLOW_TEMPORAL_TOKEN_FILE are both set"},
		"a script of others":      {"CAREFLOW_STRIPE_JS_URL=http://127.0.0.1:8090/v3", "CAREFLOW_STRIPE_JS_URL is not on a public host"},
		"paying in clear":         {"CAREFLOW_PAY_URL=http://pay.clinic.net/{intent}", "CAREFLOW_PAY_URL is not https"},
		"trusting everybody":      {"CAREFLOW_TRUSTED_PROXIES=0.0.0.0/0", "everybody could then choose"},
		"a proxy by name":         {"CAREFLOW_TRUSTED_PROXIES=10.0.0.0/8, proxy", `holds "proxy"`},
		"mixed Stripe modes":      {"CAREFLOW_STRIPE_KEY=sk_test_x", "not both live or both test"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(config.API, environ(production(), c.change))
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestDevelopmentAllowsTheSandbox(t *testing.T) {
	c, err := config.Load(config.API, environ(production(), "CAREFLOW_ENV=development", "CAREFLOW_PUBLIC_URL=",
		"CAREFLOW_PAYLOAD_KEYS="+key("dev-1", 9), "CAREFLOW_STRIPE_URL=http://127.0.0.1:8090", "CAREFLOW_SENDGRID_URL=http://127.0.0.1:8090",
		"CAREFLOW_TEMPORAL_TLS_CERT=", "CAREFLOW_TEMPORAL_TLS_KEY="))
	require.NoError(t, err)
	require.True(t, c.Development())
	require.Equal(t, "http://127.0.0.1:8090", c.Stripe.URL)
	require.Equal(t, "http://127.0.0.1:8090/v3", c.Stripe.ScriptURL)
	require.Empty(t, c.PayURL)
}

func TestSecretsComeFromFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("sk_live_from_file\n"), 0o600))
	c, err := config.Load(config.WorkerProcess, environ(production(), "CAREFLOW_STRIPE_KEY=", "CAREFLOW_STRIPE_KEY_FILE="+path))
	require.NoError(t, err)
	require.Equal(t, "sk_live_from_file", c.Stripe.Key.Reveal())

	_, err = config.Load(config.WorkerProcess, environ(production(), "CAREFLOW_STRIPE_KEY_FILE="+path))
	require.ErrorContains(t, err, "are both set")
	_, err = config.Load(config.WorkerProcess, environ(production(), "CAREFLOW_STRIPE_KEY=", "CAREFLOW_STRIPE_KEY_FILE="+path+".absent"))
	require.ErrorContains(t, err, "CAREFLOW_STRIPE_KEY_FILE cannot be read")
}

func TestNoWayOfPrintingShowsASecret(t *testing.T) {
	c, err := config.Load(config.API, environ(production()))
	require.NoError(t, err)

	var out bytes.Buffer
	type wrapper struct {
		Config config.Config
		inner  config.Secret
		ring   config.KeyRing
		key    config.Key
	}
	w := wrapper{c, c.Stripe.Key, c.Keys.Payload, c.Keys.Payload.Active()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{c, &c, w, c.Keys, c.Stripe, c.Stripe.Key, c.Keys.Payload, c.Keys.Payload.Keys(), c.DatabaseURL} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(handler).Info("start", "config", c, "secret", c.Stripe.Key, "ring", c.Keys.Payload, "key", c.Keys.Payload.Active(), "keys", c.Keys)
	}
	require.NoError(t, json.NewEncoder(&out).Encode(c))

	for _, leak := range []string{
		"secretive", "db-password", base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32)), strings.Repeat("01", 32), "1 1 1 1", "0x1, 0x1",
		fmt.Sprintf("%x", "secretive"),
	} {
		if strings.Contains(out.String(), leak) { // the whole output would hide what is wrong
			require.Failf(t, "a secret is printed", "%q", leak)
		}
	}
	require.Contains(t, out.String(), "CAREFLOW_STRIPE_KEY=***")
	require.Contains(t, out.String(), "CAREFLOW_PAYLOAD_KEYS=p2:***,p1:***")
}

func TestProblemsNeverQuoteAKey(t *testing.T) {
	for _, text := range []string{"confidential", "p1:confidential", "p1:" + base64.StdEncoding.EncodeToString([]byte("confidential")), key("p1", 7) + "," + key("p1", 7)} {
		_, err := config.ParseKeyRing(text)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "confidential")
	}
}

func TestEncodeIsTheInverseOfParse(t *testing.T) {
	text := key("a", 1) + "," + key("b", 2)
	ring, err := config.ParseKeyRing(text)
	require.NoError(t, err)
	require.Equal(t, text, ring.Encode())
}

func TestAProductionAPIKnowsWhoSignsTheMailProvidersEvents(t *testing.T) {
	for change, want := range map[string]string{
		"CAREFLOW_SENDGRID_WEBHOOK_KEYS=":                               "is missing",
		"CAREFLOW_SENDGRID_WEBHOOK_KEYS=" + sandbox.DefaultMailEventKey: "the sandbox's key",
		"CAREFLOW_SENDGRID_WEBHOOK_KEYS=" + eventKey + ",bm90IGEga2V5":  "no ECDSA public key",
		"CAREFLOW_SENDGRID_WEBHOOK_KEYS=-----BEGIN PUBLIC KEY-----":     "no ECDSA public key",
	} {
		_, err := config.Load(config.API, environ(production(), change))
		require.ErrorContains(t, err, want, change)
	}
	c, err := config.Load(config.API, environ(production(), "CAREFLOW_SENDGRID_WEBHOOK_KEYS="+eventKey+", "+eventKey))
	require.NoError(t, err)
	require.Len(t, c.SendGrid.EventKeys, 2, "two are right while one takes the place of the other")
	_, err = config.Load(config.WorkerProcess, environ(production(), "CAREFLOW_SENDGRID_WEBHOOK_KEYS="))
	require.NoError(t, err, "a worker takes no events")
}
