# root: loads
# long
# nginx with two workers under wrk, while files are replaced and it is reloaded; none of its answers may be wrong.
# limit: 200
set -eu
mkdir -p /tmp/www /tmp/ngx && head -c 3000000 /dev/urandom > /tmp/www/large && echo 'a page' > /tmp/www/index.html
cat > /tmp/ngx/nginx.conf <<'N'
worker_processes 2; pid /tmp/ngx/pid; error_log /tmp/ngx/error.log;
events { worker_connections 512; }
http { access_log /tmp/ngx/access.log; sendfile on; open_file_cache max=100; client_body_temp_path /tmp/ngx/b; proxy_temp_path /tmp/ngx/p; fastcgi_temp_path /tmp/ngx/f; uwsgi_temp_path /tmp/ngx/u; scgi_temp_path /tmp/ngx/s;
  server { listen 127.0.0.1:8098; listen unix:/tmp/ngx/sock; root /tmp/www; }
  server { listen 127.0.0.1:8099; location / { proxy_pass http://unix:/tmp/ngx/sock; } } }
N
nginx -c /tmp/ngx/nginx.conf
sum=$(sha256sum < /tmp/www/large); wrong=0
wrk -t2 -c40 -d"$LOAD_SECONDS" http://127.0.0.1:8098/ > wrk.out &
wrk -t1 -c10 -d"$LOAD_SECONDS" http://127.0.0.1:8099/ > proxied.out &
end=$(($(date +%s) + LOAD_SECONDS - 2))
while [ "$(date +%s)" -lt $end ]; do
  [ "$(curl -s http://127.0.0.1:8098/large | sha256sum)" = "$sum" ] || wrong=$((wrong + 1))
  [ "$(curl -s http://127.0.0.1:8099/large | sha256sum)" = "$sum" ] || wrong=$((wrong + 1))
  echo 'a page' > /tmp/www/new && mv /tmp/www/new /tmp/www/index.html
done
wait; echo "$wrong wrong"
grep -c 'Requests/sec' wrk.out proxied.out; grep 'Non-2xx' wrk.out proxied.out || echo 'all 2xx'
nginx -c /tmp/ngx/nginx.conf -s reload; sleep 1; curl -s http://127.0.0.1:8099/
nginx -c /tmp/ngx/nginx.conf -s quit; sleep 2; test ! -e /tmp/ngx/pid && echo stopped
