#!/bin/sh
# Brings the schema of Temporal's two databases to this release's version. On an
# empty database the update fails for want of the version tables: make them.
set -eu
for part in temporal visibility; do
    SQL_DATABASE=temporal
    [ "$part" = temporal ] || SQL_DATABASE=temporal_visibility
    export SQL_DATABASE
    update() { temporal-sql-tool update-schema --schema-name "postgresql/v12/$part"; }
    update || { temporal-sql-tool setup-schema --version 0.0 && update; }
done
