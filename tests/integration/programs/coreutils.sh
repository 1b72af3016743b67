# The core tools on files.
set -eu
cd /tmp && mkdir tree && cd tree
seq 1 10000 > numbers; split -l 1000 numbers part.; ls part.* | wc -l
cat part.* | cmp - numbers && echo same
cp -a numbers copy; stat -c '%n %s %a %U' copy; touch -d '2020-02-02 02:02:02 UTC' copy; TZ=UTC date -r copy +%FT%T
ln -s numbers link; readlink link; readlink -f link; ln numbers hard; stat -c %h numbers
chmod 0640 copy; chown 1000:1001 copy; stat -c '%a %u %g' copy
mkdir -p a/b/c; touch a/b/c/file; mv a moved; find moved | sort; rm -r moved; test ! -e moved && echo removed
head -c 1000000 /dev/zero | sha256sum
dd if=/dev/zero of=block bs=4096 count=100 status=none; truncate -s 1G sparse; stat -c '%n %s' block sparse; du -k sparse | cut -f1
sort -rn numbers | head -n 3; uniq -c <(printf 'a\na\nb\n'); join <(echo 1 a) <(echo 1 b); comm -12 <(seq 5) <(seq 3 8)
install -m 0755 -d dir/sub; install -m 0700 numbers dir/sub/program; ls -l dir/sub | awk 'NR>1 {print $1, $5, $9}'
mkfifo pipe; (echo through the fifo > pipe &) ; cat pipe
mktemp -d /tmp/XXXXXX | wc -c; pwd; basename "$(pwd)"; id -u; uname -s; nproc > /dev/null; df . > /dev/null; test -w /dev/null && echo writable
tail -f numbers --pid=$$ -n 1 & sleep 0.3; echo last >> numbers; sleep 1.3; kill $!; wait $! || true
ls -la /proc/self/fd > /dev/null && echo fds; touch x && rm -f x y z; yes '' | cp -i numbers copy 2>/dev/null || true
