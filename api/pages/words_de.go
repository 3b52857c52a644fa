package pages

var german = words{
	"skip": "Zum Inhalt springen",

	"notice.not_found.heading":       "Hier ist nichts",
	"notice.not_found.text":          "Dieser Link führt nirgendwohin. Bitte öffnen Sie ihn noch einmal aus der Nachricht oder kopieren Sie ihn vollständig.",
	"notice.link_expired.heading":    "Dieser Link ist abgelaufen",
	"notice.link_expired.text":       "Er galt nur für eine begrenzte Zeit. Der gültige Link steht in der neuesten Nachricht zu Ihrem Termin; oder rufen Sie die Praxis an.",
	"notice.invalid_request.heading": "Das hat nicht geklappt",
	"notice.invalid_request.text":    "Im Formular fehlte etwas oder war nicht gültig. Bitte gehen Sie zurück und versuchen Sie es noch einmal.",
	"notice.forbidden.heading":       "Dieses Formular kam von woanders",
	"notice.forbidden.text":          "Zu Ihrer Sicherheit nehmen wir es nur von unserer eigenen Seite an. Bitte öffnen Sie den Link aus Ihrer Nachricht und versuchen Sie es noch einmal.",
	"notice.unavailable.heading":     "Das ist gerade nicht möglich",
	"notice.unavailable.text":        "Im Moment geht es nicht. Es ist nichts verloren: Bitte versuchen Sie es in ein paar Minuten noch einmal.",
	"notice.internal.heading":        "Bei uns ist etwas schiefgegangen",
	"notice.internal.text":           "Wir wissen davon. Bitte versuchen Sie es später noch einmal oder rufen Sie die Praxis an.",
}
