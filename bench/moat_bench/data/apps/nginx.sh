# wrk asks nginx for a small file over loopback, 16 connections for four seconds.
. /mnt/lib.bash
needs nginx wrk
mkdir -p /tmp/www /tmp/nginx
echo hello >/tmp/www/index.html
chmod 755 /tmp/www
echo 'pid /tmp/nginx/pid; error_log /tmp/nginx/error.log; worker_processes 1; daemon off; user root;
events { worker_connections 128; }
http { access_log off; client_body_temp_path /tmp/nginx/b; proxy_temp_path /tmp/nginx/p; fastcgi_temp_path /tmp/nginx/f;
  uwsgi_temp_path /tmp/nginx/u; scgi_temp_path /tmp/nginx/s; server { listen 127.0.0.1:8080; root /tmp/www; } }' >/tmp/nginx.conf
nginx -c /tmp/nginx.conf >/tmp/log 2>&1 &
server=$!
wait_for bash -c ': </dev/tcp/127.0.0.1/8080'
wrk -t 1 -c 16 -d 4 http://127.0.0.1:8080/ >/tmp/result
echo "RESULT $(sed -n 's,^Requests/sec: *,,p' /tmp/result) 1/s"
kill $server
wait
