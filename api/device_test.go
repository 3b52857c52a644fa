package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestADeviceIsNamedInAFewWords(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:137.0) Gecko/20100101 Firefox/137.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/135.0.0.0 Safari/537.36 Edg/135.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/135.0.0.0 Mobile Safari/537.36":                   "Chrome on Android",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15":                   "Safari on macOS",
		"curl/8.5.0":             "curl",
		"ClinicApp (build 77)":   "ClinicApp (build 77)",
		"":                       "Unknown",
		"/":                      "Unknown",
		"bad\r\nX-Header: é/1":   "badX-Header:",
		strings.Repeat("a", 100): strings.Repeat("a", 40),
	} {
		require.Equal(t, want, deviceName(agent), agent)
	}
}
