# A static program of many names, and musl's dynamic loader.
set -eu
busybox sh -c 'for i in 1 2 3; do echo $i; done | busybox tac'; busybox ls -d /etc; busybox sh -c 'busybox ps -o comm | busybox grep -c busybox > /dev/null; echo $?'
mkdir /tmp/bb && busybox --install -s /tmp/bb && ls /tmp/bb | wc -l | awk '{print ($1 > 100)}' && /tmp/bb/echo through a link && /tmp/bb/sh -c 'readlink /proc/self/exe'
ls /lib/ld-musl-x86_64.so.1 && /lib/ld-musl-x86_64.so.1 --help 2>&1 | head -n 1
