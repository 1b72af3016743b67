#!/usr/bin/env python3
"""The side doors that docs/THREAT_MODEL.md names. Named by what the workload tries."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

from sandbox import MOAT, SandboxTest, descendants, main, name_of, root, wait_until  # noqa: E402

# Two processes that share memory: the child keeps changing it between GOOD and BAD while the parent makes calls.
RACE = """
import ctypes, errno, mmap, os, signal, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
memory = mmap.mmap(-1, 4096)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
def flip(good, bad):
    # Both of one length, so that each moment's mix is one of either's bytes.
    child = os.fork()
    while child == 0:
        memory[:len(good)] = good
        memory[:len(bad)] = bad
    return child
def call(number, *arguments):
    result = libc.syscall(number, *[ctypes.c_long(a) for a in arguments])
    return result if result >= 0 else -ctypes.get_errno()
"""


class Inside(SandboxTest):
    def inside(self, script, *flags, limit=120):
        """Runs a Python script in the base root."""
        return self.do("--rootfs", root("base"), "--cwd", "/", *flags, "--", "python3", "-c", script, limit=limit)

    def assert_says(self, expected, script, *flags):
        self.assert_ends(self.inside(script, *flags), 0, expected)

    def secret(self):
        """The path of a file of the host that no container has."""
        path = pathlib.Path("/tmp") / f"moat-secret-{os.getpid():07d}"
        path.write_text("secret of the host")
        self.addCleanup(path.unlink)
        return str(path)


class Races(Inside):
    def test_open_how_that_changes_while_it_is_read(self):
        # RESOLVE_IN_ROOT that comes and goes: an openat2 below /tmp/jail never gets out of it with the flag, and never
        # out of the container without.
        secret = self.secret()
        self.assert_says("0\n", RACE + f"""
os.makedirs("/tmp/jail/tmp"); jail = os.open("/tmp/jail", os.O_PATH)
child = flip(struct.pack("QQQ", 0, 0, 16), struct.pack("QQQ", 0, 0, 0))
path = ctypes.create_string_buffer(b"{secret}")
found = sum(call(437, jail, ctypes.addressof(path), address, 24) >= 0 for _ in range(3000))
os.kill(child, signal.SIGKILL); print(found)""")

    def test_socket_address_that_changes_while_it_is_read(self):
        # A unix path of the host against an abstract name of the container.
        path = f"/tmp/moat-race-{os.getpid():07d}.sock"
        import socket
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(1)
        self.addCleanup(os.unlink, path)
        self.addCleanup(server.close)
        self.assert_says("0\n", RACE + f"""
import socket
bad = struct.pack("H", 1) + b"{path}"
child = flip(struct.pack("H", 1) + b"\\0" * (len(bad) - 2), bad)
found = 0
for _ in range(3000):
    with socket.socket(socket.AF_UNIX) as client:
        found += call(42, client.fileno(), address, len(bad)) >= 0
os.kill(child, signal.SIGKILL); print(found)""")
        server.settimeout(0.1)
        with self.assertRaises(TimeoutError):
            server.accept()

    def test_message_header_that_changes_while_it_is_read(self):
        path = f"/tmp/moat-race-{os.getpid():07d}.dgram"
        import socket
        server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        server.bind(path)
        self.addCleanup(os.unlink, path)
        self.addCleanup(server.close)
        self.assert_says("0\n", RACE + f"""
import socket
name = ctypes.create_string_buffer(struct.pack("H", 1) + b"{path}")
iov = ctypes.create_string_buffer(struct.pack("QQ", ctypes.addressof(name), 4))
header = lambda target: struct.pack("QQQQQQQ", target, len(name), ctypes.addressof(iov), 1, 0, 0, 0)
child = flip(header(0), header(ctypes.addressof(name)))
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
found = sum(call(46, client.fileno(), address, 0) >= 0 for _ in range(5000))
os.kill(child, signal.SIGKILL); print(found)""")

    def test_argv_that_changes_while_it_is_read(self):
        # Exec of a path that flips between a program of the container and a file that only the host has.
        secret = self.secret()
        os.chmod(secret, 0o755)
        good = "/bin/true".rjust(len(secret), "/")
        result = self.inside(RACE + f"""
