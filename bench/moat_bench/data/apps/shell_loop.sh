# 300 small programs, one after the other, from a shell.
. /mnt/lib.bash
work() { for _ in $(seq 300); do /bin/true; done; }
measure work
