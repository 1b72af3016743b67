# root: apps
# redis-server and redis-benchmark on loopback.
# limit: 120
set -eu
cd /tmp
redis-server --port 6390 --save '' --daemonize yes --pidfile /tmp/redis.pid --logfile /tmp/redis.log --dir /tmp --unixsocket /tmp/redis.sock > /dev/null
for _ in $(seq 100); do redis-cli -p 6390 ping > pong 2>/dev/null && break; sleep 0.1; done; cat pong
redis-cli -p 6390 set key value; redis-cli -s /tmp/redis.sock get key
redis-benchmark -p 6390 -n 20000 -c 20 -t set,get -q | tr '\r' '\n' | grep -c 'requests per second'
redis-cli -p 6390 save; ls dump.rdb; redis-cli -p 6390 bgsave > /dev/null; sleep 1; redis-cli -p 6390 lastsave | grep -c '^[0-9]'
redis-cli -p 6390 info server | grep -c '^process_id'; redis-cli -p 6390 dbsize | cut -d' ' -f1 | grep -c '^[0-9]'
redis-cli -p 6390 shutdown nosave 2>/dev/null || true; sleep 0.5; test ! -e /tmp/redis.pid && echo stopped
