#!/usr/bin/env bash
# Fuzzes every fuzz test of the checkout for the given time each. What one finds is
# written under testdata/fuzz and is a regression test from then on.
set -euo pipefail
cd "$(dirname "$0")/../.."
time=${1:-10s}
git grep -lE '^func Fuzz' -- '*_test.go' | while read -r file; do
    for name in $(sed -nE 's/^func (Fuzz[A-Za-z0-9_]+)\(.*/\1/p' "$file"); do
        printf '== %s %s\n' "$(dirname "$file")" "$name"
        go test "./$(dirname "$file")" -run xxx -fuzz "^${name}\$" -fuzztime "$time"
    done
done
