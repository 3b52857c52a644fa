package config

import (
	"net/url"
)

// Tracing says where traces go.
type Tracing struct {
	// URL is CAREFLOW_TRACE_URL: the base of a collector that takes OTLP over HTTP, such as
	// http://127.0.0.1:4318. Defaults to none: nothing is traced.
	URL string
	// Percent is CAREFLOW_TRACE_PERCENT: how many of a hundred requests are traced. Defaults
	// to 10.
	Percent int
	// Token is CAREFLOW_TRACE_TOKEN: the bearer token that the collector wants. Defaults to
	// none.
	Token Secret
}

// On reports whether anything is traced.
func (t Tracing) On() bool { return t.URL != "" && t.Percent > 0 }

func (r *reader) tracing() Tracing {
	t := Tracing{
		Percent: r.whole("CAREFLOW_TRACE_PERCENT", 10, 0, 100),
		Token:   r.secret("CAREFLOW_TRACE_TOKEN"),
	}
	if text := r.text("CAREFLOW_TRACE_URL", ""); text != "" {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
			r.problem("CAREFLOW_TRACE_URL", "is no URL of a collector: write one such as http://127.0.0.1:4318")
		case u.Scheme == "http" && !t.Token.IsZero() && !loopback(u.Hostname()):
			r.problem("CAREFLOW_TRACE_URL", "is not https: CAREFLOW_TRACE_TOKEN would be sent in clear")
		default:
			t.URL = text
		}
	}
	return t
}
