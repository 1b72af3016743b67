#!/usr/bin/env python3
"""Runs a script natively and in moat, on the same Debian root, and compares what it prints.

  compare_programs.py [--native | --moat] programs/NAME.sh

Both runs get a copy-on-write view of the root, an empty network with loopback, /tmp and a pid
namespace. Exit code and standard output must be equal; a script therefore prints only what is the
same every time. Lines at its head say more:

  # root: apps      the large root instead of the small one
  # limit: 120      seconds for each of the two runs, default 60
  # flags: --new-privileges    for `moat do`

A script under load lasts LOAD_SECONDS, which it finds in its environment.
"""

import difflib
import pathlib
import re
import sys
import tempfile

from sandbox import MOAT, SKIPPED, Result, descendants, kill_all, root, run

import os

# A view of the root at $1 as `moat do --rootfs` makes it; the script comes on standard input.
NATIVE_SCRIPT = r"""
set -e
work=$1 root=$2
mount -t tmpfs none "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay -o lowerdir="$root",upperdir="$work/upper",workdir="$work/work" none "$work/root"
cd "$work/root"
mount -t proc none proc
mount -t tmpfs none dev
for node in null zero full random urandom tty; do
  touch dev/$node && mount --bind /dev/$node dev/$node
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 none dev/pts
mount -t tmpfs none dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for n in 0:stdin 1:stdout 2:stderr; do ln -s /proc/self/fd/${n%:*} dev/${n#*:}; done
mount -t sysfs -o ro none sys
ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null || python3 -c '
import fcntl, socket, struct
s = socket.socket(); fcntl.ioctl(s, 0x8914, struct.pack("16sh14s", b"lo", 1, b""))'
exec chroot . env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
  TERM=dumb LANG=C.UTF-8 LOAD_SECONDS=10 bash -s
"""
ENVIRONMENT = ["HOME=/root", "TERM=dumb", "LANG=C.UTF-8", "LOAD_SECONDS=60"]


def header(text, name, default):
    match = re.search(rf"^# {name}: (\S+)$", text, re.MULTILINE)
    return match.group(1) if match else default


def run_natively(script, debian, limit):
    with tempfile.TemporaryDirectory(prefix="moat-native.") as work:
        return run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--net",
                    "bash", "-c", NATIVE_SCRIPT, "native", work, debian], limit=limit, stdin=script)


def run_in_moat(script, debian, limit):
    flags = [f"--env={setting}" for setting in ENVIRONMENT]
    flags += [flag for flag in [header(script, "flags", "")] if flag]
    with tempfile.TemporaryDirectory(prefix="moat-state.") as state:
        return run([MOAT, "--root", state, "do", "--no-tty", "--rootfs", debian, "--cwd", "/", *flags,
                    "--", "bash", "-s"], limit=limit, stdin=script)


def show(name, result: Result):
    print(f"--- {name}: exit code {result.code}\n{result.out}--- errors\n{result.err}")


def main():
    only = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    path = pathlib.Path(next(a for a in sys.argv[1:] if not a.startswith("--")))
    if os.geteuid() != 0:
        print("skipped: needs root")
        return SKIPPED
    script = path.read_text()
    debian = root(header(script, "root", "base"))
    limit = int(header(script, "limit", "60"))
    native = run_natively(script, debian, limit) if "--moat" not in only else None
    sandboxed = run_in_moat(script, debian, limit) if "--native" not in only else None
    kill_all(descendants(os.getpid()))
    if native is None or sandboxed is None:
        result = native or sandboxed
        show("native" if native else "moat", result)
        return 0 if result.code == 0 else 1
    if native.code != 0 or not native.out:
        show("native", native)
        print("the script fails without any sandbox, or prints nothing")
        return 1
    if (native.code, native.out) != (sandboxed.code, sandboxed.out):
        show("native", native)
        show("moat", sandboxed)
        sys.stdout.writelines(difflib.unified_diff(native.out.splitlines(True),
                                                   sandboxed.out.splitlines(True), "native", "moat"))
        return 1
    print(f"{path.stem}: the same {len(native.out.splitlines())} lines natively and in moat")
    return 0


if __name__ == "__main__":
    sys.exit(main())
