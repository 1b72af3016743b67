# root: loads
# long
# A headless Chromium renders a local page with scripts, styles and a canvas, from a file and from a server.
# limit: 1200
set -eu
mkdir -p /tmp/page && cd /tmp/page && export HOME=/tmp/home XDG_CACHE_HOME=/tmp/cache
cat > index.html <<'H'
<!DOCTYPE html><title>made</title><style>p { color: red; width: 50% }</style><script src="code.js"></script>
<p id="text">before</p><canvas id="c" width="50" height="50"></canvas>
<script>
  const c = document.getElementById('c').getContext('2d'); c.fillStyle = '#0f0'; c.fillRect(0, 0, 50, 50);
  document.getElementById('text').textContent = 'after ' + twice(21) + ' ' + c.getImageData(1, 1, 1, 1).data.join() + ' ' + getComputedStyle(document.getElementById('text')).color;
</script>
H
echo 'function twice(n) { return 2 * n; }' > code.js
python3 -m http.server 8094 --bind 127.0.0.1 > http.log 2>&1 & server=$!
browse() { timeout 300 chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --virtual-time-budget=3000 --user-data-dir=/tmp/profile "$@" < /dev/null 2>> errors; }
sleep 1
browse --dump-dom file:///tmp/page/index.html | grep -o '>after.*<'
browse --dump-dom http://127.0.0.1:8094/ | grep -o '>after.*<'
browse --window-size=400,300 --screenshot=/tmp/page/shot.png file:///tmp/page/index.html
python3 -c "
d = open('/tmp/page/shot.png', 'rb').read()
print(d[1:4].decode(), int.from_bytes(d[16:20], 'big'), int.from_bytes(d[20:24], 'big'))"
browse --print-to-pdf=/tmp/page/page.pdf file:///tmp/page/index.html; head -c 5 page.pdf; echo
kill $server
