#!/usr/bin/env python3
"""moat exec: a further process in a running container."""

import array
import fcntl
import json
import os
import pathlib
import pty
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

from sandbox import ID, MOAT, SandboxTest, main, root, run, state_of, wait_until

SHELL = ["sh", "-c"]
# Sees whoever comes into its pid namespace, and writes down what it can get hold of before its program runs.
LURKER = r"""
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
PIDFD_OPEN, PIDFD_GETFD, PTRACE_SEIZE = 434, 438, 0x4206
found = set()
known = {int(p) for p in os.listdir("/proc") if p.isdigit()}
def note(what, text):
    if text:
        found.add(f"{what} {text[:400]!r}")
def look(pid):
    base = f"/proc/{pid}/"
    for name in ("exe", "cwd", "root"):
        try:
            note(name, os.readlink(base + name))
            note(name + " size", str(os.stat(base + name).st_size) if name == "exe" else "")
        except OSError:
            pass
    for name in ("cmdline", "environ", "maps", "mountinfo", "cgroup"):
        try:
            with open(base + name, "rb") as f:
                note(name, f.read(4000).decode(errors="replace"))
        except OSError:
            pass
    try:
        for fd in os.listdir(base + "fd"):
            note("fd", os.readlink(base + "fd/" + fd))
    except OSError:
        pass
    pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
    if pidfd >= 0:
        for number in range(12):
            taken = libc.syscall(PIDFD_GETFD, pidfd, number, 0)
            if taken >= 0:
                note("taken", os.readlink(f"/proc/self/fd/{taken}"))
                os.close(taken)
        os.close(pidfd)
print("ready", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end and not os.path.exists("/stop"):
    for pid in {int(p) for p in os.listdir("/proc") if p.isdigit()} - known:
        look(pid)
with open("/found", "w") as f:
    f.write("\n".join(sorted(found)))
"""


class ExecTest(SandboxTest):
    def start(self, *args, change=None, started=True):
        """A running container ID, of the program `args` (default: one that sleeps)."""
        def configure(config):
            config["process"]["args"] = list(args) or ["sleep", "600"]
            config["root"]["readonly"] = False
            if change:
                change(config)
        self.delete_at_end(ID)
        self.rootfs = self.writable(root("base"))
        bundle = self.bundle(self.rootfs, configure)
        with open(self.folder / "out", "wb") as out:
            command = ["timeout", "-k", "5", "60", MOAT, "--root", self.state, "create", "--bundle", bundle, ID]
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out).returncode
        self.assertEqual(0, code, (self.folder / "out").read_text())
        if started:
            self.assert_ends(self.moat("start", ID), 0)
        return bundle

    def execute(self, *arguments, **options):
        return self.moat("exec", *arguments, **options)

    def detach(self, *arguments):
        """A detached exec: its process keeps the streams, so they are no pipes; the exit code."""
        command = ["timeout", "-k", "5", "60", MOAT, "--root", self.state, "exec", "--detach", *arguments]
        null = subprocess.DEVNULL
        return subprocess.run(list(map(str, command)), stdin=null, stdout=null, stderr=null).returncode

    def shell(self, script, *flags, **options):
        return self.execute(*flags, ID, *SHELL, script, **options)

    def record(self):
        return json.loads((self.state / ID / "state.json").read_text())

    def process_file(self, **fields):
        path = self.folder / "process.json"
        path.write_text(json.dumps({"cwd": "/", "user": {"uid": 0, "gid": 0}, **fields}))
        return path


