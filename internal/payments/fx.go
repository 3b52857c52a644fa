package payments

import "go.uber.org/fx"

// Module provides *Stripe from a Config.
var Module = fx.Module("payments", fx.Provide(New))
