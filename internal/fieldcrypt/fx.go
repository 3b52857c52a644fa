package fieldcrypt

import (
	"go.uber.org/fx"

	"github.com/careflow/careflow/internal/config"
)

// Module provides *Cipher, whose data keys are loaded when the process starts. It needs
// config.Config and a KeyStore.
var Module = fx.Module("fieldcrypt", fx.Provide(provide))

func provide(lc fx.Lifecycle, c config.Config, store KeyStore) (*Cipher, error) {
	cipher, err := New(c.Keys.Column, store)
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StartHook(cipher.Load))
	return cipher, nil
}