class Exec(ExecTest):
    def test_is_in_the_container(self):
        self.start()
        script = "echo $$; cat /proc/1/comm; hostname; readlink /proc/self/ns/pid /proc/1/ns/pid | sort -u | wc -l"
        lines = self.shell(script).out.splitlines()
        self.assertEqual(["sleep", "moat", "1"], lines[1:], lines)
        self.assertNotEqual("1", lines[0])

    def test_status_of_the_command(self):
        self.start()
        self.assert_ends(self.shell("exit 7"), 7, "")
        self.assert_ends(self.shell("kill -TERM $$"), 128 + signal.SIGTERM)

    def test_standard_streams(self):
        self.start()
        result = self.shell("cat; echo error >&2", stdin="input\n")
        self.assertEqual((0, "input\n", "error\n"), (result.code, result.out, result.err))

    def test_environment_and_directory(self):
        self.start()
        script = "pwd; echo $ONE $TWO $HOME"
        self.assert_ends(self.shell(script, "-e", "ONE=[1]", "--env", "TWO=a=b", "--cwd", "/usr"), 0, "/usr\n[1] a=b /root\n")
        self.assert_ends(self.shell("echo $HOME", "-e", "HOME=/x"), 0, "/x\n")

    def test_user_and_groups(self):
        self.start()
        script = "id -u; id -g; id -G; umask; grep CapEff /proc/self/status"
        result = self.shell(script, "-u", "1000:1001", "-g", "5", "--additional-gids", "6")
        self.assertEqual(["1000", "1001", "1001 5 6", "0022", "CapEff:\t0000000000000000"], result.out.splitlines())

    def test_user_must_be_numbers(self):
        self.start()
        for user in ("1:", ":1", "+1", "0x1", "1:2:3", "4294967296", "4294967295", "root", "-1", " 1"):
            with self.subTest(user):
                self.assert_refused(self.execute(f"--user={user}", ID, "true"), "--user", code=255)

    def test_capabilities(self):
        self.start()
        before = int(self.shell("awk '/CapEff/{print $2}' /proc/self/status").out, 16)
        after = int(self.shell("awk '/CapEff/{print $2}' /proc/self/status", "--cap", "CAP_SYS_TIME").out, 16)
        self.assertEqual(before | 1 << 25, after)
        self.assertNotEqual(before, after)

    def test_no_new_privileges(self):
        def change(config):
            config["process"]["noNewPrivileges"] = False
        self.start(change=change)
        script = "awk '/NoNewPrivs/{print $2}' /proc/self/status"
        self.assert_ends(self.shell(script), 0, "0\n")
        self.assert_ends(self.shell(script, "--no-new-privs"), 0, "1\n")

    def test_process_file(self):
        self.start()
        path = self.process_file(args=[*SHELL, "pwd; id -u; echo $A; ulimit -n; umask; cat /proc/self/oom_score_adj"],
                                 cwd="/tmp", env=["PATH=/bin:/usr/bin", "A=1"], user={"uid": 5, "gid": 5, "umask": 0o77},
                                 rlimits=[{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 100}], oomScoreAdj=321)
        self.assert_ends(self.execute("--process", path, ID), 0, "/tmp\n5\n1\n99\n0077\n321\n")

    def test_bad_process_files(self):
        self.start()
        self.assert_refused(self.execute("-p", self.folder / "none", ID), "--process", code=255)
        for text, word in (("{", "JSON"), ("{}", "cwd"), ('{"cwd": "/", "args": []}', "args"), ('{"cwd": "x", "args": ["a"]}', "cwd")):
            (self.folder / "bad.json").write_text(text)
            self.assert_refused(self.execute("-p", self.folder / "bad.json", ID), "bad.json", word, code=255)

    def test_words_of_the_command_are_its_own(self):
        self.start()
        self.assert_ends(self.execute(ID, "printf", "%s,", "-t", "--env", "[a]", "--", "-root"), 0, "-t,--env,[a],--,-root,")

    def test_what_cannot_be_executed(self):
        self.start()
        for command, words in (("nosuch", 'exec: "nosuch": executable file not found in $PATH'),
                               ("/nosuch", 'exec: "/nosuch": no such file or directory'),
                               ("/etc/passwd", 'exec: "/etc/passwd": permission denied'),
                               ("/etc", 'exec: "/etc": permission denied')):
            self.assert_refused(self.execute(ID, command), words, code=255)
        self.assert_refused(self.execute("--cwd", "/nosuch", ID, "true"), "chdir", "/nosuch", "no such file or directory", code=255)
        (self.rootfs / "text").write_text("no program")
        (self.rootfs / "text").chmod(0o755)
        self.assert_refused(self.execute(ID, "/text"), "exec format error", code=255)
        path = self.process_file(args=["true", *["x" * 100000] * 30])
        self.assert_refused(self.execute("--process", path, ID), "argument list too long", code=255)

    def test_scripts_and_relative_names(self):
        self.start()
        (self.rootfs / "opt/say").write_text("#!/bin/sh\necho said $1 $0\n")
        (self.rootfs / "opt/say").chmod(0o755)
        self.assert_ends(self.execute("--cwd", "/opt", ID, "./say", "it"), 0, "said it ./say\n")
        self.assert_ends(self.execute("-e", "PATH=/nosuch:/opt:/bin", ID, "say", "it"), 0, "said it /opt/say\n")

    def test_when_there_is_no_container(self):
        self.assert_refused(self.execute("nosuch", "true"), "nosuch", "does not exist", code=255)
        self.start("true")
        self.assertTrue(wait_until(lambda: self.status(ID) == "stopped"))
        self.assert_refused(self.execute(ID, "true"), "container not running", code=255)

    def test_created_container(self):
        self.start("sh", "-c", "echo started; sleep 600", started=False)
        self.assert_ends(self.shell("cat /proc/1/comm | wc -l; true"), 0, "1\n")
        self.assertEqual("created", self.status(ID))
        self.assert_ends(self.moat("start", ID), 0)
        self.assertEqual("running", self.status(ID))
        self.assertTrue(wait_until(lambda: "started" in (self.folder / "out").read_text()))

    def test_paused_container_is_refused(self):
        self.start()
        self.assert_ends(self.moat("pause", ID), 0)
        self.assert_refused(self.execute(ID, "true"), "paused", code=255)
        self.assert_ends(self.moat("resume", ID), 0)
        self.assert_ends(self.execute(ID, "true"), 0)

    def test_change_of_config_after_create_has_no_effect(self):
        bundle = self.start()
        (bundle / "config.json").write_text("{}")
        self.assert_ends(self.shell("echo $TERM"), 0)

    def test_detached(self):
        self.start()
        pid_file = self.folder / "pid"
        self.assertEqual(0, self.detach("--pid-file", pid_file, ID, "sleep", "600"))
        pid = int(pid_file.read_text())
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        self.assertIn("Name:\tsleep", status)
        # The nearest sub-reaper gets it when moat has ended, as containerd's shim and conmon expect.
        self.assertIn(f"PPid:\t{os.getppid()}", status)
        self.assertNotEqual("1", self.shell("pgrep -x sleep | wc -l").out.strip())
        os.kill(pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: state_of(pid) in ("", "Z")))

    def test_ends_with_the_container(self):
        self.start()
        with subprocess.Popen([MOAT, "--root", self.state, "exec", ID, "sleep", "600"], stdin=subprocess.DEVNULL) as process:
            self.assertTrue(wait_until(lambda: "2" in self.shell("pgrep -cx sleep").out))
            self.assert_ends(self.moat("kill", ID, "KILL"), 0)
            self.assertEqual(128 + signal.SIGKILL, process.wait(20))

    def test_signals_are_passed_on(self):
        self.start()
        script = "trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
        with subprocess.Popen([MOAT, "--root", self.state, "exec", ID, *SHELL, script],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
            self.assertEqual("ready\n", process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            self.assertEqual("got\n", process.stdout.readline())
            self.assertEqual(5, process.wait(20))

    def test_is_limited_as_the_container(self):
        def change(config):
            config["linux"]["resources"] = {"memory": {"limit": 64 << 20}}
        self.start(change=change)
        self.assert_ends(self.execute(ID, "tail", "/dev/zero"), 128 + signal.SIGKILL)
        self.assertEqual("running", self.status(ID))

    def test_in_a_user_namespace_with_a_map(self):
        def change(config):
            config["linux"]["namespaces"].append({"type": "user"})
            for kind in ("uidMappings", "gidMappings"):
                config["linux"][kind] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        self.start(change=change)
        pid_file = self.folder / "pid"
        self.assertEqual(0, self.detach("--pid-file", pid_file, "-u", "7:8", ID, "sleep", "600"))
        status = pathlib.Path(f"/proc/{pid_file.read_text()}/status").read_text()
        self.assertIn("Uid:\t100007", status)
        self.assertIn("Gid:\t100008", status)
        self.assert_ends(self.shell("id -u; id -g; cat /proc/self/uid_map | tr -s ' '", "-u", "7:8"), 0, "7\n8\n 0 0 65536\n")

    def refuse_getpriority(self, config):
        config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 19},
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}

    def assert_profile_holds(self):
        # One call that runs natively without the profile, and one that moat mediates.
        result = self.shell("python3 -c 'import os; os.getpriority(0, 0)' 2>&1 | tail -1; mkdir /x; ls -d /x")
        self.assertIn("Errno 19", result.out, result)
        self.assertIn("Operation not permitted", result.err)
        self.assertIn("cannot access", result.err)

    def test_has_the_containers_seccomp_profile(self):
        self.start(change=self.refuse_getpriority)
        self.assert_profile_holds()

    def test_has_the_containers_seccomp_profile_without_no_new_privileges(self):
        def change(config):
            config["process"]["noNewPrivileges"] = False
            self.refuse_getpriority(config)
        self.start(change=change)
        self.assert_profile_holds()

    def make_below(self, name):
        groups = list({str(folder): folder for folder in map(pathlib.Path, self.record()["cgroupPaths"])
                       if folder.name == ID}.values())
        for folder in groups:
            below = folder / name
            below.mkdir()
            self.addCleanup(lambda path=below: path.exists() and path.rmdir())
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (below / file).exists() and (folder / file).read_text().strip():
                    (below / file).write_text((folder / file).read_text())
        return groups

    def place_of(self, *flags):
        """The control groups of a process that exec puts there, below the container's own."""
        pid_file = self.folder / "pid"
        self.assertEqual(0, self.detach("--pid-file", pid_file, *flags, ID, "sleep", "600"))
        pid = int(pid_file.read_text())
        places = {}
        for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            places[controllers] = path.partition(ID)[2]
        os.kill(pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: state_of(pid) in ("", "Z")))
        return places

    def test_control_group_below_the_containers(self):
        self.start()
        groups = self.make_below("below")
        places = self.place_of("--cgroup", "below")
        self.assertEqual({"/below"}, {place for controllers, place in places.items() if place}, places)
        if any("memory" in str(folder) for folder in groups):
            places = self.place_of("--cgroup", "memory:/below", "--cgroup", "pids:below")
            self.assertEqual(("/below", "/below", ""), (places["memory"], places["pids"], places["freezer"]))

    def test_control_group_that_cannot_be_joined(self):
        self.start()
        for word, fault in (("../..", "leads out"), ("below", "--cgroup"), ("nonsense:below", "nonsense"), (":below", "empty")):
            self.assert_refused(self.execute(f"--cgroup={word}", ID, "true"), fault, code=255)
        self.assert_refused(self.execute("--cgroup", "a", "--cgroup", "b", ID, "true"), "controller", code=255)

    def test_processors(self):
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("needs two processors")
        first, second = sorted(os.sched_getaffinity(0))[:2]
        script = "grep Cpus_allowed_list /proc/self/status | cut -f 2"
        def change(config):
            config["process"]["execCPUAffinity"] = {"initial": f"{first}-{second}", "final": str(second)}
        self.start(change=change)
        # Of the config with flags, of its own with --process, and never init's.
        self.assert_ends(self.shell(script), 0, f"{second}\n")
        path = self.process_file(args=[*SHELL, script], env=["PATH=/bin:/usr/bin"], execCPUAffinity={"final": str(first)})
        self.assert_ends(self.execute("--process", path, ID), 0, f"{first}\n")
        self.assertGreater(len(os.sched_getaffinity(self.record()["init"]["pid"])), 1)

    def test_processors_that_are_not_there(self):
        self.start()
        for fields, words in (({"initial": "0-"}, "initial"), ({"final": "x"}, "final"), ({"final": "8191"}, "final"),
                              ({"initial": "9999999"}, "initial")):
            path = self.process_file(args=["true"], execCPUAffinity=fields)
            self.assert_refused(self.execute("--process", path, ID), f"process.execCPUAffinity.{words}", code=255)

    def test_pidfd_socket(self):
        self.start()
        path = str(self.folder / "pidfd.sock")
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(1)
        self.addCleanup(server.close)
        pid_file = self.folder / "pid"
        self.assertEqual(0, self.detach("--pidfd-socket", path, "--pid-file", pid_file, ID, "sleep", "600"))
        connection, _ = server.accept()
        with connection:
            _, received, _, _ = socket.recv_fds(connection, 4096, 4)
        self.assertEqual(1, len(received))
        self.assertIn(f"Pid:\t{pid_file.read_text()}\n", pathlib.Path(f"/proc/self/fdinfo/{received[0]}").read_text())
        signal.pidfd_send_signal(received[0], signal.SIGKILL)
        os.close(received[0])
        self.assertTrue(wait_until(lambda: state_of(int(pid_file.read_text())) in ("", "Z")))

    def test_apparmor_where_the_host_has_none(self):
        if pathlib.Path("/sys/module/apparmor").exists():
            self.skipTest("the host has AppArmor")
        self.start()
        self.assert_refused(self.execute("--apparmor", "some-profile", ID, "true"), "apparmorProfile", "no AppArmor", code=255)

    def test_flags_with_one_dash(self):
        self.start()
        pid_file = self.folder / "pid"
        result = run([MOAT, "-root", self.state, "-log-format=json", "exec", "-pid-file", pid_file, "-cwd=/usr", "-env", "A=-root",
                      "-no-new-privs", ID, *SHELL, "pwd; echo $A"])
        self.assert_ends(result, 0, "/usr\n-root\n")
        self.assertTrue(pid_file.read_text().isdigit())

    def test_preserved_descriptors(self):
        self.start()
        with open(self.folder / "three", "w") as three:
            os.dup2(three.fileno(), 3, inheritable=True) if three.fileno() != 3 else os.set_inheritable(3, True)
            result = self.shell("echo kept >&3; ls /proc/self/fd", "--preserve-fds", "1", close_fds=False)
        self.assert_ends(result, 0)
        self.assertEqual("kept\n", (self.folder / "three").read_text())

    def test_directories_of_the_host_are_refused(self):
        self.start()
        here = os.open("/", os.O_RDONLY)
        self.addCleanup(os.close, here)
        result = subprocess.run([MOAT, "--root", self.state, "exec", ID, "true"], stdin=here, capture_output=True, text=True)
        self.assertEqual(255, result.returncode)
        self.assertIn("descriptor 0 is a directory", result.stderr)


