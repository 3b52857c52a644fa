package api

import (
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"

	"github.com/careflow/careflow/internal/domain"
)

//go:embed openapi.yaml
var contractYAML []byte

// Extensions of the contract.
const (
	extRoles     = "x-careflow-roles"      // list of roles, or "public"
	extRawBody   = "x-careflow-raw-body"   // the handler reads the body as it came
	extBodyLimit = "x-careflow-body-limit" // bytes
	extStream    = "x-careflow-stream"     // the answer goes on for as long as there is someone to listen
	extPage      = "x-careflow-page"       // answers people with a page, errors too
)

// defaultBodyLimit bounds a request's body, in bytes.
const defaultBodyLimit = 64 << 10

// operation is one operation of the contract, with what the middleware asks of it.
type operation struct {
	id        string
	route     *routers.Route
	public    bool
	roles     []domain.Role
	rawBody   bool
	stream    bool // its answer has no end of its own
	page      bool
	bodyLimit int64
	prefers   bool // takes the Prefer header
	query     []string
	// looksUp is set where the store sees itself that the caller's session goes on, in the
	// transaction that counts on it. Its handler goes through lookedUp.
	looksUp bool
	// changesAccess is set unless the operation can only read, or concerns visits only.
	changesAccess bool
}

// key is how gin knows the operation.
func (o *operation) key() string { return routeKey(o.route.Method, ginPath(o.route.Path)) }

func routeKey(method, path string) string { return method + " " + path }

// ginPath writes a path template the way gin does: {id} becomes :id.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// ownContract is the embedded contract. It is read once, which takes a tenth of a second, and
// never changed: servers of one process, as in tests, share it.
var ownContract = sync.OnceValues(func() (*openapi3.T, error) { return loadContract(contractYAML) })

// loadContract reads and checks a contract.
func loadContract(yaml []byte) (*openapi3.T, error) {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(yaml)
	if err != nil {
		return nil, fmt.Errorf("api: read the contract: %w", err)
	}
	if err := doc.Validate(loader.Context); err != nil {
		return nil, fmt.Errorf("api: the contract is not valid: %w", err)
	}
	return doc, nil
}

// operationsOf returns the operations by gin route. It fails on an operation that does
// not say who may call it: access is denied by default, and silently denied is a bug too.
func operationsOf(doc *openapi3.T) (map[string]*operation, error) {
	operations := map[string]*operation{}
	var faults []error
	for path, item := range doc.Paths.Map() {
		for method, spec := range item.Operations() {
			o, err := newOperation(doc, path, item, method, spec)
			if err != nil {
				faults = append(faults, fmt.Errorf("api: %s %s: %w", method, path, err))
				continue
			}
			operations[o.key()] = o
		}
	}
	return operations, errors.Join(faults...)
}

func newOperation(doc *openapi3.T, path string, item *openapi3.PathItem, method string, spec *openapi3.Operation) (*operation, error) {
	o := &operation{
		id:        spec.OperationID,
		route:     &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: spec},
		bodyLimit: defaultBodyLimit,
	}
	if o.id == "" {
		return nil, errors.New("an operation has an operationId")
	}
	if err := o.readRoles(spec.Extensions[extRoles]); err != nil {
		return nil, err
	}
	if o.public != (spec.Security != nil && len(*spec.Security) == 0) {
		return nil, fmt.Errorf("%s and security disagree about log-in", extRoles)
	}
	o.looksUp = o.id == "bookAppointment"
	o.stream, _ = spec.Extensions[extStream].(bool)
	o.changesAccess = method != http.MethodGet && !slices.ContainsFunc(spec.Tags, aboutVisits)
	o.rawBody, _ = spec.Extensions[extRawBody].(bool)
	o.page, _ = spec.Extensions[extPage].(bool)
	if limit, ok := spec.Extensions[extBodyLimit].(float64); ok {
		o.bodyLimit = int64(limit)
	}
	for _, p := range slices.Concat(item.Parameters, spec.Parameters) {
		switch {
		case p.Value.In == openapi3.ParameterInQuery:
			o.query = append(o.query, p.Value.Name)
		case p.Value.In == openapi3.ParameterInHeader && http.CanonicalHeaderKey(p.Value.Name) == "Prefer":
			o.prefers = true
		}
	}
	return o, nil
}

// aboutVisits reports a tag of operations that change visits and nothing else.
func aboutVisits(tag string) bool {
	return tag == "appointments" || tag == "commands" || tag == "webhooks" || tag == "repair"
}

func (o *operation) readRoles(v any) error {
	switch v := v.(type) {
	case string:
		if v != "public" {
			return fmt.Errorf("%s is a list of roles or \"public\", not %q", extRoles, v)
		}
		o.public = true
		return nil
	case []any:
		for _, name := range v {
			role := domain.Role(fmt.Sprint(name))
			if !slices.Contains(domain.Roles(), role) {
				return fmt.Errorf("%s names %q, which is no role", extRoles, role)
			}
			o.roles = append(o.roles, role)
		}
		if len(o.roles) == 0 {
			return fmt.Errorf("%s is empty: nobody could call it", extRoles)
		}
		return nil
	}
	return fmt.Errorf("%s is missing: say who may call it", extRoles)
}
