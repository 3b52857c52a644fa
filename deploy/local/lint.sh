#!/usr/bin/env bash
# All static checks, each named before it runs. Called by `make lint`, which puts
# the pinned tools on the PATH.
set -euo pipefail
cd "$(dirname "$0")/../.."

phase() { printf -- '-- %s\n' "$*"; }

phase gofmt
unformatted=$(git ls-files --cached --others --exclude-standard '*.go' | xargs -r ls 2>/dev/null | xargs -r gofmt -l)
if [ -n "$unformatted" ]; then
    printf 'not formatted, run `make fmt`:\n%s\n' "$unformatted"
    exit 1
fi

phase go vet
go vet -tags kubernetes ./...

phase tools
careflow-local tools golangci-lint workflowcheck oapi-codegen sqlc actionlint

phase golangci-lint
golangci-lint run ./...

# Finds what makes workflow code run differently on replay, through all calls.
phase workflowcheck
workflowcheck ./workflows/...

# The pipeline's files. What is pinned by a commit says which release that is.
phase workflows of the pipeline
actionlint
if unpinned=$(grep -rnE 'uses: +[^.]' .github/workflows | grep -vE '@[0-9a-f]{40} # v|uses: actions/(cache|upload-artifact)@v'); then
    printf 'actions of others are pinned by commit, with the release behind it:\n%s\n' "$unpinned"
    exit 1
fi

# What generate writes must be what is in the checkout: compared before and
# after rather than with the last commit, so that it can be run at any time.
phase generated files
contents() { git ls-files --cached --others --exclude-standard | xargs -r -d '\n' sha256sum 2>/dev/null || true; }
before=$(contents)
go generate ./...
if ! changed=$(diff <(printf '%s\n' "$before") <(contents)); then
    printf 'generated files were out of date, commit what `make generate` gives:\n%s\n' "$changed"
    exit 1
fi
phase ok