class Terminal(ExecTest):
    def test_tty(self):
        self.start()
        primary, replica = pty.openpty()
        self.addCleanup(os.close, primary)
        command = [MOAT, "--root", self.state, "exec", "-t", ID, *SHELL, "tty; read line; echo got $line; stty size; exit 4"]
        with subprocess.Popen(command, stdin=replica, stdout=replica, stderr=replica, start_new_session=True) as process:
            os.close(replica)
            os.write(primary, b"word\n")
            self.assertEqual(4, process.wait(20))
        seen = b""
        while True:
            try:
                block = os.read(primary, 4096)
            except OSError:
                break
            if not block:
                break
            seen += block
        self.assertIn(b"/dev/pts/", seen)
        self.assertIn(b"got word", seen)

    def test_new_size_of_the_terminal_is_passed_on(self):
        self.start()
        primary, replica = pty.openpty()
        self.addCleanup(os.close, primary)
        resize = lambda rows, columns: fcntl.ioctl(primary, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        resize(20, 70)
        script = "stty size; trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.05; done"
        command = [MOAT, "--root", self.state, "exec", "-t", ID, *SHELL, script]
        # The terminal is the session's own, so that the kernel tells of its new size.
        process = subprocess.Popen(["setsid", "--ctty", "--wait", *map(str, command)], stdin=replica, stdout=replica, stderr=replica)
        os.close(replica)
        seen = b""
        def read_until(word):
            nonlocal seen
            while word not in seen:
                try:
                    block = os.read(primary, 4096)
                except OSError:
                    return
                if not block:
                    return
                seen += block
        read_until(b"ready")
        resize(33, 111)
        read_until(b"33 111")
        self.assertEqual(3, process.wait(20))
        self.assertIn(b"20 70", seen)
        self.assertIn(b"33 111", seen)

    def test_console_socket(self):
        self.start()
        path = str(self.folder / "console.sock")
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(1)
        self.addCleanup(server.close)
        received = array.array("i")

        def receive():
            connection, _ = server.accept()
            with connection:
                _, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(64))
            for _, _, data in ancillary:
                received.frombytes(data[: len(data) - len(data) % received.itemsize])
        thread = threading.Thread(target=receive)
        thread.start()
        process = self.process_file(args=[*SHELL, "stty size; tty"], terminal=True, env=["PATH=/usr/bin:/bin"],
                                    consoleSize={"height": 31, "width": 97})
        self.assert_ends(self.execute("--process", process, "--detach", "--console-socket", path, ID), 0)
        thread.join(20)
        self.assertEqual(1, len(received))
        with os.fdopen(received[0], "rb", buffering=0) as master:
            seen = b""
            while True:
                try:
                    block = master.read(4096)
                except OSError:
                    break
                if not block:
                    break
                seen += block
        self.assertIn(b"31 97", seen)
        self.assertIn(b"/dev/pts/", seen)

    def test_terminal_needs_somebody_to_show_it(self):
        self.start()
        self.assert_refused(self.execute("-t", "-d", ID, "true"), "console-socket", code=255)
        self.assert_refused(self.execute("-d", "--console-socket", "/x", ID, "true"), "console-socket", code=255)


