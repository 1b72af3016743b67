# find, tar, gzip, xz and rsync over a real tree.
# limit: 120
set -eu
cd /tmp
cp -a /usr/share/perl5 tree 2>/dev/null || cp -a /usr/share/perl tree; cp -a /usr/lib/python3/. tree/ 2>/dev/null || true
mkdir -p tree/odd; touch 'tree/odd/a space' tree/odd/$'new\nline'; ln -s missing tree/odd/dangling; ln tree/odd/'a space' tree/odd/hard
chmod 0000 tree/odd/hard; mkfifo tree/odd/fifo
find tree -type f | wc -l; find tree -name '*.p[my]' -size +4k | wc -l; find tree -type f -print0 | xargs -0 cat | sha256sum
find tree -newer /etc/debian_version -type d | wc -l; find tree -perm 0000 | sort
tar -cf tree.tar tree; tar -tf tree.tar | wc -l; mkdir out; tar -xf tree.tar -C out; diff -r --no-dereference tree out/tree 2>&1 | grep -v 'is a fifo' || echo "tar: same"
tar -czf tree.tar.gz tree; gzip -t tree.tar.gz && echo "gzip: good"; tar -cJf tree.tar.xz tree/odd; xz -t tree.tar.xz && echo "xz: good"
gzip -kf tree.tar; gunzip -c tree.tar.gz | cmp - tree.tar && echo "gunzip: same"
rsync -aH tree/ synced/; rsync -aHni --delete tree/ synced/ | wc -l; touch synced/extra; echo changed >> synced/odd/'a space'
rsync -aH --delete --checksum tree/ synced/; test ! -e synced/extra && echo "rsync: deleted"; find synced -type f | wc -l
find tree -depth -delete; test ! -e tree && echo "find: deleted"
