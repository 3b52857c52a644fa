package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Operation is one operation of the contract.
type Operation struct {
	ID     string
	Method string
	Path   string // template
	Spec   *openapi3.Operation
	Params []*openapi3.Parameter
	// Roles may call it; none for what is public.
	Roles []string
}

// Operations reads the contract, in a fixed order.
func Operations(doc *openapi3.T) []Operation {
	var all []Operation
	for path, item := range doc.Paths.Map() {
		for method, spec := range item.Operations() {
			o := Operation{ID: spec.OperationID, Method: method, Path: path, Spec: spec}
			if roles, ok := spec.Extensions["x-careflow-roles"].([]any); ok {
				for _, role := range roles {
					o.Roles = append(o.Roles, fmt.Sprint(role))
				}
			}
			for _, p := range slices.Concat(item.Parameters, spec.Parameters) {
				o.Params = append(o.Params, p.Value)
			}
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b Operation) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Manner is how a request means to fit the contract.
type Manner int

// The manners of requests.
const (
	Fits Manner = iota
	NearlyFits
	Hostile
)

// Request makes one request for an operation, without its log-in.
func (v *Values) Request(base string, o Operation, manner Manner) (*http.Request, error) {
	path, query, header := o.Path, url.Values{}, http.Header{}
	spoil := -1 // which parameter does not fit
	if manner == NearlyFits && len(o.Params) > 0 && (o.Spec.RequestBody == nil || v.R.IntN(2) == 0) {
		spoil = v.R.IntN(len(o.Params))
	}
	for i, p := range o.Params {
		if !p.Required && i != spoil && (v.leftOut(p.Name) || v.R.IntN(2) == 0) {
			continue
		}
		fitting := v.Fitting(p.Name, p.Schema.Value, 0)
		if list, ok := fitting.([]any); ok && p.In == openapi3.ParameterInQuery && manner == Fits {
			for _, one := range list { // lists in a query are repeated
				query.Add(p.Name, plain(one))
			}
			continue
		}
		value := plain(fitting)
		if p.Example != nil && p.Name != "date" && p.Schema.Value.Format != "date-time" && len(v.Known[p.Name]) == 0 && v.R.IntN(2) == 0 {
			value = plain(p.Example)
		}
		if p.Name == "Prefer" {
			value = "wait=0"
		}
		if i == spoil || manner == Hostile && v.R.IntN(3) == 0 {
			value = v.Hostile()
		}
		switch p.In {
		case openapi3.ParameterInPath:
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case openapi3.ParameterInQuery:
			query.Add(p.Name, value)
		case openapi3.ParameterInHeader:
			header.Set(p.Name, strings.Map(sendable, value))
		}
	}
	if manner == Hostile && v.R.IntN(4) == 0 {
		query.Add(v.Hostile(), v.Hostile())
	}
	body, kind, err := v.body(o, manner, spoil)
	if err != nil {
		return nil, err
	}
	target := base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequest(o.Method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	return req, nil
}

func (v *Values) body(o Operation, manner Manner, spoilt int) (raw []byte, kind string, err error) {
	if o.Spec.RequestBody == nil {
		if manner == Hostile && v.R.IntN(2) == 0 {
			return []byte(v.Hostile()), "application/json", nil
		}
		return nil, "", nil
	}
	for kind, media := range o.Spec.RequestBody.Value.Content {
		if manner == Hostile && v.R.IntN(2) == 0 {
			kinds := []string{"", kind, "text/plain", "application/xml", "application/json; charset=utf-16", "multipart/form-data", "image/*"}
			return v.garbage(), kinds[v.R.IntN(len(kinds))], nil
		}
		value := v.Fitting("", media.Schema.Value, 0)
		if manner != Hostile && media.Example != nil && v.R.IntN(2) == 0 {
			value = v.known("", media.Example)
		}
		if manner != Fits && spoilt < 0 {
			value = v.Spoilt(value)
		}
		if text, ok := value.(string); ok && !strings.Contains(kind, "json") {
			return []byte(text), kind, nil
		}
		if fields, ok := value.(map[string]any); ok && kind == "application/x-www-form-urlencoded" {
			form := url.Values{}
			for name, field := range fields {
				form.Set(name, plain(field))
			}
			return []byte(form.Encode()), kind, nil
		}
		raw, err = json.Marshal(value)
		return raw, kind, err
	}
	return nil, "", nil
}

// known copies an example of the contract and puts IDs that exist into it.
func (v *Values) known(name string, example any) any {
	switch x := example.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for name, value := range x {
			out[name] = v.known(name, value)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, value := range x {
			out[i] = v.known(name, value)
		}
		return out
	}
	if ids := v.Known[name]; len(ids) > 0 {
		return ids[v.R.IntN(len(ids))]
	}
	if name == "starts_at" {
		return v.text("", &openapi3.Schema{Type: &openapi3.Types{"string"}, Format: "date-time"})
	}
	return example
}

func (v *Values) garbage() []byte {
	switch v.R.IntN(6) {
	case 0:
		return bytes.Repeat([]byte(`{"a":`), 20_000) // deep
	case 1:
		return bytes.Repeat([]byte("x"), 100_000) // over the limit of most operations
	case 2:
		return []byte(`{"a":1,"a":2}`)
	case 3:
		return []byte("{\"a\":\"\xff\xfe\x00\"}")
	case 4:
		return []byte(`[[[[[[[[`)
	}
	return []byte(v.Hostile())
}

// plain writes a parameter's value.
func plain(value any) string {
	if list, ok := value.([]any); ok {
		parts := make([]string, len(list))
		for i, x := range list {
			parts[i] = fmt.Sprint(x)
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(value)
}

// sendable leaves out what Go's client refuses to put into a header.
func sendable(r rune) rune {
	if r < ' ' || r == 0x7f || r == 0xfffd {
		return -1
	}
	return r
}
