package api

import (
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/careflow/careflow/internal/domain"
)

// What the reference page shows.
type (
	docsPage struct {
		Title       string
		Description template.HTML
		CSS         template.CSS
		Tags        []docsTag
		Codes       []docsCode
		Schemas     []docsSchema
	}
	docsTag struct {
		Name        string
		Description template.HTML
		Operations  []docsOperation
	}
	docsOperation struct {
		ID, Method, Path, Summary string
		Description               template.HTML
		Who                       []string
		Parameters                []docsField
		Body                      *docsBody
		Responses                 []docsResponse
		Example                   string
	}
	docsField struct {
		Name, In, Type string
		Schema         string // the object's name, where it has one
		Required       bool
		Description    template.HTML
	}
	docsBody struct {
		Required bool
		Fields   []docsField
		Example  string
	}
	docsResponse struct {
		Status, Schema, Type string
		Description          template.HTML
		Headers              []string
	}
	docsCode struct {
		Code        domain.Code
		Status      int
		Title, Help string
	}
	docsSchema struct {
		Name        string
		Description template.HTML
		Values      []string
		Fields      []docsField
	}
)

func docsOf(doc *openapi3.T) docsPage {
	page := docsPage{
		Title: doc.Info.Title, Description: prose(doc.Info.Description),
		CSS: template.CSS(docsCSS), //nolint:gosec // our own file
	}
	for _, tag := range doc.Tags {
		page.Tags = append(page.Tags, docsTag{Name: tag.Name, Description: prose(tag.Description), Operations: docsOperations(doc, tag.Name)})
	}
	for _, a := range answers {
		page.Codes = append(page.Codes, docsCode{Code: a.code, Status: a.status, Title: a.title, Help: a.help})
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		s := doc.Components.Schemas[name].Value
		page.Schemas = append(page.Schemas, docsSchema{
			Name: name, Description: prose(s.Description), Values: texts(s.Enum), Fields: docsFields(s),
		})
	}
	return page
}

// docsOperations lists a tag's operations by path.
func docsOperations(doc *openapi3.T, tag string) []docsOperation {
	var operations []docsOperation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if slices.Contains(op.Tags, tag) {
				operations = append(operations, docsOperationOf(path, item, method, op))
			}
		}
	}
	order := func(o docsOperation) string { return o.Path + " " + o.Method }
	slices.SortFunc(operations, func(a, b docsOperation) int { return strings.Compare(order(a), order(b)) })
	return operations
}

func docsOperationOf(path string, item *openapi3.PathItem, method string, op *openapi3.Operation) docsOperation {
	o := docsOperation{
		ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Description: prose(op.Description), Who: who(op),
	}
	for _, p := range slices.Concat(item.Parameters, op.Parameters) {
		o.Parameters = append(o.Parameters, docsField{
			Name: p.Value.Name, In: p.Value.In, Type: typeName(p.Value.Schema), Required: p.Value.Required, Description: phrase(p.Value.Description),
		})
	}
	if op.RequestBody != nil {
		o.Body = &docsBody{Required: op.RequestBody.Value.Required}
		for _, media := range op.RequestBody.Value.Content {
			o.Body.Fields, o.Body.Example = docsFields(media.Schema.Value), example(media.Example)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses.Map())) {
		r := op.Responses.Value(status).Value
		shown := docsResponse{Status: status, Description: phrase(*r.Description), Headers: slices.Sorted(maps.Keys(r.Headers))}
		for contentType, media := range r.Content {
			shown.Schema, shown.Type = schemaName(media.Schema), contentType
			if strings.HasPrefix(status, "2") && o.Example == "" {
				o.Example = example(media.Example)
			}
		}
		o.Responses = append(o.Responses, shown)
	}
	return o
}

func who(op *openapi3.Operation) []string {
	if roles, ok := op.Extensions[extRoles].([]any); ok {
		return texts(roles)
	}
	return []string{"everyone, without log-in"}
}

func docsFields(s *openapi3.Schema) []docsField {
	var fields []docsField
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		f := docsField{Name: name, Type: typeName(p), Required: slices.Contains(s.Required, name), Description: phrase(p.Value.Description)}
		if f.Schema = schemaName(p); f.Schema == "" && p.Value.Items != nil {
			f.Schema = schemaName(p.Value.Items)
		}
		fields = append(fields, f)
	}
	// What is required comes first.
	slices.SortStableFunc(fields, func(a, b docsField) int {
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		}
		return 1
	})
	return fields
}

func schemaName(ref *openapi3.SchemaRef) string {
	if ref == nil {
		return ""
	}
	return strings.TrimPrefix(ref.Ref, "#/components/schemas/")
}

// typeName says a type with its bounds, as a reader would.
func typeName(ref *openapi3.SchemaRef) string {
	s := ref.Value
	if s.Items != nil {
		return "list of " + typeName(s.Items)
	}
	if name := schemaName(ref); name != "" {
		return name
	}
	if len(s.Enum) > 0 {
		return strings.Join(texts(s.Enum), " | ")
	}
	name := "object"
	if s.Type != nil && len(*s.Type) > 0 {
		name = (*s.Type)[0]
	}
	if s.Format != "" {
		name = s.Format
	}
	switch {
	case s.Min != nil && s.Max != nil:
		name += fmt.Sprintf(", %g to %g", *s.Min, *s.Max)
	case s.MaxLength != nil:
		name += fmt.Sprintf(", at most %d characters", *s.MaxLength)
	}
	if s.Default != nil {
		name += fmt.Sprintf(", default %v", s.Default)
	}
	return name
}

func example(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return ""
	}
	return string(text)
}

func texts(values []any) []string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprint(v))
	}
	return out
}
