// Package openapi is generated from ../openapi.yaml: the types of the HTTP contract,
// its Gin routes and the interface that the handlers implement. Change the contract,
// then run go generate here. The generator is pinned in tools/generate, a module of
// its own, so that its dependencies stay out of the product's.
package openapi

//go:generate go tool -modfile=../../tools/generate/go.mod oapi-codegen -config config.yaml ../openapi.yaml
