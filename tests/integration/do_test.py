#!/usr/bin/env python3
"""`moat do`: each flag, exit codes, signals, terminals, what is visible and what is not."""

import os
import pathlib
import pty
import select
import signal
import subprocess
import time

from sandbox import MOAT, SandboxTest, main, nothing_runs, root, wait_until


class Do(SandboxTest):
    def test_runs_a_command(self):
        self.assert_ends(self.do("--", "echo", "hello"), 0, "hello\n")

    def test_exit_code_is_the_commands(self):
        self.assert_ends(self.do("--", "sh", "-c", "exit 37"), 37)

    def test_exit_code_of_a_signal(self):
        # A fault of its own: signals that an init sends itself are dropped by the kernel.
        fault = "import ctypes; ctypes.string_at(0)"
        self.assert_ends(self.do("--", "/usr/bin/python3", "-c", fault), 128 + signal.SIGSEGV)
        self.assert_ends(self.do("--", "sh", "-c", "sh -c 'kill -TERM $$'"), 128 + signal.SIGTERM)

    def test_standard_streams_are_the_callers(self):
        result = self.do("--", "sh", "-c", "cat; echo problem >&2", stdin="from outside")
        self.assert_ends(result, 0, "from outside")
        self.assertEqual("problem\n", result.err)

    def test_arguments_arrive_unchanged(self):
        words = ["a b", "", "*", "-x", "\u00e4", "[a,b]", "[]", "--", "--help", "a=b", '"q"', "'", "\\", "{}", "%%"]
        expected = "".join(f"[{word}]" for word in words)
        self.assert_ends(self.do("--", "printf", "[%s]", *words), 0, expected)
        self.assert_ends(self.do("printf", "[%s]", *words), 0, expected)

    def test_needs_no_double_dash(self):
        self.assert_ends(self.do("echo", "plain"), 0, "plain\n")

    def test_command_is_found_by_path(self):
        self.assert_ends(self.do("--", "env", "true"), 0)

    def test_missing_command_is_127(self):
        self.assert_refused(self.do("--", "no-such-command"), "no-such-command", code=127)

    def test_missing_path_is_127(self):
        self.assert_refused(self.do("--", "/no/such"), "/no/such", code=127)

    def test_command_that_may_not_be_executed_is_126(self):
        self.assert_refused(self.do("--", "/etc/passwd"), "/etc/passwd", code=126)
        self.assert_refused(self.do("--", "/etc"), "/etc", code=126)

    def test_no_command_is_an_error(self):
        self.assert_refused(self.do())

    def test_unknown_flag_is_an_error(self):
        result = self.do("--no-such-flag", "--", "true")
        self.assertNotEqual(0, result.code)
        self.assertIn("--no-such-flag", result.err)

    def test_everybody_may_ping(self):
        script = ("import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP); "
                  "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6); print('may')")
        for user in ("0", "1000"):
            self.assert_ends(self.do("--user", user, "--", "/usr/bin/python3", "-c", script), 0, "may\n")

    def test_writes_stay_in_the_sandbox(self):
        result = self.do("--", "sh", "-c", "echo x > /usr/moat-was-here && cat /usr/moat-was-here")
        self.assert_ends(result, 0, "x\n")
        self.assertFalse(os.path.exists("/usr/moat-was-here"))

    def test_removals_stay_in_the_sandbox(self):
        self.assert_ends(self.do("--", "sh", "-c", "rm /etc/hostname && ls /etc/hostname"), 2)
        self.assertTrue(os.path.exists("/etc/hostname"))

    def test_current_directory_is_there_read_only(self):
        (self.folder / "file").write_text("content")
        result = self.do("--", "sh", "-c", "pwd; cat file; touch new", cwd=self.folder)
        self.assertEqual(f"{self.folder}\ncontent", result.out, result.err)
        self.assertIn("Read-only", result.err)
        self.assertFalse((self.folder / "new").exists())

    def test_write_cwd_writes_for_real(self):
        result = self.do("--write-cwd", "--", "sh", "-c", "echo real > new", cwd=self.folder)
        self.assert_ends(result, 0)
        self.assertEqual("real\n", (self.folder / "new").read_text())

    def test_home_and_secrets_are_hidden(self):
        secret = pathlib.Path(f"/root/moat-secret-{os.getpid()}")
        secret.write_text("secret")
        self.addCleanup(secret.unlink)
        result = self.do("--", "sh", "-c", f"cat {secret}; ls -A /root /home", cwd="/")
        self.assertNotIn("secret\n", result.out)
        self.assertNotIn(secret.name, result.out)

    def test_password_hashes_and_keys_are_hidden(self):
        for path in ("/etc/shadow", "/etc/gshadow", "/etc/ssl/private", "/var/lib/dpkg/status"):
            if os.path.exists(path):
                result = self.do("--", "sh", "-c", f"test -s {path} && cat {path} {path}/*", cwd="/")
                self.assertEqual("", result.out, path)

    def test_rootfs(self):
        base = root("base")
        result = self.do("--rootfs", base, "--cwd", "/", "--", "sh", "-c",
                         "cat /etc/debian_version; touch /made-inside")
        self.assert_ends(result, 0, (pathlib.Path(base) / "etc/debian_version").read_text())
        self.assertFalse((pathlib.Path(base) / "made-inside").exists())

    def test_volume(self):
        volume = self.folder / "volume"
        volume.mkdir()
        (volume / "in").write_text("given")
        result = self.do("--volume", f"{volume}:/data", "--cwd", "/", "--", "sh", "-c",
                         "cat /data/in; echo taken > /data/out")
        self.assert_ends(result, 0, "given")
        self.assertEqual("taken\n", (volume / "out").read_text())

    def test_volume_read_only(self):
        volume = self.folder / "volume"
        volume.mkdir()
        result = self.do("--volume", f"{volume}:/data:ro", "--cwd", "/", "--", "touch", "/data/x")
        self.assertNotEqual(0, result.code)
        self.assertIn("Read-only", result.err)
        self.assertEqual([], list(volume.iterdir()))

    def test_env(self):
        result = self.do("--env", "A=1", "--env", "B=two words", "--", "sh", "-c", 'echo "$A,$B"')
        self.assert_ends(result, 0, "1,two words\n")

    def test_cwd(self):
        self.assert_ends(self.do("--cwd", "/usr/bin", "--", "pwd"), 0, "/usr/bin\n")

    def test_cwd_that_is_missing(self):
        self.assert_refused(self.do("--cwd", "/no/such", "--", "true"), "/no/such")

    def test_user(self):
        result = self.do("--user", "1000:1001", "--cwd", "/", "--", "sh", "-c", "id -u; id -g")
        self.assert_ends(result, 0, "1000\n1001\n")

    def test_hostname(self):
        self.assert_ends(self.do("--hostname", "castle", "--", "hostname"), 0, "castle\n")

    def test_net_none_has_only_loopback(self):
        result = self.do("--", "sh", "-c", "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '")
        self.assert_ends(result, 0, "lo\n")

    def test_net_none_loopback_works(self):
        script = ("import socket; s=socket.create_server(('127.0.0.1',0)); "
                  "c=socket.create_connection(s.getsockname()); a,_=s.accept(); "
                  "c.sendall(b'hi'); print(a.recv(2).decode())")
        self.assert_ends(self.do("--", "/usr/bin/python3", "-c", script), 0, "hi\n")

    def test_net_host_reaches_the_hosts_loopback(self):
        import socket
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        port = server.getsockname()[1]
        command = ["--", "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo connected"]
        self.assert_ends(self.do("--net", "host", *command), 0, "connected\n")
        self.assertNotEqual(0, self.do("--net", "none", *command).code)

    def test_pids_limit(self):
        script = "for i in $(seq 200); do sleep 5 & done; echo all"
        result = self.do("--pids", "50", "--", "bash", "-c", script)
        self.assertRegex(result.err, "(?i)fork|resource|temporarily")

    def test_fork_bomb_is_held_by_the_pids_limit(self):
        bomb = "bomb() { bomb | bomb & }; bomb; sleep 1; ls -d /proc/[0-9]* | wc -l"
        result = self.do("--pids", "40", "--", "bash", "-c", f"({bomb}) 2>/dev/null; :")
        self.assertEqual(0, result.code, result.err)
        self.assertLessEqual(int(result.out.split()[-1] if result.out.split() else 0), 40)

    def test_memory_limit(self):
        script = "x = bytearray(300 << 20); print(len(x))"
        self.assert_ends(self.do("--memory", "600m", "--", "/usr/bin/python3", "-c", script), 0)
        result = self.do("--memory", "100m", "--", "/usr/bin/python3", "-c", script)
        self.assert_ends(result, 128 + signal.SIGKILL, "")
        self.assertIn("memory limit", result.err)

    def test_memory_limit_is_what_programs_see(self):
        script = "import os; print(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') >> 20)"
        result = self.do("--memory", "100m", "--", "sh", "-c", f'/usr/bin/python3 -c "{script}"; grep MemTotal /proc/meminfo')
        self.assert_ends(result, 0)
        self.assertEqual(["100", "MemTotal:", "102400", "kB"], result.out.split())

    def test_cpus_limit(self):
        script = "import time,os\ne=time.time()+1\nwhile time.time()<e: pass\nprint(os.times().user+os.times().system)"
        result = self.do("--cpus", "0.2", "--", "/usr/bin/python3", "-c", script)
        self.assert_ends(result, 0)
        self.assertLess(float(result.out), 0.6)

    def test_timeout_ends_the_run(self):
        start = time.monotonic()
        result = self.do("--timeout", "1s", "--", "sleep", "60")
        self.assertLess(time.monotonic() - start, 10)
        self.assertNotEqual(0, result.code)
        self.assertIn("time", result.err)

    def test_keep_saves_what_was_changed(self):
        keep = self.folder / "kept"
        result = self.do("--keep", keep, "--", "sh", "-c", "echo new > /etc/moat-new; rm /etc/hostname")
        self.assert_ends(result, 0)
        self.assertEqual("new\n", next(keep.rglob("moat-new")).read_text())

    def test_trace_shows_mediated_calls(self):
        result = self.do("--trace", "--", "cat", "/etc/hostname")
        self.assert_ends(result, 0)
        self.assertIn("execve", result.err)
        self.assertRegex(result.err, r'openat\(.*"/etc/hostname"')

    def test_runs_at_the_same_time(self):
        command = [MOAT, "--root", str(self.state), "do", "--no-tty", "--", "sh", "-c", "sleep 0.3; echo ok"]
        runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) for _ in range(6)]
        self.assertEqual([b"ok\n"] * 6, [r.communicate(timeout=60)[0] for r in runs])


