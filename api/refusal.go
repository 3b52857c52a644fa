package api

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/careflow/careflow/api/openapi"
	"github.com/careflow/careflow/internal/domain"
)

// refusalOf says in our words what the validator found: the field and what to change.
// The library's own texts may repeat what was sent, so none of them is passed on.
func refusalOf(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return tooLarge(large.Limit)
	}
	var fields []openapi.FieldError
	for _, one := range flatten(err) {
		var request *openapi3filter.RequestError
		if !errors.As(one, &request) {
			fields = append(fields, openapi.FieldError{Field: "request", Message: "is not valid"})
			continue
		}
		switch {
		case request.Parameter != nil && request.Parameter.Name == headerIdempotencyKey && errors.Is(request.Err, openapi3filter.ErrInvalidRequired):
			return domain.Errorf(CodeIdempotencyKeyRequired,
				"Send an Idempotency-Key header with a text that is unique for this command, such as a UUID.")
		case request.Parameter != nil && request.Parameter.Name == headerIfMatch && errors.Is(request.Err, openapi3filter.ErrInvalidRequired):
			return domain.Errorf(CodePreconditionRequired, "Send If-Match with the ETag of what you read, so that nobody's change is overwritten unseen.")
		case request.Parameter != nil:
			fields = append(fields, parameterFaults(request)...)
		case request.RequestBody != nil && request.Err == nil:
			// Without a cause, the body's media type is not one of the contract's.
			return domain.Errorf(CodeUnsupportedMediaType, "Send the body with Content-Type: application/json.")
		case request.RequestBody != nil:
			fields = append(fields, bodyFaults(request)...)
		default:
			fields = append(fields, openapi.FieldError{Field: "body", Message: "is not expected: send no body"})
		}
	}
	return invalidFields(unique(fields))
}

func parameterFaults(e *openapi3filter.RequestError) []openapi.FieldError {
	p := e.Parameter
	place := p.In + "/" + p.Name
	if errors.Is(e.Err, openapi3filter.ErrInvalidRequired) {
		return []openapi.FieldError{{Field: place, Message: "is required"}}
	}
	if errors.Is(e.Err, openapi3filter.ErrInvalidEmptyValue) {
		return []openapi.FieldError{{Field: place, Message: "is empty: give it a value or leave it out"}}
	}
	if faults := schemaFaults(place, e.Err); len(faults) > 0 {
		return faults
	}
	message := "cannot be read"
	if p.Schema != nil && p.Schema.Value != nil {
		message += ": " + typeHint(p.Schema.Value)
	}
	return []openapi.FieldError{{Field: place, Message: message}}
}

func bodyFaults(e *openapi3filter.RequestError) []openapi.FieldError {
	if errors.Is(e.Err, openapi3filter.ErrInvalidRequired) {
		return []openapi.FieldError{{Field: "body", Message: "is required: send a JSON object"}}
	}
	if faults := schemaFaults("body", e.Err); len(faults) > 0 {
		return faults
	}
	return []openapi.FieldError{{Field: "body", Message: "is not valid JSON"}}
}

func schemaFaults(place string, err error) []openapi.FieldError {
	var fields []openapi.FieldError
	for _, one := range flatten(err) {
		var schema *openapi3.SchemaError
		if !errors.As(one, &schema) {
			continue
		}
		at := place
		for _, part := range schema.JSONPointer() {
			at += "/" + shorten(part)
		}
		if schema.SchemaField == "properties" {
			fields = append(fields, unknownProperties(at, schema)...)
			continue
		}
		fields = append(fields, openapi.FieldError{Field: at, Message: hint(schema)})
	}
	return fields
}

func unknownProperties(at string, e *openapi3.SchemaError) []openapi.FieldError {
	object, _ := e.Value.(map[string]any)
	known := slices.Sorted(maps.Keys(e.Schema.Properties))
	var fields []openapi.FieldError
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(known, name) {
			fields = append(fields, openapi.FieldError{
				Field: at + "/" + shorten(name), Message: "is not known here; known are " + strings.Join(known, ", "),
			})
		}
	}
	return fields
}

// hint says what to change, from the contract alone.
func hint(e *openapi3.SchemaError) string {
	s := e.Schema
	switch e.SchemaField {
	case "required":
		return "is required"
	case "enum":
		allowed := make([]string, 0, len(s.Enum))
		for _, v := range s.Enum {
			allowed = append(allowed, fmt.Sprint(v))
		}
		return "is one of " + strings.Join(allowed, ", ")
	case "minLength":
		return fmt.Sprintf("has at least %d characters", s.MinLength)
	case "maxLength":
		return fmt.Sprintf("has at most %d characters", *s.MaxLength)
	case "minimum":
		return fmt.Sprintf("is at least %g", *s.Min)
	case "maximum":
		return fmt.Sprintf("is at most %g", *s.Max)
	case "maxItems":
		return fmt.Sprintf("has at most %d values", *s.MaxItems)
	case "pattern":
		return "does not fit the pattern " + s.Pattern
	}
	return typeHint(s)
}

func typeHint(s *openapi3.Schema) string {
	switch {
	case s.Format == "date-time":
		return "is an RFC 3339 instant with seconds and offset, such as 2026-03-02T09:00:00+01:00 (in a URL write + as %2B)"
	case s.Format == "uuid":
		return "is a UUID such as 01950000-0000-7000-8000-000000000001"
	case s.Type != nil && len(*s.Type) > 0:
		return "is of type " + (*s.Type)[0]
	}
	return "is not valid"
}

// flatten lists the single errors of a MultiError, however deep.
func flatten(err error) []error {
	many, ok := err.(openapi3.MultiError) //nolint:errorlint // errors.As would search inside the list
	if !ok {
		return []error{err}
	}
	var all []error
	for _, one := range many {
		all = append(all, flatten(one)...)
	}
	return all
}

// shorten keeps a name that the caller made up from filling the answer.
func shorten(name string) string {
	const most = 40
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return name
}

func unique(fields []openapi.FieldError) []openapi.FieldError {
	seen := map[openapi.FieldError]bool{}
	return slices.DeleteFunc(fields, func(f openapi.FieldError) bool {
		again := seen[f]
		seen[f] = true
		return again
	})
}
