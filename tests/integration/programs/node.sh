# root: apps
# Node: files, child processes, workers, sockets.
# limit: 120
set -eu
cat > /tmp/n.js <<'J'
const fs = require('fs'), cp = require('child_process'), os = require('os'), net = require('net'), http = require('http'), path = require('path');
const { Worker, isMainThread } = require('worker_threads');
(async () => {
  fs.mkdirSync('/tmp/n/a/b', { recursive: true }); fs.writeFileSync('/tmp/n/a/b/f', 'x'.repeat(100000));
  console.log(fs.statSync('/tmp/n/a/b/f').size, fs.readdirSync('/tmp/n'), fs.realpathSync('/proc/self/exe').endsWith('node'));
  console.log(cp.execSync('echo child').toString(), cp.spawnSync('sh', ['-c', 'exit 7']).status);
  const copies = await Promise.all([...Array(50).keys()].map(i => fs.promises.copyFile('/tmp/n/a/b/f', '/tmp/n/c' + i))); console.log(copies.length, fs.readdirSync('/tmp/n').length);
  await new Promise(done => { const w = new Worker('require("worker_threads").parentPort.postMessage(6*7)', { eval: true }); w.on('message', m => { console.log('worker', m); done(); }); });
  await new Promise(done => { const s = net.createServer(c => c.end('unix')).listen('/tmp/n.sock', () => net.connect('/tmp/n.sock').on('data', d => { console.log(d.toString()); s.close(done); })); });
  await new Promise(done => { const s = http.createServer((q, r) => r.end('page ' + q.url)).listen(0, '127.0.0.1', () => http.get({ host: '127.0.0.1', port: s.address().port, path: '/x' }, r => r.on('data', d => { console.log(d.toString()); }).on('end', () => { s.close(done); s.closeAllConnections && s.closeAllConnections(); }))); });
  await new Promise(done => { let n = 0; const w = fs.watch('/tmp/n', () => { if (!n++) { console.log('watched'); w.close(); done(); } }); setTimeout(() => fs.writeFileSync('/tmp/n/new', ''), 50); });
  console.log(os.cpus().length > 0, os.totalmem() > 0, os.hostname().length > 0, process.pid > 0, process.memoryUsage().rss > 0);
  fs.rmSync('/tmp/n', { recursive: true }); console.log(fs.existsSync('/tmp/n')); try { fs.openSync('/no/such') } catch (e) { console.log(e.code) }
})();
J
node /tmp/n.js; node -e 'process.exit(5)' || echo "exit $?"; echo 'console.log("stdin")' | node -
