# root: loads
# long
# MariaDB: transfers between accounts by many clients at once; no money may come to be, and none vanish when it is killed.
# limit: 400
set -eu
install -d -o mysql /tmp/my /run/mysqld && cd /tmp
mariadb-install-db --user=mysql --datadir=/tmp/my/data --auth-root-authentication-method=normal > install.log 2>&1 && echo made
start() {
  mariadbd --user=mysql --datadir=/tmp/my/data --socket=/tmp/my/sock --port=3399 --bind-address=127.0.0.1 --pid-file=/tmp/my/pid > /tmp/my.log 2>&1 &
  for _ in $(seq 300); do mariadb-admin -S /tmp/my/sock ping 2>/dev/null | grep alive && break; sleep 0.2; done
}
sql() { mariadb -S /tmp/my/sock -N -e "$1" ${2:-}; }
start
sql 'create database bank' && sql 'create table account (id int primary key, amount int not null) engine=innodb; create user u@localhost' bank
sql "insert into account select seq, 1000 from seq_1_to_100; grant all on bank.* to u@localhost" bank
for i in $(seq 8); do
  (end=$(($(date +%s) + LOAD_SECONDS)); RANDOM=$i
   while [ "$(date +%s)" -lt $end ]; do
     for _ in $(seq 50); do a=$((RANDOM % 100 + 1)); b=$((RANDOM % 100 + 1)); n=$((RANDOM % 50))
       echo "begin; update account set amount = amount - $n where id = $a; update account set amount = amount + $n where id = $b; commit;"
     done | mariadb -f -S /tmp/my/sock bank > /dev/null 2>> /tmp/errors || true
   done) &
done
mariadb-slap -h 127.0.0.1 -P 3399 --protocol=tcp -u u --create-schema=bank --concurrency=10 --iterations=2 --query='select sum(amount) from account' --number-of-queries=500 > slap.out && grep -c Average slap.out
wait $(jobs -p | tail -n +2)
sql 'select sum(amount), count(*) from account' bank
kill -9 "$(cat /tmp/my/pid)"; sleep 1
start
sql 'select sum(amount), count(*) from account; check table account' bank
mariadb-dump -S /tmp/my/sock bank | grep -c 'INSERT INTO'
mariadb-admin -S /tmp/my/sock shutdown && wait && echo stopped
