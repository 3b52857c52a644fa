package pages

var english = words{
	"skip": "Skip to the content",

	"notice.not_found.heading":       "There is nothing here",
	"notice.not_found.text":          "This link does not lead anywhere. Please open it from the letter again, or copy it in full.",
	"notice.link_expired.heading":    "This link has expired",
	"notice.link_expired.text":       "It was valid for a limited time only. The newest letter about your appointment has the link that works; or call the clinic.",
	"notice.invalid_request.heading": "That did not work",
	"notice.invalid_request.text":    "Something in the form was missing or not valid. Please go back, and try again.",
	"notice.forbidden.heading":       "This form was sent from somewhere else",
	"notice.forbidden.text":          "For your safety we accept it from our own page only. Please open the link in your letter and try again.",
	"notice.unavailable.heading":     "That is not possible right now",
	"notice.unavailable.text":        "We cannot do this at the moment. Nothing is lost: please try again in a few minutes.",
	"notice.internal.heading":        "Something went wrong on our side",
	"notice.internal.text":           "We have been told. Please try again later, or call the clinic.",
}
