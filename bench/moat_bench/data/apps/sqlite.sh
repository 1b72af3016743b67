# 2,000 transactions of one insertion each, and a query over them.
. /mnt/lib.bash
needs sqlite3
{
  echo 'create table t (a integer primary key, b text);'
  for i in $(seq 2000); do echo "begin; insert into t (b) values ('row $i'); commit;"; done
  echo 'select count(*), max(b) from t;'
} >statements
work() { sqlite3 data.db <statements; }
measure work
