# PostgreSQL's own benchmark, two clients for five seconds.
. /mnt/lib.bash
programs=$(echo /usr/lib/postgresql/*/bin)
PATH=$programs:$PATH
needs initdb pgbench
mkdir -m 777 /tmp/pg
as() { setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"; }
as initdb -D /tmp/pg/data >/tmp/log 2>&1 || { tail -n 3 /tmp/log >&2; exit 1; }
as postgres -D /tmp/pg/data -k /tmp/pg -c listen_addresses= -c fsync=off >/tmp/pg/log 2>&1 &
wait_for as psql -h /tmp/pg -c 'select 1' postgres
as pgbench -h /tmp/pg -i -s 2 postgres >/tmp/log 2>&1
as pgbench -h /tmp/pg -c 2 -T 5 postgres >/tmp/pg/result 2>&1
echo "RESULT $(sed -n 's/^tps = \([0-9.]*\).*/\1/p' /tmp/pg/result) 1/s"
as pg_ctl -D /tmp/pg/data -m immediate stop >/dev/null
