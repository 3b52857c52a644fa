#!/usr/bin/env bash
# Run once by the PostgreSQL image over an empty data volume: a role and
# database for Careflow, and for Temporal a role of its own that can neither see
# Careflow's data nor take all connections.
set -euo pipefail
psql --no-psqlrc --set ON_ERROR_STOP=1 --username postgres \
    --set careflow_password="$CAREFLOW_DB_PASSWORD" --set temporal_password="$TEMPORAL_DB_PASSWORD" <<'SQL'
CREATE ROLE careflow LOGIN PASSWORD :'careflow_password';
CREATE ROLE temporal LOGIN CONNECTION LIMIT 44 PASSWORD :'temporal_password';
CREATE DATABASE careflow OWNER careflow;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE ALL ON DATABASE careflow, temporal, temporal_visibility FROM PUBLIC;
SQL