class Signals(SandboxTest):
    def start(self, *command, **options):
        process = subprocess.Popen([MOAT, "--root", str(self.state), "do", "--no-tty", "--", *command],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(self.end, process)
        return process

    def test_signals_are_passed_on(self):
        process = self.start("bash", "-c", "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.1; done")
        self.assertEqual("ready\n", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        self.assertEqual("got it\n", process.stdout.readline())
        self.assertEqual(3, process.wait(10))

    def test_interrupt_ends_the_command(self):
        process = self.start("sh", "-c", "echo ready; exec sleep 60")
        self.assertEqual("ready\n", process.stdout.readline())
        # sh catches SIGINT itself, and one that comes just before its exec is lost with its handler, as natively.
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        self.assertEqual(128 + signal.SIGINT, process.wait(10))

    def test_kill_of_moat_ends_everything(self):
        process = self.start("sh", "-c", "sleep 60 & echo ready; wait")
        self.assertEqual("ready\n", process.stdout.readline())
        process.kill()
        process.wait(10)
        self.assertTrue(wait_until(nothing_runs, 10))
        # State and cgroups stay for the next command.
        self.assert_ends(self.moat("list", "--quiet"), 0, "")

    def test_next_command_removes_what_a_killed_moat_left(self):
        # Most of these moments are in the middle of the launch.
        for moment in range(20):
            process = subprocess.Popen([MOAT, "--root", str(self.state), "do", "--no-tty", "--", "sleep", "60"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.004 * moment)
            process.kill()
            process.wait()
            self.assertTrue(wait_until(nothing_runs, 10), f"after {4 * moment} ms")
            self.assert_ends(self.moat("list", "--quiet"), 0, "")
            self.assertEqual([], self.containers_in_state(), f"after {4 * moment} ms")

    def test_background_processes_end_with_the_command(self):
        result = self.do("--", "sh", "-c", "sleep 600 & setsid sleep 600 & exit 4")
        self.assert_ends(result, 4)


class Terminal(SandboxTest):
    def read_until(self, fd, text, limit=15):
        seen, end = b"", time.monotonic() + limit
        while text not in seen and time.monotonic() < end:
            if select.select([fd], [], [], 0.2)[0]:
                try:
                    seen += os.read(fd, 4096)
                except OSError:
                    break
        self.assertIn(text, seen)
        return seen

    def start(self, *command):
        master, slave = pty.openpty()
        os.set_inheritable(slave, True)
        process = subprocess.Popen([MOAT, "--root", str(self.state), "do", "--tty", "--", *command],
                                   stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                   preexec_fn=lambda: __import__("fcntl").ioctl(0, 0x540E, 0))
        os.close(slave)
        self.addCleanup(os.close, master)
        self.addCleanup(self.end, process)
        return process, master

    def test_is_a_terminal_with_the_callers_size(self):
        import fcntl
        import struct
        import termios
        process, master = self.start("sh", "-c", "tty; read x; stty size; exit 5")
        self.read_until(master, b"/dev/pts/")
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        time.sleep(0.3)
        os.write(master, b"\n")
        self.read_until(master, b"33 77")
        self.assertEqual(5, process.wait(10))

    def test_control_c_reaches_the_foreground_program(self):
        process, master = self.start("bash", "-c", "trap 'echo trapped; exit 6' INT; echo ready; while :; do sleep 0.1; done")
        self.read_until(master, b"ready")
        os.write(master, b"\x03")
        self.read_until(master, b"trapped")
        self.assertEqual(6, process.wait(10))

    def test_interactive_shell_with_job_control(self):
        process, master = self.start("bash", "--norc", "-i")
        os.write(master, b"PS1='ready> '\n")
        self.read_until(master, b"ready> ")
        os.write(master, b"sleep 100\n")
        time.sleep(0.5)
        os.write(master, b"\x1a")
        self.read_until(master, b"Stopped")
        os.write(master, b"kill %1; sleep 0.5; echo do''ne; exit 8\n")
        self.read_until(master, b"done")
        self.assertEqual(8, process.wait(10))


if __name__ == "__main__":
    main()
