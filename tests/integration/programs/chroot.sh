# A small system in a folder, and programs that run in it.
set -e
new=$(mktemp -d)
chmod 755 "$new"
programs=$(which sh ls cat env id chroot)
libraries=$(ldd $programs | grep -o '/lib[^ ]*' | sort -u)
cp --parents -L $programs $libraries "$new"
mkdir "$new/work"
echo "root:x:0:0:inside:/:/bin/sh" >"$new/etc_passwd"
mkdir "$new/etc" && mv "$new/etc_passwd" "$new/etc/passwd"
sh=$(command -v sh)

chroot "$new" "$sh" -c 'pwd; ls -d /work /home /proc 2>&1; cat /etc/passwd; cd /work; pwd'
chroot --userspec=1000:1000 "$new" "$(command -v id)" || echo "id: $?"
echo '#!'"$sh"'
echo "script $0 $*"' >"$new/work/script"
chmod +x "$new/work/script"
chroot "$new" /work/script one two
chroot "$new" "$sh" -c 'echo new >/work/file; ls ../../../work; cat /../work/file'
cat "$new/work/file"
chroot "$new" /work/missing || echo "missing: $?"
# A root within the root, on the same files.
mkdir "$new/inner"
for name in usr bin lib lib64; do [ ! -e "$new/$name" ] || cp -a "$new/$name" "$new/inner"; done
chroot "$new" "$(which chroot)" /inner "$sh" -c 'pwd; ls -d /inner /work 2>&1' || echo "inner: $?"
setpriv --bounding-set -sys_chroot chroot "$new" "$sh" -c true || echo "without the capability: $?"
rm -r "$new"
