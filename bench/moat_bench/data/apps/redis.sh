# redis-benchmark: SET and GET of 20 clients over loopback; the slower of the two.
. /mnt/lib.bash
needs redis-server redis-benchmark
redis-server --save '' --appendonly no --dir /tmp >/tmp/redis.log 2>&1 &
server=$!
wait_for redis-cli ping
redis-benchmark -q --csv -t set,get -n 20000 -c 20 >/tmp/result
echo "RESULT $(tail -n 2 /tmp/result | cut -d, -f2 | tr -d '"' | sort -n | head -n 1) 1/s"
kill $server
wait
