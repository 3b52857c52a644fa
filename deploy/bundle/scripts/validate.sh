#!/bin/sh
# The script's own timeout bounds the wait.
set -eu
until curl --fail --silent --max-time 2 --output /dev/null http://127.0.0.1:8080/readyz; do sleep 0.5; done
