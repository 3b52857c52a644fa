package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Deploy says which services a deploy worker deploys, and what it asks them with.
type Deploy struct {
	// Services is CAREFLOW_DEPLOY_SERVICES: the path of the file of services, see
	// deploy/services.example.yaml.
	Services string
	// Values is CAREFLOW_DEPLOY_VALUES: what {{name}} in smoke tests stands for, as
	// name=value, separated by spaces or lines. Defaults to none.
	Values map[string]Secret
	// DatabaseURL is CAREFLOW_DEPLOY_DATABASE_URL: the database that SQL questions of smoke
	// tests are asked of, as a role that reads what they need and nothing about people: who
	// may deploy may ask. Defaults to none.
	DatabaseURL Secret
}

func (r *reader) deploy() Deploy {
	return Deploy{
		Services:    r.text("CAREFLOW_DEPLOY_SERVICES", ""),
		Values:      r.values("CAREFLOW_DEPLOY_VALUES"),
		DatabaseURL: r.secret("CAREFLOW_DEPLOY_DATABASE_URL"),
	}
}

// values reads name=value pairs; only the names are shown.
func (r *reader) values(variable string) map[string]Secret {
	r.secrets = append(r.secrets, variable)
	values := map[string]Secret{}
	for i, pair := range strings.Fields(r.reveal(variable)) {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			r.problem(variable, "pair %d is not name=value", i+1)
			continue
		}
		values[name] = NewSecret(value)
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	r.note(variable, strconv.Itoa(len(names))+" "+strings.Join(names, " "))
	return values
}

var releaseDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (r *reader) release(variable string) string {
	digest := r.text(variable, "")
	if digest != "" && !releaseDigest.MatchString(digest) {
		r.problem(variable, "is %q: write sha256: and 64 hex digits", digest)
	}
	return digest
}
