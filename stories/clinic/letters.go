package clinic

import (
	"regexp"

	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/internal/testkit"
)

var (
	payLink   = regexp.MustCompile(`https?://\S+/pay/\S+`)
	visitLink = regexp.MustCompile(`https?://\S+/visit/\S+`)
)

// PayLink waits for the letter with the link to pay, and returns the link.
func (c *Clinic) PayLink(to string) string { c.t.Helper(); return c.newest(to, payLink, "") }

// VisitLink waits for a letter with the link of a visit whose subject holds a text, and
// returns the newest such link.
func (c *Clinic) VisitLink(to, subject string) string {
	c.t.Helper()
	return c.newest(to, visitLink, subject)
}

func (c *Clinic) newest(to string, link *regexp.Regexp, subject string) string {
	c.t.Helper()
	about := regexp.MustCompile(regexp.QuoteMeta(subject))
	var found string
	testkit.Eventually(c.t, func() bool {
		for _, m := range c.Sandbox.Mailbox() {
			if len(m.To) > 0 && m.To[0].Email == to && about.MatchString(m.Subject) {
				if text := link.FindString(m.Text); text != "" {
					found = text
				}
			}
		}
		return found != ""
	}, "a letter to %s about %q has a link", to, subject)
	require.NotEmpty(c.t, found)
	return found
}