class Safety(ExecTest):
    def test_nothing_of_the_host_is_seen_from_inside(self):
        def change(config):
            every = [f"CAP_{name}" for name in ("SYS_PTRACE", "SYS_ADMIN", "DAC_READ_SEARCH", "DAC_OVERRIDE", "KILL", "CHOWN")]
            config["process"]["capabilities"] = {kind: every for kind in ("bounding", "effective", "permitted")}
        self.start("python3", "-c", LURKER, change=change)
        self.assertTrue(wait_until(lambda: "ready" in (self.folder / "out").read_text(), 20))
        environment = {**os.environ, "MOAT_HOST_SECRET": "hidden-environment"}
        for _ in range(25):
            self.assert_ends(self.shell("sleep 0.02", env=environment), 0)
        (self.rootfs / "stop").touch()
        self.assertTrue(wait_until((self.rootfs / "found").exists, 20))
        time.sleep(0.2)
        found = (self.rootfs / "found").read_text()
        self.assertIn("sleep", found, "the lurker saw nothing at all")
        for word in ("hidden-environment", "MOAT_HOST_SECRET", str(self.state), str(self.folder), MOAT, "/bin/moat", "state.json"):
            self.assertNotIn(word, found)
        binary = str(os.stat(MOAT).st_size)
        self.assertNotIn(binary, found)

    def test_many_leave_the_sentry_as_it_was(self):
        self.start()
        sentry, gofer = (self.record()[name]["pid"] for name in ("sentry", "gofer"))

        def descriptors(pid):
            return len(os.listdir(f"/proc/{pid}/fd"))

        def threads(pid):
            return len(os.listdir(f"/proc/{pid}/task"))

        def memory(pid):
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
            return int(text.split("VmRSS:")[1].split()[0])
        for _ in range(60):  # until the names on the way are remembered
            self.assert_ends(self.execute(ID, "true"), 0)
        wait_until(lambda: threads(sentry) <= 4)
        before = descriptors(sentry), threads(sentry), memory(sentry), descriptors(gofer)
        for _ in range(200):
            self.assert_ends(self.execute(ID, "true"), 0)
        wait_until(lambda: threads(sentry) <= before[1])
        after = descriptors(sentry), threads(sentry), memory(sentry), descriptors(gofer)
        for one, other, more in zip(before, after, (8, 0, 2048, 8)):
            self.assertLessEqual(other, one + more, (before, after))

    def test_side_by_side(self):
        self.start()
        command = [MOAT, "--root", self.state, "exec", ID, *SHELL, "sleep 0.3; echo done"]
        processes = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) for _ in range(20)]
        for process in processes:
            self.assertEqual("done\n", process.communicate(timeout=60)[0])
            self.assertEqual(0, process.returncode)

    def test_killed_moat_leaves_the_container_as_it_was(self):
        self.start()
        for delay in (0, 0.002, 0.003, 0.005, 0.006, 0.008, 0.01, 0.012, 0.02) * 2:
            process = subprocess.Popen([MOAT, "--root", self.state, "exec", ID, "sleep", "0.3"], stdin=subprocess.DEVNULL)
            time.sleep(delay)
            process.kill()
            process.wait()
        time.sleep(0.5)
        self.assert_ends(self.shell("pgrep -c ."), 0)
        self.assertTrue(wait_until(lambda: self.shell("ps -e -o comm= | grep -vc -e ps -e sh -e grep").out == "1\n"))
        self.assertEqual("running", self.status(ID))


if __name__ == "__main__":
    main()
