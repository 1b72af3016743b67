# sqlite3: transactions, several processes, write-ahead log.
set -eu
cd /tmp
sqlite3 db 'CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<10000) INSERT INTO t SELECT x, hex(x) FROM n;'
sqlite3 db 'SELECT count(*), sum(a), max(b) FROM t; PRAGMA integrity_check;'
sqlite3 db 'PRAGMA journal_mode=WAL;'
for p in 1 2 3 4; do (for i in $(seq 20); do sqlite3 -cmd '.timeout 20000' db "INSERT INTO t(b) VALUES ('$p-$i')"; done) & done; wait
sqlite3 db 'SELECT count(*) FROM t; BEGIN; DELETE FROM t; ROLLBACK; SELECT count(*) FROM t;'
sqlite3 db .dump | sqlite3 copy && sqlite3 copy 'SELECT count(*) FROM t; VACUUM; PRAGMA integrity_check;'; ls db copy
