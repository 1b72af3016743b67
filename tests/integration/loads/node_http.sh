# root: loads
# long
# A node server of two processes that reads files and computes in workers, under wrk.
# limit: 200
set -eu
mkdir -p /tmp/n && cd /tmp/n && seq 20000 > data
cat > server.js <<'J'
const cluster = require('cluster'), http = require('http'), fs = require('fs'), crypto = require('crypto');
if (cluster.isPrimary) {
  cluster.fork(); cluster.fork();
  process.on('SIGTERM', () => { for (const w of Object.values(cluster.workers)) w.process.kill(); process.exit(0); });
} else {
  http.createServer((request, response) => {
    fs.readFile('data', (error, data) => {
      if (error) { response.writeHead(500); response.end(String(error)); return; }
      crypto.pbkdf2(data.subarray(0, 100), 'salt', 10, 16, 'sha256', (e, key) => response.end(key.toString('hex') + '\n'));
    });
  }).listen(8097, '127.0.0.1');
}
J
node server.js & server=$!
for _ in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:8097/ && break; sleep 0.2; done
first=$(curl -s http://127.0.0.1:8097/); echo "$first"
wrk -t2 -c30 -d"$LOAD_SECONDS" http://127.0.0.1:8097/ > wrk.out
grep -c 'Requests/sec' wrk.out; grep 'Non-2xx' wrk.out || echo 'all 2xx'
test "$first" = "$(curl -s http://127.0.0.1:8097/)" && echo same
kill $server; wait $server || true; echo stopped