child = flip(b"{good}\\0", b"{secret}\\0")
argv = (ctypes.c_char_p * 2)(b"true", None)
codes = set()
for _ in range(150):
    pid = os.fork()
    if pid == 0:
        call(59, address, ctypes.addressof(argv), 0)
        os._exit(3)
    codes.add(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
os.kill(child, signal.SIGKILL); print(codes <= {{0, 3}})""")
        self.assert_ends(result, 0, "True\n")

    def test_links_and_renames_on_a_volume(self):
        # The container swaps a folder for a link to the host's /tmp while it, and the host, look through it.
        secret = self.secret()
        volume = self.folder / "volume"
        (volume / "real").mkdir(parents=True)
        (volume / "real" / os.path.basename(secret)).write_text("of the volume")
        self.assert_says("{'of the volume'}\n", f"""
import os, signal
os.chdir("/volume"); os.symlink("/tmp", "link"); os.symlink("../../../../../../../tmp", "up")
child = os.fork()
while child == 0:
    for other in ("link", "up"):
        os.rename("real", "kept"); os.rename(other, "real")
        os.rename("real", other); os.rename("kept", "real")
seen = set()
for _ in range(2000):
    try: seen.add(open("real/{os.path.basename(secret)}").read())
    except OSError: pass
os.kill(child, signal.SIGKILL); print(seen)""", "--volume", f"{volume}:/volume")


class Exhaustion(Inside):
    """After each attempt the sentry still answers."""

    STILL_ALIVE = "\nprint(open('/proc/self/comm').read().strip(), os.listdir('/media'))"

    def assert_survives(self, script, *flags):
        self.assert_says("python3 []\n", "import os, resource\n" + script + self.STILL_ALIVE, *flags)

    def test_descriptors(self):
        self.assert_survives("""
fds = []
try:
    while True: fds.append(os.open("/proc/self/status", os.O_RDONLY))
except OSError: pass
for fd in fds: os.close(fd)""")

    def test_memory(self):
        # Of the container, and of the sentry: names, folders and files of /proc that it could remember.
        self.assert_survives("""
if os.fork() == 0:
    kept = []
    while True: kept.append(bytearray(8 << 20))
assert os.WTERMSIG(os.wait()[1]) == 9
for i in range(30000):
    try: os.stat("/tmp/%d/%s" % (i, "x" * 200))
    except OSError: pass
fds = [os.open("/proc/self/maps", os.O_RDONLY) for _ in range(900)]
for fd in fds: os.close(fd)""", "--memory", "96M")

    def test_huge_paths(self):
        self.assert_survives("""
for length in (4095, 4096, 65536, 1 << 20):
    for path in ("a" * length, "/" * length, "/proc/self/" + "x/" * (length // 2), "./" * (length // 2)):
        for call in (os.stat, os.mkdir, os.readlink, os.listdir):
            try: call(path)
            except OSError: pass""")

    def test_giant_arguments(self):
        self.assert_survives("""
for count in (10, 1000, 20000):
    try: os.waitpid(os.posix_spawn("/bin/true", ["x" * 100] * count, {}), 0)
    except OSError: pass
try: os.waitpid(os.posix_spawn("/bin/true", ["true", "x" * (4 << 20)], {}), 0)
except OSError: pass""")

    def test_notification_flood(self):
        self.assert_survives("""
import threading, time
end = time.monotonic() + 4
def flood():
    while time.monotonic() < end:
        try: os.stat("/no/such/name")
        except OSError: pass
threads = [threading.Thread(target=flood) for _ in range(100)]
for t in threads: t.start()
for t in threads: t.join()""")

    def test_calls_that_never_end(self):
        # Each holds a worker of the sentry until it is killed.
        self.assert_survives("""
import signal
os.mkfifo("/tmp/fifo")
children = []
for _ in range(100):
    pid = os.fork()
    if pid == 0:
        os.open("/tmp/fifo", os.O_RDONLY)
        os._exit(0)
    children.append(pid)
for pid in children: os.kill(pid, signal.SIGKILL)
for pid in children: os.waitpid(pid, 0)""")

    def test_bad_pointers(self):
        self.assert_survives(RACE + """
for number in (2, 4, 6, 21, 42, 44, 49, 59, 80, 82, 89, 191, 257, 262, 263, 267, 316, 322, 332, 437, 439):
    for pointer in (0, 1, address + 4095, 0x7ffffffff000, -4096, -1):
        call(number, pointer, pointer, pointer, pointer, pointer, 0)""")


class Signals(Inside):
    def test_signals_reach_nobody_outside(self):
        self.assert_says("[]\n", """
import os, signal
reached = []
for pid in list(range(2, 3000)) + [-pid for pid in range(2, 300)]:
    if abs(pid) in (os.getpid(), os.getpgid(0)): continue
    try: os.kill(pid, signal.SIGKILL); reached.append(pid)
    except ProcessLookupError: pass
print(reached)""")

    def start(self, script):
        process = subprocess.Popen([MOAT, "--root", str(self.state), "do", "--no-tty", "--rootfs", root("base"), "--cwd", "/",
                                    "--", "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(self.end, process)
        return process

    def supervisor(self, process, name):
        return next(p for p in descendants(process.pid) if name_of(p) == name)

    def assert_nothing_passes_while_stopped(self, name):
        # An open that may create is asked of the gofer each time.
        process = self.start("while :; do echo x; : >/tmp/x; done")
        self.assertEqual("x\n", process.stdout.readline())
        counts = [0]
        def count():
            for _ in process.stdout:
                counts[0] += 1
        reader = threading.Thread(target=count)
        reader.start()
        pid = self.supervisor(process, name)
        for _ in range(5):
            before = counts[0]
            self.assertTrue(wait_until(lambda: counts[0] > before + 50, 20), "the container does not run")
            os.kill(pid, signal.SIGSTOP)

            def stands_still():
                stopped = counts[0]
                time.sleep(0.3)
                return counts[0] == stopped
            # What was on its way arrives; on a busy machine the pipe is full of it.
            self.assertTrue(wait_until(stands_still, 10), f"calls pass a stopped {name}")
            os.kill(pid, signal.SIGCONT)
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        process.wait(15)
        reader.join(15)

    def test_nothing_passes_a_stopped_sentry(self):
        self.assert_nothing_passes_while_stopped("moat-sentry")

    def test_nothing_passes_a_stopped_gofer(self):
        self.assert_nothing_passes_while_stopped("moat-gofer")


class HostsFiles(Inside):
    def test_shared_lower_layers_stay_as_they_are(self):
        # What the page cache holds of the image is shared by all containers of it.
        lower = pathlib.Path(root("base")) / "etc/debian_version"
        before = lower.read_bytes()
        result = self.inside("""
import mmap, os
def attempt(call, *arguments):
    try: call(*arguments)
    except (OSError, ValueError): pass
name = "/etc/debian_version"
fd = os.open(name, os.O_RDONLY)
attempt(mmap.mmap, fd, 4, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
attempt(os.write, fd, b"moat")
attempt(os.ftruncate, fd, 0)
attempt(os.posix_fallocate, fd, 0, 4096)
read, write = os.pipe()
attempt(os.splice, fd, write, 1)  # a page of the file in the pipe, then bytes behind it (CVE-2022-0847)
attempt(os.write, write, b"moat")
attempt(lambda: open("/proc/self/fd/%d" % fd, "r+b").write(b"moat"))  # the container's own copy""")
        self.assert_ends(result, 0)
        self.assertEqual(before, lower.read_bytes())

    def test_usermode_helpers_cannot_be_set(self):
        helpers = ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug",
                   "/sys/kernel/uevent_helper", "/proc/sys/fs/binfmt_misc/register"]
        groups = [str(p) for p in pathlib.Path("/sys/fs/cgroup").glob("*/release_agent")]
        before = {p: pathlib.Path(p).read_bytes() for p in helpers + groups if os.access(p, os.R_OK)}
        self.assert_says("", f"""
import glob, os
for path in {helpers} + {groups} + glob.glob("/sys/fs/cgroup/**/release_agent", recursive=True) + ["/sys/fs/cgroup/notify_on_release"]:
    try: print("wrote", path, open(path, "w").write("/tmp/x"))
    except OSError: pass""")
        self.assertEqual(before, {p: pathlib.Path(p).read_bytes() for p in before})

    def test_descriptors_pass_between_processes_of_the_container(self):
        self.assert_says("kept\n", """
import os, socket
here, there = socket.socketpair()
with open("/tmp/file", "w+") as file:
    file.write("kept"); file.flush()
    socket.send_fds(here, [b"x"], [file.fileno()])
os.unlink("/tmp/file")
fd = socket.recv_fds(there, 1, 1)[1][0]
print(open("/proc/self/fd/%d" % fd).read())""")

    def test_descriptors_pass_to_and_from_the_host_as_they_are(self):
        # Over a socket of a volume. What comes in is what was given, no more; what goes out is a file of the container.
        import socket
        volume = self.folder / "volume"
        volume.mkdir()
        secret = self.secret()
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(volume / "socket"))
        server.listen(1)
        server.settimeout(30)
        self.addCleanup(server.close)
        received = []

        def serve():
            peer, _ = server.accept()
            with peer, open(secret) as given:
                socket.send_fds(peer, [b"x"], [given.fileno()])
                received.extend(socket.recv_fds(peer, 1, 4)[1])
        thread = threading.Thread(target=serve)
        thread.start()
        result = self.inside("""
import os, socket
peer = socket.socket(socket.AF_UNIX)
peer.connect("/v/socket")
fd = socket.recv_fds(peer, 1, 1)[1][0]
print(os.read(fd, 99).decode())
for wrong in (lambda: os.write(fd, b"x"), lambda: os.open("..", os.O_RDONLY, dir_fd=fd), lambda: os.listdir("/proc/self/fd/%d/.." % fd)):
    try: print("got", wrong())
    except OSError: pass
with open("/tmp/mine", "w+") as file:
    file.write("mine"); file.flush()
    socket.send_fds(peer, [b"x"], [file.fileno()])
peer.recv(1)""", "--volume", f"{volume}:/v")
        thread.join()
        self.assert_ends(result, 0, "secret of the host\n")
        self.assertEqual(1, len(received))
        try:
            self.assertEqual(b"mine", os.pread(received[0], 9, 0))
            self.assertNotEqual(os.stat("/tmp").st_dev, os.fstat(received[0]).st_dev)
        finally:
            os.close(received[0])

    def test_kernel_log_and_memory_are_out_of_reach(self):
        paths = ["/dev/kmsg", "/proc/kmsg", "/proc/kcore", "/proc/kallsyms", "/proc/modules", "/dev/mem", "/dev/kmem", "/dev/port",
                 "/proc/kpageflags", "/proc/sysrq-trigger", "/sys/kernel/debug/x", "/sys/kernel/tracing/trace", "/sys/module/kernel/parameters",
                 "/sys/kernel/security", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/kexec_load_limit_panic", "/proc/keys"]
        self.assert_says("", f"""
import os
for path in {paths}:
    try: got = os.read(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 99)
    except OSError: got = b""
    if got: print("read", path, got)
    try: print("wrote", path, os.write(os.open(path, os.O_WRONLY | os.O_NONBLOCK), b"h"))
    except OSError: pass
for number in (("kmsg", 1, 11), ("mem", 1, 1), ("port", 1, 4)):
    try: os.mknod("/tmp/" + number[0], 0o20600, os.makedev(*number[1:])); os.open("/tmp/" + number[0], os.O_RDONLY); print("opened", number)
    except OSError: pass""")

    def test_a_folder_of_the_host_is_no_standard_stream(self):
        outside = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
        self.addCleanup(os.close, outside)
        result = subprocess.run([MOAT, "--root", str(self.state), "do", "--no-tty", "--rootfs", root("base"), "--cwd", "/",
                                 "--", "ls", "/proc/self/fd/0/"], stdin=outside, capture_output=True, text=True, timeout=60)
        self.assertNotEqual(0, result.returncode)
        self.assertEqual("", result.stdout)

    def test_terminal_input_cannot_be_forged(self):
        self.assert_says("25 25\n", """
import errno, fcntl, os
master, slave = os.openpty()
def refused(request, argument):
    try: fcntl.ioctl(slave, request, argument)
    except OSError as error: return error.errno
print(refused(0x5412, b"x"), refused(0x541c, b"\\x02\\0"))  # TIOCSTI, TIOCLINUX: ENOTTY""")


class OwnFilter(Inside):
    def test_restarts_by_a_filter_of_ones_own_end(self):
        # execveat(2), which an exec becomes, answered with ERESTARTSYS: no thread of the sentry's makes it again for ever.
        self.assert_says("4\n", """
import ctypes, os, struct
words = [(0x20, 0, 0, 0), (0x15, 0, 1, 322), (0x06, 0, 0, 0x00050000 | 512), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *word) for word in words))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(words), ctypes.addressof(code)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.syscall(317, 1, 0, program) == 0
try: os.execv("/bin/true", ["true"])
except OSError as error: print(error.errno)""")


# Asks so often that it gets a doorbell (docs/adr/015-doorbell.md), and tells where what it shares with the sentry lies.
RING = """
import ctypes, os, random, threading
def ring():
    for _ in range(200):
        for _ in range(1000): os.stat("/etc/passwd")
        for line in open("/proc/self/maps"):
            if "moat-doorbell" in line: return int(line.split("-")[0], 16)
"""


@unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "there are no doorbells on a machine with one CPU")
class Doorbell(Inside):
    def test_a_process_that_asks_often_gets_a_doorbell(self):
        self.assert_says("True\n", RING + "print(ring() is not None)")

    def test_no_doorbell_goes_past_a_trace_or_the_programs_own_wish(self):
        few = RING.replace("200", "10")
        self.assertIn("None\n", self.inside(few + "print(ring())", "--trace").out)
        # PR_SET_MDWE: memory that was ever written to shall not be executed.
        self.assert_says("0 None\n", few + "print(ctypes.CDLL(None).prctl(65, 1, 0, 0, 0), ring())")

    def test_no_doorbell_where_one_cpu_is_all_there_is(self):
        few = RING.replace("200", "10")
        self.assert_says("None\n", few + "print(ring())", "--cpus", "1")

    def test_a_doorbell_kills_as_the_policy_says(self):
        # stat(2) and lstat(2) of the C library are one place, which is patched because of the first.
        policy = self.folder / "policy.json"
        policy.write_text(json.dumps({"name": "no-lstat", "extends": "default", "calls": [
            {"calls": ["newfstatat"], "when": [{"argument": 3, "is": ["0x100"]}], "action": "kill", "reason": "r"}]}))
        # At once behind others, while somebody listens.
        script = RING.replace("200", "10") + """
print(ring() is not None, flush=True)
for _ in range(5000): os.stat("/etc/passwd")
os.lstat("/etc/passwd")
print("on")"""
        result = self.inside(script, "--policy", str(policy))
        self.assertEqual("True\n", result.out)
        self.assertEqual(128 + signal.SIGSYS, result.code)

    def test_garbage_in_a_doorbell_hurts_its_owner_alone(self):
        # A child rings while another thread of it writes anything at all into what it shares with the sentry. It may come
        # to any end; its parent is answered as ever, and so is a child after it.
        self.assert_says("0 True\n", RING + """
import signal, time
for round in range(8):
    child = os.fork()
    if child == 0:
        arena = ring()
        dice = random.Random(round)
        def scribble():
            words = (ctypes.c_uint32 * 1024).from_address(arena)
            while True:
                at = dice.choice([0, 16, 128 * dice.randrange(1, 8), dice.randrange(1024)])
                words[at] = dice.choice([0, 1, 3, 5, 9, 11, dice.getrandbits(32), dice.randrange(80)])
        threading.Thread(target=scribble, daemon=True).start()
        end = time.monotonic() + 1
        while time.monotonic() < end:
            try: os.stat("/etc/passwd")
            except OSError: pass
        os._exit(0)
    os.waitpid(child, 0)
wrong = sum(os.stat("/etc/passwd").st_size != os.path.getsize("/etc/passwd") for _ in range(20000))
print(wrong, ring() is not None)""")


if __name__ == "__main__":
    main()
