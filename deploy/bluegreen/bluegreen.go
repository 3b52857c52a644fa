// Package bluegreen holds the configurations of what stands before two colours, as they are
// shipped: demonstrations and tests run these very files.
package bluegreen

import _ "embed"

// Nginx is for inclusion at the level of http; HAProxy is whole.
var (
	//go:embed nginx.conf
	Nginx string
	//go:embed haproxy.cfg
	HAProxy string
)
