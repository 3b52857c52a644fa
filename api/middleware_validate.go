package api

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/careflow/careflow/api/openapi"
)

// formats are stricter than the library's patterns: a day must exist, a UUID must parse.
var formats = openapi3.WithStringFormatValidators(map[string]openapi3.StringFormatValidator{
	"date-time": openapi3.NewCallbackValidator(func(v string) error {
		_, err := time.Parse(time.RFC3339, v)
		return err
	}),
	"uuid": openapi3.NewCallbackValidator(func(v string) error {
		if len(v) != 36 {
			return errors.New("not the usual form")
		}
		return uuid.Validate(v)
	}),
})

// validate checks a request against the contract before its handler sees it. Bodies are
// bound from the value that was checked.
func (s *Server) validate(c *gin.Context) {
	ctx, who := begin(c)
	op := who.op
	if unknown := unknownQuery(op, c.Request); len(unknown) > 0 && !op.public {
		s.fail(c, invalidFields(unknown))
		return
	}
	params := make(map[string]string, len(c.Params))
	for _, p := range c.Params {
		params[p.Key] = p.Value
	}
	err := openapi3filter.ValidateRequest(ctx, &openapi3filter.RequestValidationInput{
		Request: c.Request, PathParams: params, Route: op.route,
		Options: &openapi3filter.Options{
			MultiError:         true,
			ExcludeRequestBody: op.rawBody,
			// What everybody may read answers a careless client too, as with unknown parameters.
			RejectWhenRequestBodyNotSpecified: !op.public,
			KeepValidatedValue:                true,
			// Authentication was a step of its own.
			AuthenticationFunc:      openapi3filter.NoopAuthenticationFunc,
			SchemaValidationOptions: []openapi3.SchemaValidationOption{formats},
		},
	})
	if err != nil {
		s.fail(c, refusalOf(err))
		return
	}
	refused, err := unstorable(c.Request, op, params)
	if err == nil && len(refused) > 0 {
		err = invalidFields(refused)
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	c.Next()
}

// unknownQuery names query parameters that the operation does not have: a filter with a
// typing error must not answer with everything.
func unknownQuery(op *operation, r *http.Request) []openapi.FieldError {
	var fields []openapi.FieldError
	for _, name := range slices.Sorted(maps.Keys(r.URL.Query())) {
		if !slices.Contains(op.query, name) {
			message := "is not known here"
			if len(op.query) > 0 {
				message += "; known are " + strings.Join(op.query, ", ")
			}
			fields = append(fields, openapi.FieldError{Field: "query/" + shorten(name), Message: message})
		}
	}
	return fields
}
