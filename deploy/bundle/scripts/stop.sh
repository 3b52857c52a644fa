#!/bin/sh
# It waits until the API has answered what it had begun.
set -eu
systemctl stop careflow-api.service
