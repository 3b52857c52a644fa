package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Judge says what is wrong with an answer, "" for nothing: a 5xx, a status or a body that
// the contract does not have, an error without a code.
func Judge(doc *openapi3.T, o Operation, status int, header http.Header, body []byte) string {
	if status >= 500 && o.ID != "getReadiness" {
		return fmt.Sprintf("the answer is %d", status)
	}
	if o.Spec.Responses.Value(strconv.Itoa(status)) == nil {
		return fmt.Sprintf("%d is not in the contract", status)
	}
	kind := header.Get("Content-Type")
	if status >= 400 && !strings.HasPrefix(kind, "application/problem+json") {
		return fmt.Sprintf("%d has the type %q", status, kind)
	}
	if status >= 400 {
		var problem struct {
			Code   string `json:"code"`
			Status int    `json:"status"`
		}
		if err := json.Unmarshal(body, &problem); err != nil || problem.Code == "" || problem.Status != status {
			return fmt.Sprintf("%d has the code %q and says %d", status, problem.Code, problem.Status)
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), o.Method, "http://contract"+strings.NewReplacer("{", "", "}", "").Replace(o.Path), nil)
	if err != nil {
		return err.Error()
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: req, Route: &routers.Route{Spec: doc, Path: o.Path, PathItem: doc.Paths.Value(o.Path), Method: o.Method, Operation: o.Spec},
		},
		Status: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, ExcludeResponseBody: !strings.Contains(kind, "json")},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		return err.Error()
	}
	return ""
}
