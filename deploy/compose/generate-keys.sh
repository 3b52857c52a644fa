#!/usr/bin/env bash
# Generates the development keys of docker-compose.yml into the volume /keys,
# once. Their IDs start with "dev-", which a production configuration refuses.
set -euo pipefail
for name in payload column signing command link; do
    if [ ! -s "/keys/$name" ]; then
        printf 'dev-%s-1:%s\n' "$name" "$(head -c 32 /dev/urandom | base64 -w 0)" >"/keys/$name.new"
        chown 65532:65532 "/keys/$name.new"
        chmod 0400 "/keys/$name.new"
        mv "/keys/$name.new" "/keys/$name"
    fi
done
