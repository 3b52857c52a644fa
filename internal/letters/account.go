package letters

import "github.com/careflow/careflow/internal/domain"

// accountTemplates holds the words of each letter about an account, by "locale/kind".
var accountTemplates = parseLetters("templates/account/")

// RenderAccount writes a letter about an account. Like Render it reads no clock, so that a
// repeated letter is the same letter. Errors are *domain.Error: invalid_time_zone for a
// zone that is not known, invalid_request for a letter that does not exist.
func RenderAccount(kind domain.AccountMessageKind, d domain.AccountLetter) (domain.Mail, error) {
	w := wordsOf(d.Locale)
	zone, err := location(d.TimeZone)
	if err != nil {
		return domain.Mail{}, err
	}
	letter, ok := accountTemplates[w.locale+"/"+string(kind)]
	if !ok {
		return domain.Mail{}, domain.Errorf(domain.CodeInvalid, "there is no letter %s of an account", kind)
	}
	m := domain.Mail{MessageID: d.MessageID, To: d.Address, ToName: d.RecipientName}
	err = compose(&m, letter, view{
		Locale: w.locale, Greeting: w.greeting(d.RecipientName), Link: d.Link, Closing: d.ClinicName, Footer: w.accountFooter, Clinic: d.ClinicName,
		values: map[string]string{"when": w.moment(d.At, zone), "device": d.Device, "link_until": w.moment(d.LinkUntil, zone)},
	}, w)
	return m, err
}
