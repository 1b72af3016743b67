# root: apps
# nginx with several workers serves files, wrk asks for them.
# limit: 90
set -eu
mkdir -p /tmp/www /tmp/ngx && echo 'a page' > /tmp/www/index.html && head -c 1000000 /dev/zero > /tmp/www/large
cat > /tmp/ngx/nginx.conf <<'N'
worker_processes 2; pid /tmp/ngx/pid; error_log /tmp/ngx/error.log;
events { worker_connections 256; }
http { access_log /tmp/ngx/access.log; sendfile on; client_body_temp_path /tmp/ngx/b; proxy_temp_path /tmp/ngx/p; fastcgi_temp_path /tmp/ngx/f; uwsgi_temp_path /tmp/ngx/u; scgi_temp_path /tmp/ngx/s;
  server { listen 127.0.0.1:8098; root /tmp/www; } }
N
nginx -c /tmp/ngx/nginx.conf
curl -s http://127.0.0.1:8098/; curl -s http://127.0.0.1:8098/large | wc -c; curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8098/missing
wrk -t2 -c20 -d2s http://127.0.0.1:8098/ > wrk.out; grep -c 'Requests/sec' wrk.out; grep -c 'Socket errors\|Non-2xx' wrk.out || true
echo changed > /tmp/www/index.html; nginx -c /tmp/ngx/nginx.conf -s reload; sleep 1; curl -s http://127.0.0.1:8098/
nginx -c /tmp/ngx/nginx.conf -s quit; sleep 1; test ! -e /tmp/ngx/pid && echo stopped; test -s /tmp/ngx/access.log && echo logged
