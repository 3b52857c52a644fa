package sandbox

import (
	"encoding/base64"
	"fmt"
	"net/mail"
	"slices"
	"strings"
)

// refusals checks what SendGrid checks before it accepts a mail. The rules and texts
// follow its page "Mail Send Errors".
func (req sendRequest) refusals() []mailError {
	var errs []mailError
	add := func(field, format string, args ...any) {
		errs = append(errs, mailError{Message: fmt.Sprintf(format, args...), Field: &field})
	}
	if req.From == nil || !validAddress(req.From.Email) {
		add("from.email", "The from email does not contain a valid address.")
	}
	if req.ReplyTo != nil && !validAddress(req.ReplyTo.Email) {
		add("reply_to.email", "The reply_to email does not contain a valid address.")
	}
	req.refuseRecipients(add)
	req.refuseContent(add)
	for n, a := range req.Attachments {
		field := fmt.Sprintf("attachments.%d.", n)
		raw, err := base64.StdEncoding.DecodeString(a.Content)
		if err != nil || len(raw) == 0 {
			add(field+"content", "The attachment content must be base64 encoded.")
		}
		if a.Filename == "" {
			add(field+"filename", "The filename of your attachment must be a string.")
		}
		if strings.ContainsAny(a.Type, ";,\r\n") {
			add(field+"type", "The attachment type cannot contain ';', or CRLF characters.")
		}
		if a.Disposition != "" && a.Disposition != "attachment" && a.Disposition != "inline" {
			add(field+"disposition", "The disposition of your attachment can be either inline or attachment.")
		}
	}
	return errs
}

func (req sendRequest) refuseRecipients(add func(field, format string, args ...any)) {
	if len(req.Personalizations) == 0 {
		add("personalizations", "The personalizations field is required and must have at least one personalization.")
	}
	if len(req.Personalizations) > 1000 {
		add("personalizations", "The personalization block is limited to 1000 personalizations per API request.")
	}
	total := 0
	for n, p := range req.Personalizations {
		field := fmt.Sprintf("personalizations.%d.", n)
		if len(p.To) == 0 {
			add(field+"to", "The to array is required for all personalization objects, and must have at least one email object with a valid email address.")
		}
		seen := map[string]bool{}
		for name, group := range map[string][]Address{"to": p.To, "cc": p.CC, "bcc": p.BCC} {
			for k, a := range group {
				at := fmt.Sprintf("%s%s.%d.email", field, name, k)
				address := strings.ToLower(a.Email)
				switch {
				case !validAddress(a.Email):
					add(at, "Does not contain a valid address.")
				case seen[address]:
					add(field+name, "Each email address in the personalization block should be unique between to, cc, and bcc.")
				}
				seen[address] = true
				total++
			}
		}
		if p.Subject == "" && req.Subject == "" {
			add("subject", "The subject is required. You can get around this requirement if you use a template with a subject defined or if every personalization has a subject defined.")
		}
		if argumentBytes(req.CustomArgs)+argumentBytes(p.CustomArgs) > 10000 {
			add(field+"custom_args", "The combined size of both global and personalization custom arguments may not exceed 10,000 bytes per personalization.")
		}
	}
	if total > 1000 {
		add("personalizations", "There is a limit of 1000 total recipients (to + cc + bcc) per request.")
	}
}

func (req sendRequest) refuseContent(add func(field, format string, args ...any)) {
	if len(req.Content) == 0 {
		add("content", "Unless a valid template_id is provided, the content parameter is required. There must be at least one defined content block.")
	}
	var types []string
	for n, c := range req.Content {
		field := fmt.Sprintf("content.%d.", n)
		if c.Value == "" {
			add(field+"value", "The content value must be a string at least one character in length.")
		}
		if c.Type == "" || strings.ContainsAny(c.Type, ";\r\n") {
			add(field+"type", "The content type is required and cannot contain ';', or CRLF characters.")
		}
		if slices.Contains(types, c.Type) {
			add("content", "If present, text/plain and text/html may only be provided once.")
		}
		types = append(types, c.Type)
	}
	if slices.Index(types, "text/plain") > 0 {
		add("content", "If present, text/plain must be first, followed by text/html, followed by any other content.")
	}
	if html := slices.Index(types, "text/html"); html > 0 && types[0] != "text/plain" {
		add("content", "If present, text/plain must be first, followed by text/html, followed by any other content.")
	}
}

// validAddress accepts a bare address with a dotted domain, at most 320 characters.
func validAddress(s string) bool {
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Address != s || len(s) > 320 {
		return false
	}
	_, host, _ := strings.Cut(s, "@")
	return strings.Contains(host, ".") && !strings.HasSuffix(host, ".")
}

func argumentBytes(args map[string]string) int {
	n := 0
	for k, v := range args {
		n += len(k) + len(v)
	}
	return n
}
