package api

import "github.com/gin-gonic/gin"

// client notes who is at the other end. The address is the connection's, or what a
// trusted proxy says about it; a header of anybody else is not believed.
func (s *Server) client(c *gin.Context) {
	_, who := begin(c)
	who.address = c.ClientIP()
	who.device = deviceName(c.Request.UserAgent())
	who.foreign = sameOrigin(c.Request.Header, s.cfg.PublicURL, c.Request.Host)
	who.locale = c.GetHeader("Accept-Language")
	c.Next()
}
