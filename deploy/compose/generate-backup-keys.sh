#!/usr/bin/env bash
# Generates the development keys of backups into the volume /keys, once, and the public
# halves of the API's signing keys, with which workers check approvals of restores. A real
# installation keeps the offline identity away from every host.
set -euo pipefail
approval=$(CAREFLOW_ENV=development CAREFLOW_SIGNING_KEYS_FILE=/keys/signing /careflow keys approval)
printf '%s\n' "${approval#*=}" >/keys/approval
chown 65532:65532 /keys/approval
[ ! -s /keys/backup-identity ] || exit 0
umask 277
for line in $(/careflow keys backup); do
    name=${line%%=*}
    name=${name#CAREFLOW_BACKUP_}
    name=backup-$(printf %s "${name,,}" | tr _ -)
    rm -f "/keys/$name"
    printf '%s\n' "${line#*=}" >"/keys/$name"
    chown 65532:65532 "/keys/$name"
done
