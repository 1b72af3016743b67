#!/usr/bin/env python3
"""What a hostile workload tries, and what the host sees of a container. Named by symptom."""

import itertools
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

from sandbox import MOAT, PROGRAMS, SandboxTest, descendants, main, name_of, nothing_runs, root, wait_until  # noqa: E402

GUESTS = f"{PROGRAMS}/guests"
# "Gets nothing" is an error or death, never a result.
REFUSED = re.compile(r"^[a-z0-9_]+: (EPERM|ENOSYS|EACCES|EAFNOSUPPORT|EPROTONOSUPPORT|EIO|killed by (31|9))$"
                     r"|^exec_with_cookie\w+: ENOENT$")
THREAT_MODEL = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/THREAT_MODEL.md"
SUPERVISORS = ("moat-sentry", "moat-gofer")
CAPABILITIES = {name: bit for bit, name in enumerate(
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP".split())}


def documented(head):
    """The rows of the table of docs/THREAT_MODEL.md that begins with `head`, as lists of cells."""
    lines = THREAT_MODEL.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(head)) + 2
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in
            itertools.takewhile(lambda line: line.startswith("|"), lines[start:])]
    assert rows, head
    return rows


def limits_of(pid):
    """Name of a limit to its soft and its hard value."""
    lines = pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): line[26:].split()[:2] for line in lines}


def status_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


class Guest(SandboxTest):
    def guest(self, *arguments, flags=(), **options):
        return self.do("--rootfs", root("base"), "--cwd", "/", "--volume", f"{GUESTS}:/guests:ro", *flags,
                       "--", "/guests/raw_calls", *arguments, **options)


