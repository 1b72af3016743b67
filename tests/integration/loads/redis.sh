# root: loads
# long
# redis counts in many clients; the count must be right, and still be after a restart from its log.
# limit: 300
set -eu
cd /tmp
start() {
  redis-server --port 6390 --appendonly yes --save '' --daemonize yes --dir /tmp --logfile /tmp/redis.log --unixsocket /tmp/redis.sock > /dev/null
  for _ in $(seq 100); do redis-cli -p 6390 ping > pong 2>/dev/null && grep -q PONG pong && break; sleep 0.1; done; cat pong
}
start
end=$(($(date +%s) + LOAD_SECONDS)); total=0
while [ "$(date +%s)" -lt $end ]; do
  redis-benchmark -p 6390 -n 20000 -c 50 -P 4 -q incr counter > /dev/null
  redis-benchmark -s /tmp/redis.sock -n 20000 -c 20 -q incr counter > /dev/null
  redis-benchmark -p 6390 -n 5000 -c 50 -q -t set,get,lpush,lpop,sadd,hset,zadd,mset > /dev/null
  total=$((total + 40000))
done
test "$(redis-cli -p 6390 get counter)" = $total && echo 'counted right'
redis-cli -p 6390 bgrewriteaof > /dev/null; sleep 2; redis-cli -p 6390 info persistence | grep -o 'aof_last_bgrewrite_status:ok'
redis-cli -p 6390 bgsave > /dev/null; sleep 2; redis-cli -p 6390 info persistence | grep -o 'rdb_last_bgsave_status:ok'
redis-cli -p 6390 shutdown 2>/dev/null || true
start
test "$(redis-cli -s /tmp/redis.sock get counter)" = $total && echo 'still right'
redis-cli -p 6390 shutdown nosave 2>/dev/null || true
