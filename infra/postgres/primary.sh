#!/usr/bin/env bash
# Runs once, when the database is made: lets the replica follow.
set -euo pipefail
echo "host replication kith all trust" >> "$PGDATA/pg_hba.conf"
