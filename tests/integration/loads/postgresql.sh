# root: loads
# long
# PostgreSQL under pgbench; its books must balance afterwards, and after a crash too.
# limit: 400
set -eu
export PATH=/usr/lib/postgresql/15/bin:$PATH
install -d -o postgres -g postgres /tmp/pg && cd /tmp/pg
as() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
start() { as pg_ctl -D /tmp/pg/data -w -t 60 -l /tmp/pg/log -o '-k /tmp/pg -c listen_addresses=127.0.0.1' start > /dev/null && echo started; }
balance='select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history),
  (select sum(bbalance) from pgbench_branches) = (select sum(tbalance) from pgbench_tellers), count(*) > 100 from pgbench_history'
as initdb -D /tmp/pg/data > initdb.log 2>&1 && echo made
start
as pgbench -h /tmp/pg -i -s 5 postgres > init.log 2>&1 && echo filled
as pgbench -h /tmp/pg -c 10 -j 2 -T "$LOAD_SECONDS" postgres > bench.out 2> bench.err; grep -c '^tps' bench.out; grep 'failed' bench.out
as pgbench -h 127.0.0.1 -c 5 -S -C -T 3 postgres 2>&1 | grep -c '^tps'
as psql -h 127.0.0.1 -Atc "$balance" postgres
before=$(as psql -h /tmp/pg -Atc 'select count(*) from pgbench_history' postgres)
as pg_ctl -D /tmp/pg/data -m immediate stop > /dev/null && echo crashed
start
as psql -h /tmp/pg -Atc "$balance" postgres
test "$before" = "$(as psql -h /tmp/pg -Atc 'select count(*) from pgbench_history' postgres)" && echo 'nothing lost'
as pg_dump -h /tmp/pg postgres | grep -c '^COPY'
as pg_ctl -D /tmp/pg/data -m fast stop > /dev/null && echo stopped
