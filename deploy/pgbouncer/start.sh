#!/bin/sh
# Writes the one account that PgBouncer admits, from the environment into memory, and becomes it.
set -eu

: "${DB_PASSWORD:?DB_PASSWORD is missing: the password of the database role minicrm}"
accounts=${ACCOUNTS_FILE:-/run/pgbouncer/userlist.txt}
umask 077
escaped=$(printf %s "$DB_PASSWORD" | sed 's/"/""/g')
printf '"minicrm" "%s"\n' "$escaped" > "$accounts"
unset DB_PASSWORD escaped
exec "$@"
