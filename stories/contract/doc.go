// Package contract makes requests out of the API's contract: such as fit it, such as
// nearly do, and hostile ones. It reads api/openapi.yaml like any client would and judges
// answers by it.
package contract
