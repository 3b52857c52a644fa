package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/domain"
)

func TestAFormOfAnotherSiteIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		site, origin string
		refused      bool
	}{
		"our own page":                {site: "same-origin", origin: "null"},
		"another site":                {site: "cross-site", origin: "null", refused: true},
		"a neighbour's subdomain":     {site: "same-site", origin: "https://clinic.example", refused: true},
		"typed in":                    {site: "none", refused: true},
		"an old browser":              {origin: "https://clinic.example"},
		"an old browser, host":        {origin: "https://localhost:8080"},
		"an old browser, no referrer": {origin: "null"},
		"an old browser elsewhere":    {origin: "https://evil.example", refused: true},
		"a program":                   {},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			for key, value := range map[string]string{"Sec-Fetch-Site": c.site, "Origin": c.origin} {
				if value != "" {
					header.Set(key, value)
				}
			}
			err := sameOrigin(header, "https://clinic.example", "localhost:8080")
			if c.refused {
				require.Equal(t, domain.CodeForbidden, domain.CodeOf(err))
				return
			}
			require.NoError(t, err)
		})
	}
}

func TestAssetsHaveTheirMediaType(t *testing.T) {
	h := newHarness(t)
	got := h.get("/assets/style.css", "").status(http.StatusOK)
	require.Equal(t, "text/css; charset=utf-8", got.Header().Get("Content-Type"))
	require.Contains(t, h.get("/assets/icon.svg", "").status(http.StatusOK).Header().Get("Content-Type"), "image/svg+xml")
	h.get("/assets/pages.go", "").problem(http.StatusNotFound, domain.CodeNotFound)
}
