#!/usr/bin/env bash
# The backup worker's three roles, made again at each start: one reads everything and
# writes the catalogue of backups only, one makes databases to prove backups in, and one
# makes the product's database anew beside the live one, and exchanges them.
set -euo pipefail
export PGHOST=postgres PGUSER=postgres PGPASSWORD="$POSTGRES_PASSWORD"
psql() { command psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 "$@"; }
psql --dbname postgres --set backup_password="$BACKUP_DB_PASSWORD" --set scratch_password="$SCRATCH_DB_PASSWORD" \
    --set restore_password="$RESTORE_DB_PASSWORD" <<'SQL'
SELECT 'CREATE ROLE careflow_backup' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'careflow_backup') \gexec
SELECT 'CREATE ROLE careflow_scratch' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'careflow_scratch') \gexec
SELECT 'CREATE ROLE careflow_restore' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'careflow_restore') \gexec
ALTER ROLE careflow_backup LOGIN CONNECTION LIMIT 16 PASSWORD :'backup_password';
ALTER ROLE careflow_scratch LOGIN CREATEDB CONNECTION LIMIT 16 PASSWORD :'scratch_password';
ALTER ROLE careflow_restore LOGIN CREATEDB CONNECTION LIMIT 16 PASSWORD :'restore_password';
GRANT careflow, pg_signal_backend TO careflow_restore;
GRANT pg_read_all_data TO careflow_backup;
GRANT CONNECT ON DATABASE careflow, temporal, temporal_visibility TO careflow_backup;
SQL
psql --dbname careflow --command 'GRANT SELECT, INSERT, UPDATE ON backup_logs TO careflow_backup'
