package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/careflow/careflow/api/openapi"
)

// unstorable names the texts of a valid request that no database takes: those with a NUL,
// and parameters that are not UTF-8. (What is not UTF-8 in JSON the decoder has replaced.)
func unstorable(r *http.Request, op *operation, path map[string]string) ([]openapi.FieldError, error) {
	var fields []openapi.FieldError
	refuse := func(field string) {
		fields = append(fields, openapi.FieldError{Field: field, Message: "is text in UTF-8 without NUL characters"})
	}
	for _, name := range slices.Sorted(maps.Keys(path)) {
		if !storable(path[name]) {
			refuse("path/" + name)
		}
	}
	query := r.URL.Query()
	for _, name := range op.query { // nobody reads others
		if slices.ContainsFunc(query[name], func(v string) bool { return !storable(v) }) {
			refuse("query/" + name)
		}
	}
	if op.rawBody || r.Body == nil {
		return fields, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !bytes.Contains(body, []byte(`\u0000`)) {
		return fields, nil // JSON cannot hold a NUL in another way
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return nil, invalidField("body", "is not valid JSON")
	}
	walkTexts("body", value, func(field, text string) {
		if !storable(text) {
			refuse(field)
		}
	})
	return fields, nil
}

func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// walkTexts visits every text of a JSON value; names of properties are the contract's.
func walkTexts(field string, value any, visit func(field, text string)) {
	switch x := value.(type) {
	case string:
		visit(field, x)
	case []any:
		for i, element := range x {
			walkTexts(fmt.Sprintf("%s/%d", field, i), element, visit)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(x)) {
			walkTexts(field+"/"+name, x[name], visit)
		}
	}
}
