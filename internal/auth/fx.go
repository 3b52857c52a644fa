package auth

import "go.uber.org/fx"

// Module provides *Tokens and *Passwords from a Config.
var Module = fx.Module("auth", fx.Provide(NewTokens, NewPasswords))
