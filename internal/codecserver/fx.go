package codecserver

import (
	"log/slog"
	"net/http"

	"go.uber.org/fx"

	"github.com/careflow/careflow/internal/telemetry"
)

// Module serves for as long as the process lives. It needs a Config, a
// converter.PayloadCodec, Accounts and a logger.
var Module = fx.Module("codecserver",
	fx.Provide(fx.Private, fx.Annotate(New, fx.ResultTags(`name:"codecserver"`))),
	fx.Invoke(fx.Annotate(serve, fx.ParamTags("", "", "", `name:"codecserver"`))),
)

func serve(lc fx.Lifecycle, shutdowner fx.Shutdowner, c Config, handler http.Handler, logger *slog.Logger) {
	telemetry.Serve(lc, shutdowner, "codec", telemetry.NewServer(c.Address, handler, logger), logger)
}
