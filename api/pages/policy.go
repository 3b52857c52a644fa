package pages

import "strings"

// Policy lists what a page may load beyond its own style sheet: nothing, unless it says
// so. 'self' is the API, other entries are origins.
type Policy struct {
	Script, Connect, Frame []string
}

// String is the policy as a Content-Security-Policy. Nothing inline is ever allowed, and
// no other page may frame this one.
func (p Policy) String() string {
	directives := []string{"default-src 'none'", "style-src 'self'", "img-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"}
	for _, d := range []struct {
		name    string
		sources []string
	}{{"script-src", p.Script}, {"connect-src", p.Connect}, {"frame-src", p.Frame}} {
		if len(d.sources) > 0 {
			directives = append(directives, d.name+" "+strings.Join(d.sources, " "))
		}
	}
	return strings.Join(directives, "; ")
}
