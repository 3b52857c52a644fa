package api

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/careflow/careflow/api/openapi"
)

func TestTheGeneratedCodeIsOfThisContract(t *testing.T) {
	doc, err := loadContract(contractYAML)
	require.NoError(t, err)
	want, err := json.Marshal(doc)
	require.NoError(t, err)
	generated, err := openapi.GetSpec()
	require.NoError(t, err)
	got, err := json.Marshal(generated)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got), "run go generate in api/openapi")
}

func TestAServerWithAnUnclearContractDoesNotStart(t *testing.T) {
	for name, c := range map[string]struct{ old, new, says string }{
		"roles missing":   {"      x-careflow-roles: [patient, caregiver, staff]\n", "", "say who may call it"},
		"no such role":    {"x-careflow-roles: [patient, caregiver, staff]\n", "x-careflow-roles: [patient, root]\n", "root"},
		"nobody":          {"x-careflow-roles: [patient, caregiver, staff]\n", "x-careflow-roles: []\n", "nobody"},
		"not public":      {"x-careflow-roles: [patient, caregiver, staff]\n", "x-careflow-roles: everyone\n", "everyone"},
		"public, secured": {"x-careflow-roles: [patient, caregiver, staff]\n", "x-careflow-roles: public\n", "disagree"},
		"no route":        {"  /v1/patients:\n", "  /v1/people:\n", "generate again"},
		"not a contract":  {"openapi: 3.0.3", "openapi: 3.0.3\nno: thing", "not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, string(contractYAML), c.old)
			contract := strings.Replace(string(contractYAML), c.old, c.new, 1)
			doc, err := loadContract([]byte(contract))
			if err == nil {
				_, err = newServer(Config{Address: "127.0.0.1:0", CommandKey: bytes.Repeat([]byte{1}, 32)},
					Dependencies{Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()}, doc)
			}
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestAnIncompleteConfigDoesNotStart(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no address": {CommandKey: bytes.Repeat([]byte{1}, 32)},
		"short key":  {Address: ":0", CommandKey: []byte("short")},
	} {
		_, err := New(cfg, Dependencies{Registry: prometheus.NewRegistry()})
		require.Error(t, err, name)
	}
}

func TestEachOperationOfTheContractIsComplete(t *testing.T) {
	for key, op := range newHarness(t).server.operations {
		spec := op.route.Operation
		require.NotEmpty(t, spec.Summary, key)
		require.Len(t, spec.Tags, 1, key)
		for status, response := range spec.Responses.Map() {
			for contentType, media := range response.Value.Content {
				require.NotNil(t, media.Example, "%s %s has an example", key, status)
				if op.page {
					require.Equal(t, "text/html", contentType, "%s %s", key, status)
					continue
				}
				if status[0] >= '4' && op.id != "getReadiness" {
					require.Equal(t, "application/problem+json", contentType, "%s %s", key, status)
				}
			}
		}
		require.NotNil(t, spec.Responses.Value("500"), key)
		if !op.public {
			require.NotNil(t, spec.Responses.Value("401"), key)
			require.NotNil(t, spec.Responses.Value("403"), key)
			require.NotNil(t, spec.Responses.Value("503"), key)
		}
	}
}
