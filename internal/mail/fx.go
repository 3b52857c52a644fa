package mail

import "go.uber.org/fx"

// Module provides *SendGrid from a Config.
var Module = fx.Module("mail", fx.Provide(New))
