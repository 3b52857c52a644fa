package api

import (
	"strings"

	"github.com/gin-gonic/gin"
)

// headerRelease carries the digest of the release that answers: deployments look at it.
const headerRelease = "X-Careflow-Release"

// securityHeaders are right for answers that no browser should render, cache, frame or
// guess the type of. The reference page brings its own policy.
func securityHeaders(publicURL, release string) gin.HandlerFunc {
	https := strings.HasPrefix(publicURL, "https://")
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if release != "" {
			h.Set(headerRelease, release)
		}
		if https {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		c.Next()
	}
}
