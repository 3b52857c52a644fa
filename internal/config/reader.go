package config

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// reader takes variables out of an environment, remembering each problem and each
// masked value. Problems name the variable and say what to write instead.
type reader struct {
	process  Process
	vars     map[string]string
	problems []string
	settings []Setting
	// secrets are the variables that hold one.
	secrets []string
}

func newReader(process Process, environ []string) *reader {
	r := &reader{process: process, vars: map[string]string{}}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		r.vars[name] = value
	}
	return r
}

func (r *reader) problem(variable, format string, args ...any) {
	r.problems = append(r.problems, variable+" "+fmt.Sprintf(format, args...))
}

func (r *reader) note(variable string, value any) {
	r.settings = append(r.settings, Setting{Name: variable, Value: fmt.Sprint(value)})
}

// lookup returns a variable, or its default where it is unset or empty.
func (r *reader) lookup(variable, otherwise string) string {
	value := strings.TrimSpace(r.vars[variable])
	if value == "" {
		value = otherwise
	}
	if value == "" && r.process.requires(variable) {
		r.problem(variable, "is missing: the %s process needs it", r.process)
	}
	return value
}

func (r *reader) text(variable, otherwise string) string {
	value := r.lookup(variable, otherwise)
	r.note(variable, value)
	return value
}

// reveal returns a secret from the variable or from the file that X_FILE names. It is
// not noted; its callers note the masked form.
func (r *reader) reveal(variable string) string {
	path := strings.TrimSpace(r.vars[variable+"_FILE"])
	if path == "" {
		value := strings.TrimSpace(r.vars[variable])
		if value == "" && r.process.requires(variable) {
			r.problem(variable, "is missing: the %s process needs it (or %s_FILE with the path of a file that holds it)",
				r.process, variable)
		}
		return value
	}
	if r.vars[variable] != "" {
		r.problem(variable, "and %s_FILE are both set: unset one", variable)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		r.problem(variable+"_FILE", "cannot be read: %v", err)
		return ""
	}
	value := strings.TrimSpace(string(content))
	if value == "" {
		r.problem(variable+"_FILE", "names %s, which is empty", path)
	}
	return value
}

// plain is a text that may come as a file, beside the secrets it belongs to.
func (r *reader) plain(variable string) string {
	value := r.reveal(variable)
	r.note(variable, value)
	return value
}

func (r *reader) secret(variable string) Secret {
	r.secrets = append(r.secrets, variable)
	s := NewSecret(r.reveal(variable))
	r.note(variable, s)
	return s
}

// renewed is a secret that changes while the process runs: where X_FILE names a file, its
// path is returned and the file read by whoever uses it.
func (r *reader) renewed(variable string) (Secret, string) {
	r.secrets = append(r.secrets, variable)
	s, path := NewSecret(r.lookup(variable, "")), r.text(variable+"_FILE", "")
	r.note(variable, s)
	if !s.IsZero() && path != "" {
		r.problem(variable, "and %s_FILE are both set: unset one", variable)
	}
	return s, path
}

func (r *reader) keys(variable string) KeyRing {
	r.secrets = append(r.secrets, variable)
	text := r.reveal(variable)
	if text == "" {
		r.note(variable, "")
		return KeyRing{}
	}
	ring, err := ParseKeyRing(text)
	if err != nil {
		r.problem(variable, "is not a list of keys: %v (`careflow keys generate` prints a right one)", err)
	}
	r.note(variable, ring)
	return ring
}

func (r *reader) choice(variable, otherwise string, allowed ...string) string {
	value := r.text(variable, otherwise)
	for _, a := range allowed {
		if value == a {
			return value
		}
	}
	r.problem(variable, "is %q: write %s", value, strings.Join(allowed, " or "))
	return otherwise
}

func (r *reader) duration(variable string, otherwise, least, most time.Duration) time.Duration {
	text := r.text(variable, otherwise.String())
	d, err := time.ParseDuration(text)
	if err != nil {
		r.problem(variable, "is %q: write a duration such as 5s or 2m", text)
		return otherwise
	}
	if d < least || d > most {
		r.problem(variable, "is %s: write a duration from %s to %s", d, least, most)
	}
	return d
}

func (r *reader) whole(variable string, otherwise, least, most int) int {
	text := r.text(variable, strconv.Itoa(otherwise))
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		r.problem(variable, "is %q: write a whole number from %d to %d", text, least, most)
		return otherwise
	}
	return n
}

func (r *reader) flag(variable string) bool {
	text := r.text(variable, "false")
	b, err := strconv.ParseBool(text)
	if err != nil {
		r.problem(variable, "is %q: write true or false", text)
	}
	return b
}

func (r *reader) address(variable, otherwise string) string {
	value := r.text(variable, otherwise)
	if _, port, err := net.SplitHostPort(value); err != nil || port == "" {
		r.problem(variable, "is %q: write host:port, such as %s", value, otherwise)
	}
	return value
}

// networks reads a list of addresses and networks. Trusting everybody is no trust.
func (r *reader) networks(variable string) []string {
	var list []string
	for _, part := range strings.Split(r.text(variable, ""), ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if _, single := netip.ParseAddr(part); err != nil && single != nil {
			r.problem(variable, "holds %q: write addresses or networks such as 10.0.0.0/8, separated by commas", part)
			continue
		}
		if err == nil && prefix.Bits() == 0 {
			r.problem(variable, "holds %q: everybody could then choose an address; name the proxies", part)
			continue
		}
		list = append(list, part)
	}
	return list
}

// eventKeys reads a list of public keys; they are no secret.
func (r *reader) eventKeys(variable string) []string {
	var keys []string
	for _, part := range strings.Split(r.text(variable, ""), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		der, err := base64.StdEncoding.DecodeString(part)
		if err == nil {
			var key any
			key, err = x509.ParsePKIXPublicKey(der)
			if _, ecdsaKey := key.(*ecdsa.PublicKey); !ecdsaKey {
				err = errors.New("another kind of key")
			}
		}
		if err != nil {
			r.problem(variable, "holds what is no ECDSA public key: copy the verification key of SendGrid's event webhook, base64 in one line")
			continue
		}
		keys = append(keys, part)
	}
	return keys
}

// url reads an absolute http or https URL; a slash at its end is dropped.
func (r *reader) url(variable, otherwise string) *url.URL {
	value := strings.TrimRight(r.text(variable, otherwise), "/")
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		r.problem(variable, "is not an absolute http or https URL: write one such as %s", otherwise)
		u, _ = url.Parse(otherwise)
	}
	if u.User != nil {
		r.problem(variable, "holds a user name: take it out of the URL")
	}
	return u
}

// template reads the URL of a page with a placeholder; none is allowed where there is no
// default.
func (r *reader) template(variable, otherwise, placeholder string) string {
	text := r.text(variable, otherwise)
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || !strings.Contains(text, placeholder) {
		r.problem(variable, "is not an http or https URL with %s in it", placeholder)
	}
	return text
}

func (r *reader) mailbox(variable, otherwise string) mail.Address {
	text := r.text(variable, otherwise)
	address, err := mail.ParseAddress(text)
	if err != nil {
		r.problem(variable, "is not a mailbox: write it as %s", otherwise)
		return mail.Address{}
	}
	return *address
}
