package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS string

var docsTemplate = template.Must(template.New("docs").Parse(docsHTML))

// docsPolicy lets the reference page have its own style sheet and nothing else.
var docsPolicy = func() string {
	sum := sha256.Sum256([]byte(docsCSS))
	return fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
		base64.StdEncoding.EncodeToString(sum[:]))
}()

// renderDocs writes the contract as a page, once, at start.
func renderDocs(doc *openapi3.T) ([]byte, error) {
	var out bytes.Buffer
	if err := docsTemplate.Execute(&out, docsOf(doc)); err != nil {
		return nil, fmt.Errorf("api: render the reference page: %w", err)
	}
	return out.Bytes(), nil
}

// prose writes a description: paragraphs at empty lines, code between backticks.
func prose(text string) template.HTML {
	var out strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if strings.TrimSpace(paragraph) != "" {
			out.WriteString("<p>" + string(phrase(paragraph)) + "</p>\n")
		}
	}
	return template.HTML(out.String()) //nolint:gosec // phrase escapes
}

// phrase writes a line of text with code between backticks.
func phrase(text string) template.HTML {
	var out strings.Builder
	for i, part := range strings.Split(strings.TrimSpace(text), "`") {
		escaped := template.HTMLEscapeString(part)
		if i%2 == 1 {
			escaped = "<code>" + escaped + "</code>"
		}
		out.WriteString(escaped)
	}
	return template.HTML(out.String()) //nolint:gosec // each part is escaped above
}
