#!/bin/sh
set -eu
systemctl restart careflow-api.service