class RawCalls(Guest):
    def test_forbidden_calls_get_nothing(self):
        listed = subprocess.run([f"{GUESTS}/raw_calls", "list"], capture_output=True, text=True, check=True)
        names = listed.stdout.split()
        result = self.guest("call", *names)
        self.assert_ends(result, 0)
        lines = result.out.splitlines()
        self.assertEqual(names, [line.split(":")[0] for line in lines])
        self.assertEqual([], [line for line in lines if not REFUSED.match(line)])

    def test_forbidden_calls_get_nothing_without_root_either(self):
        listed = subprocess.run([f"{GUESTS}/raw_calls", "list"], capture_output=True, text=True, check=True)
        result = self.guest("call", *listed.stdout.split(), flags=["--user", "1000:1000"])
        self.assert_ends(result, 0)
        self.assertEqual([], [line for line in result.out.splitlines() if not REFUSED.match(line)])

    def test_raw_openat_finds_no_file_of_the_host(self):
        secret = self.folder / "secret"
        secret.write_text("secret of the host")
        self.assert_ends(self.guest("open", secret), 0, "openat: ENOENT\n")
        for way in ("/proc/1/root", "/proc/self/root", "/proc/self/cwd/..", "/../../.."):
            result = self.guest("open", f"{way}{secret}")
            self.assertNotIn("secret of the host", result.out)

    def test_raw_openat_finds_the_containers_files(self):
        version = (pathlib.Path(root("base")) / "etc/debian_version").read_text()
        self.assert_ends(self.guest("open", "/etc/debian_version"), 0, f"openat: got {version}\n")

    def test_path_that_changes_while_it_is_read(self):
        secret = pathlib.Path("/tmp") / f"moat-secret-{os.getpid():07d}"
        secret.write_text("secret of the host")
        self.addCleanup(secret.unlink)
        # The good one is as long as the bad one, so that a mix of both is a path too.
        good = "/etc/debian_version".rjust(len(str(secret)), "/")
        result = self.guest("race", good, str(secret), "20000", limit=120)
        self.assert_ends(result, 0)
        self.assertNotIn("secret", result.out)

    def test_starts_with_three_descriptors(self):
        result = self.guest("descriptors")
        self.assert_ends(result, 0)
        self.assertEqual(["0", "1", "2"], [line.split()[0] for line in result.out.splitlines()])

    def test_killing_everything_inside_ends_only_the_inside(self):
        result = self.do("--rootfs", root("base"), "--cwd", "/", "--", "sh", "-c", "kill -KILL -1; echo alive")
        self.assert_ends(result, 0, "alive\n")

    def test_chroot_and_dot_dot_stay_inside(self):
        # The classic way out of a chroot: a descriptor from before, and enough "..".
        script = ("import os\n"
                  "def attempt(call, *arguments):\n"
                  "    try: call(*arguments)\n"
                  "    except OSError as error: print(error.strerror)\n"
                  "os.mkdir('/tmp/j')\n"
                  "d = os.open('/', os.O_RDONLY)\n"
                  "attempt(os.chroot, '/tmp/j')\n"
                  "os.fchdir(d)\n"
                  "for _ in range(50): os.chdir('..')\n"
                  "attempt(os.chroot, '.')\n"
                  "print(open('/etc/debian_version').read(), open('etc/debian_version').read(), sep='')\n"
                  "print(open('etc/hostname-of-host').read())")
        marker = pathlib.Path("/etc/hostname-of-host")
        marker.write_text("the host")
        self.addCleanup(marker.unlink)
        result = self.do("--rootfs", root("base"), "--cwd", "/", "--", "python3", "-c", script)
        version = (pathlib.Path(root("base")) / "etc/debian_version").read_text()
        self.assertEqual(version * 2 + "\n", result.out)
        self.assertIn("FileNotFoundError", result.err)

    def test_chroot_shows_nothing_of_the_real_root(self):
        # The stub's tmpfs, which is every task's real root, is not to be had through /proc/PID/root.
        script = ("mkdir /tmp/j; cp /bin/sleep /tmp/j; mkdir -p /tmp/j/lib; "
                  "python3 -c \"import os, time; os.chroot('/tmp/j'); time.sleep(9)\" & "
                  "sleep 0.5; ls -A /proc/$!/root; readlink /proc/$!/root; ls -A /proc/$!/root/..; kill $!")
        result = self.do("--rootfs", root("base"), "--cwd", "/", "--", "sh", "-c", script)
        self.assertNotIn("loader", result.out)
        self.assertNotIn(".roots", result.out)
        self.assertIn("/tmp/j\n", result.out)

    def test_kernel_settings_cannot_be_written(self):
        paths = ["/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname",
                 "/proc/sys/vm/swappiness", "/proc/sys/vm/drop_caches", "/sys/kernel/uevent_helper",
                 "/proc/1/oom_score_adj", "/sys/fs/cgroup/cgroup.procs", "/proc/self/uid_map"]
        before = {p: pathlib.Path(p).read_text() for p in paths[1:4] if os.path.exists(p)}
        script = "; ".join(f"echo moat > {p}" for p in paths) + "; true"
        self.do("--rootfs", root("base"), "--cwd", "/", "--", "sh", "-c", script)
        self.assertEqual(before, {p: pathlib.Path(p).read_text() for p in before})

    def test_exe_of_init_is_not_moat(self):
        script = "readlink /proc/1/exe; readlink /proc/self/exe; (echo x > /proc/1/exe) 2>/dev/null; true"
        result = self.do("--rootfs", root("base"), "--cwd", "/", "--", "sh", "-c", script)
        self.assertNotIn("moat", result.out)

    def test_cwd_through_a_leaked_descriptor(self):
        for number in range(3, 12):
            result = self.do("--rootfs", root("base"), "--cwd", f"/proc/self/fd/{number}", "--", "cat",
                             "../../../../../../etc/hostname")
            self.assertNotEqual(0, result.code)

    def test_set_uid_programs_gain_nothing(self):
        script = "cp /usr/bin/id /tmp/id && chmod 4755 /tmp/id && exec setpriv --reuid 1000 --clear-groups /tmp/id -u"
        self.assert_ends(self.do("--rootfs", root("base"), "--cwd", "/", "--", "sh", "-c", script), 0, "1000\n")

    def test_abstract_sockets_of_the_host_are_out_of_reach(self):
        import socket
        server = socket.socket(socket.AF_UNIX)
        server.bind("\0moat-test-abstract")
        server.listen(1)
        self.addCleanup(server.close)
        script = "import socket; socket.socket(socket.AF_UNIX).connect('\\0moat-test-abstract'); print('connected')"
        result = self.do("--rootfs", root("base"), "--cwd", "/", "--", "python3", "-c", script)
        self.assertNotIn("connected", result.out)
        self.assertIn("Error", result.err)


