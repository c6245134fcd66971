#!/usr/bin/env bash
# The replica's first start: a copy of the primary that goes on following it.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  until pg_basebackup -h postgres -U kith -D "$PGDATA" -c fast -X stream -R; do sleep 1; done
  chmod 0700 "$PGDATA"
fi
exec postgres
