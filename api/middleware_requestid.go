package api

import (
	"regexp"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/careflow/careflow/internal/telemetry"
)

const headerRequestID = "X-Request-Id"

// saneRequestID is what we take over from a caller: no room for a log line or a name.
var saneRequestID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$`)

// requestID gives each request an ID, the caller's where it is sane, and returns it. Log
// records of the request carry it.
func requestID(c *gin.Context) {
	id := c.GetHeader(headerRequestID)
	if !saneRequestID.MatchString(id) {
		id = uuid.Must(uuid.NewV7()).String()
	}
	c.Request = c.Request.WithContext(telemetry.WithRequestID(c.Request.Context(), id))
	setVisitor(c, &visitor{requestID: id})
	c.Header(headerRequestID, id)
	c.Next()
}