class SeenFromTheHost(Guest):
    """A container that runs a few processes, looked at from outside."""

    def setUp(self):
        super().setUp()
        self.process = subprocess.Popen(
            [MOAT, "--root", str(self.state), "do", "--no-tty", "--rootfs", root("base"), "--cwd", "/tmp", "--",
             "bash", "-c", "exec 7</etc/passwd; cd /usr; sleep 1000 & python3 -c 'import time; print(\"ready\", flush=True); time.sleep(1000)'"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self._end)
        self.assertEqual("ready\n", self.process.stdout.readline())

    def _end(self):
        self.end(self.process)
        self.process.stdout.close()
        self.process.stderr.close()

    def supervisor(self, name):
        found = [p for p in descendants(self.process.pid) if name_of(p).startswith(name[:15])]
        self.assertEqual(1, len(found), f"{name}: {found}")
        return found[0]

    def workload(self):
        """Tasks that are in a user namespace two below ours."""
        ours = {self.supervisor("moat-sentry"), self.supervisor("moat-gofer")}
        inside = [p for p in descendants(self.process.pid) if p not in ours and len(status_of(p)["NSpid"].split()) > 2]
        self.assertGreaterEqual(len(inside), 3)
        return inside

    def test_root_of_every_task_holds_only_the_stub(self):
        loader = next(p for p in (pathlib.Path(MOAT).parent / "moat-loader",
                                  pathlib.Path(MOAT).parent.parent / "libexec/moat/moat-loader") if p.exists())
        stub = loader.read_bytes()
        for pid in self.workload():
            files = [p for p in pathlib.Path(f"/proc/{pid}/root/").rglob("*") if not p.is_dir() or p.is_symlink()]
            self.assertGreater(len(files), 0)
            for path in files:
                self.assertTrue(path.is_file() and not path.is_symlink(), path)
                self.assertEqual(stub, path.read_bytes(), f"{path} of {name_of(pid)} is not the stub")

    def test_mountinfo_of_every_task_is_one_line(self):
        for pid in self.workload():
            lines = pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
            self.assertEqual(1, len(lines), lines)
            fields = lines[0].split(" - ")
            options = set(fields[0].split()[5].split(","))
            self.assertTrue({"ro", "nosuid", "nodev"} <= options, lines[0])
            self.assertTrue(fields[1].startswith("tmpfs "), lines[0])

    def test_no_descriptor_leads_outside(self):
        host = {os.stat(p).st_dev for p in ("/", "/dev", "/proc", "/sys", "/tmp")}
        for pid in self.workload():
            for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                if int(entry.name) <= 2:
                    continue  # the caller's own streams
                self.assertNotIn(entry.stat().st_dev, host, f"{entry} -> {os.readlink(entry)}")
            for name in ("cwd", "root"):
                self.assertNotIn(os.stat(f"/proc/{pid}/{name}").st_dev, host, f"{name} of {pid}")
            self.assertNotIn(os.stat(f"/proc/{pid}/exe").st_dev, host, f"exe of {pid}")

    def test_mapped_files_are_the_containers(self):
        host = os.stat("/").st_dev
        for pid in self.workload():
            for entry in pathlib.Path(f"/proc/{pid}/map_files").iterdir():
                try:
                    device = entry.stat().st_dev
                except OSError:
                    continue
                self.assertNotEqual(host, device, f"{entry} -> {os.readlink(entry)}")

    def test_namespaces_are_all_its_own(self):
        for pid in self.workload():
            for kind in ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup"):
                self.assertNotEqual(os.readlink(f"/proc/self/ns/{kind}"), os.readlink(f"/proc/{pid}/ns/{kind}"), kind)
        sentry, gofer, task = self.supervisor("moat-sentry"), self.supervisor("moat-gofer"), self.workload()[0]
        user = {name: os.readlink(f"/proc/{pid}/ns/user") for name, pid in
                (("host", os.getpid()), ("sentry", sentry), ("gofer", gofer), ("task", task))}
        self.assertEqual(user["sentry"], user["gofer"])
        self.assertEqual(3, len(set(user.values())), user)

    def test_supervisors_have_namespaces_of_their_own(self):
        task = self.workload()[0]
        for name in ("moat-sentry", "moat-gofer"):
            for kind in ("user", "pid", "mnt", "net"):
                own = os.readlink(f"/proc/{self.supervisor(name)}/ns/{kind}")
                self.assertNotEqual(os.readlink(f"/proc/self/ns/{kind}"), own, f"{kind} of {name} and the host")
                self.assertNotEqual(os.readlink(f"/proc/{task}/ns/{kind}"), own, f"{kind} of {name} and the workload")
            for kind in ("ipc", "uts"):
                own = os.readlink(f"/proc/{self.supervisor(name)}/ns/{kind}")
                self.assertNotEqual(os.readlink(f"/proc/self/ns/{kind}"), own, f"{kind} of {name} and the host")

    def test_workload_is_filtered_and_cannot_gain_privileges(self):
        for pid in self.workload():
            status = status_of(pid)
            self.assertEqual(("2", "1"), (status["Seccomp"], status["NoNewPrivs"]))

    def assert_status_line(self, pid, line, said):
        value = status_of(pid)[line]
        if line.startswith("Cap"):
            most = {CAPABILITIES[name] for name in said.split() if name != "-"}
            held = {bit for bit in range(64) if int(value, 16) >> bit & 1}
            self.assertLessEqual(held, most, f"{line} of {name_of(pid)}")
        else:
            self.assertEqual(said, value, f"{line} of {name_of(pid)}")

    def test_supervisors_are_as_documented(self):
        for file, line, *said in documented("| file | line |"):
            for name, value in zip(SUPERVISORS, said):
                pid = self.supervisor(name)
                if file == "status":
                    self.assert_status_line(pid, line, value)
                else:
                    self.assertEqual([value] * 2, limits_of(pid)[line], f"{line} of {name}")

    def test_supervisors_hold_only_the_documented_descriptors(self):
        kinds = [row for row in documented("| descriptor |") if row[0].startswith("`")]
        for column, name in enumerate(SUPERVISORS, 1):
            patterns = [re.escape(row[0].strip("`")).replace(r"\*", ".*") for row in kinds if row[column] != "-"]
            held = [os.readlink(entry) for entry in self.descriptors(name) if not self.is_remembered_name(entry)]
            self.assertGreater(len(held), 3)
            self.assertEqual([], [t for t in held if not any(re.fullmatch(p, t) for p in patterns)], name)

    def test_executables_of_the_supervisors_cannot_be_written(self):
        for name in SUPERVISORS:
            with self.assertRaises(OSError):
                os.open(f"/proc/{self.supervisor(name)}/exe", os.O_WRONLY)  # ETXTBSY while it runs
            held = os.open(f"/proc/{self.supervisor(name)}/exe", os.O_PATH)
            self.assertTrue(os.fstatvfs(held).f_flag & os.ST_RDONLY, f"{name} was executed from a writable mount")
            os.close(held)

    def is_remembered_name(self, entry):
        """Whether the descriptor opens nothing (O_PATH) and lies in the container's own tree."""
        info = dict(line.split(":", 1) for line in
                    pathlib.Path(str(entry).replace("/fd/", "/fdinfo/")).read_text().splitlines() if ":" in line)
        mounts = pathlib.Path(f"/proc/{self.supervisor('moat-gofer')}/mountinfo").read_text().splitlines()
        return (int(info["flags"], 8) & os.O_PATH != 0
                and info["mnt_id"].strip() in [line.split()[0] for line in mounts])

    def descriptors(self, name):
        return list(pathlib.Path(f"/proc/{self.supervisor(name)}/fd").iterdir())

    def top_above(self, entry):
        """Identity of the directory where ".." from the descriptor `entry` ends."""
        folder = os.open(entry, os.O_PATH | os.O_DIRECTORY)
        try:
            for _ in range(64):
                above = os.open("..", os.O_PATH | os.O_DIRECTORY, dir_fd=folder)
                os.close(folder)
                folder = above
            status = os.fstat(folder)
            return status.st_dev, status.st_ino
        finally:
            os.close(folder)

    def test_dot_dot_leads_no_descriptor_to_the_host(self):
        host = os.stat("/").st_dev, os.stat("/").st_ino
        links = [pathlib.Path(f"/proc/{pid}/{name}") for pid in self.workload() for name in ("cwd", "root")]
        links += [e for pid in self.workload() for e in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        links += self.descriptors("moat-sentry") + self.descriptors("moat-gofer")
        folders = [link for link in links if link.is_dir()]
        self.assertGreater(len(folders), 8)
        self.assertEqual([], [f"{f} -> {os.readlink(f)}" for f in folders if self.top_above(f) == host])

    def test_sentry_sees_no_file_system_of_the_host(self):
        pid = self.supervisor("moat-sentry")
        types = {line.split(" - ")[1].split()[0] for line in
                 pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()}
        self.assertLessEqual(types, {"tmpfs", "proc"})

    def end_of(self, name):
        pid = self.supervisor(name)
        started = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        _, err = self.process.communicate(timeout=15)
        self.assertLess(time.monotonic() - started, 5)
        self.assertNotEqual(0, self.process.returncode)
        self.assertIn(name.split("-")[1], err)
        self.assertTrue(wait_until(nothing_runs))
        self.assertEqual([], self.containers_in_state())

    def test_killed_sentry_ends_the_container(self):
        self.end_of("moat-sentry")

    def test_killed_gofer_ends_the_container(self):
        self.end_of("moat-gofer")

    def test_killed_init_ends_the_container(self):
        init = [p for p in self.workload() if status_of(p)["NSpid"].split()[-1] == "1"]
        os.kill(init[0], signal.SIGKILL)
        self.process.communicate(timeout=15)
        self.assertEqual(137, self.process.returncode)


if __name__ == "__main__":
    main()
