"""A small virtual machine: Debian's kernel and systemd, emulated, so that no host feature is needed.

Its disks are made of folders. The root comes from tests/rootfs/build_rootfs.sh guest, the payload is
what the machine is started for: once it is up it runs the payload's `run` and powers off
(guest.customize). What it writes to its disks is gone afterwards.
"""

import fcntl
import os
import pathlib
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOTS = HERE.parent / "rootfs/build_rootfs.sh"
MEMORY_MIB = 2048
SPARE_MIB = 512  # of the root, to write to
TOOLS = ["qemu-system-x86_64", "mke2fs"]


class CannotRun(Exception):
    """A reason to skip: something is missing here."""


def root(name):
    """The Debian root `name`, made if need be."""
    made = subprocess.run([ROOTS, name], capture_output=True, text=True)
    if made.returncode == 77:
        raise CannotRun(made.stderr.strip())
    if made.returncode != 0:
        raise RuntimeError(made.stderr)
    return pathlib.Path(made.stdout.strip())


def make_disk(folder, label, disk, spare=0):
    """Makes the file `disk`, an ext4 file system with a copy of `folder`."""
    used = subprocess.run(["du", "--summarize", "--block-size=1M", "--one-file-system", folder], check=True,
                          capture_output=True, text=True)
    size = int(int(used.stdout.split()[0]) * 1.2) + 16 + spare
    partial = f"{disk}.partial.{os.getpid()}"
    try:
        with open(partial, "wb") as file:
            file.truncate(size << 20)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", label, "-d", folder, partial], check=True)
        os.rename(partial, disk)
    finally:
        pathlib.Path(partial).unlink(missing_ok=True)


def cached_disk(folder, label, spare=0):
    """The disk of a cached root, beside it in the cache; those of roots that are gone are removed."""
    disk = folder.with_name(folder.name + ".disk")
    with open(folder.parent / f".lock-disk-{label}", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not disk.exists():
            make_disk(folder, label, disk, spare)
        for old in folder.parent.glob("*.disk"):
            if not old.with_suffix("").is_dir():
                old.unlink()
    return disk


def newest(folder, pattern):
    return sorted(folder.glob(pattern))[-1]


def boot(payload, *, limit, console):
    """Runs the machine with the folder `payload`; what its `run` wrote. Kernel and systemd write to
    the file `console`. RuntimeError when it does not end within `limit` seconds."""
    guest, base = root("guest"), root("base")
    drive = "if=virtio,format=raw,file={}"
    with tempfile.TemporaryDirectory(prefix="moat-vm.") as work:
        make_disk(payload, "payload", f"{work}/payload")
        disks = [drive.format(cached_disk(guest, "root", SPARE_MIB)) + ",snapshot=on",
                 drive.format(f"{work}/payload") + ",readonly=on",
                 drive.format(cached_disk(base, "base")) + ",readonly=on"]
        # cx16=off: QEMU 7.2 emulates cmpxchg16b wrongly where Linux 6.5 and newer use it (a panic early on);
        # no_timer_check: the emulated timer is late on a busy machine.
        command = [
            "qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot",
            "-accel", "tcg,thread=multi", "-cpu", "max,cx16=off", "-smp", "2", "-m", str(MEMORY_MIB),
            "-kernel", newest(guest / "boot", "vmlinuz-*"), "-initrd", newest(guest / "boot", "initrd.img-*"),
            "-append", "root=LABEL=root rw console=ttyS0 panic=-1 no_timer_check quiet",
            *(word for disk in disks for word in ("-drive", disk)),
            "-serial", f"file:{console}", "-serial", f"file:{work}/output", "-device", "virtio-rng-pci"]
        ended = subprocess.run(["timeout", "--kill-after=5", str(limit), *map(str, command)],
                               stdin=subprocess.DEVNULL, env={**os.environ, "TMPDIR": work})
        output = pathlib.Path(f"{work}/output").read_text(errors="replace").replace("\r\n", "\n")
        if ended.returncode != 0:
            raise RuntimeError(f"the machine did not end well ({ended.returncode}); it wrote:\n{output}")
        return output
