#!/usr/bin/env python3
"""Policies (docs/policy.md) as a hostile program meets them. Named by what they promise."""

import functools
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

import sandbox  # noqa: E402
from name_server import NameServer  # noqa: E402
from sandbox import ID, MOAT, SandboxTest, main, root, run  # noqa: E402

CALLS = """
import ctypes, errno, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(number, *[ctypes.c_long(a) for a in arguments])
    return "ok" if result >= 0 else errno.errorcode[ctypes.get_errno()]
def attempt(function, *arguments):
    try:
        function(*arguments)
        return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]
"""


class PolicyTest(SandboxTest):
    def policy(self, name="test", **parts):
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps({"name": name, **parts}, indent=1))
        return path

    def start(self, *flags, container=ID):
        """A container that goes on, and keeps no pipe of ours."""
        command = ["timeout", "-k", "5", "60", MOAT, "--root", self.state, "run", "-d", *flags, container]
        null = subprocess.DEVNULL
        self.assertEqual(0, subprocess.run(command, stdin=null, stdout=null, stderr=null).returncode)

    def inside(self, script, *flags, **options):
        return self.do("--rootfs", root("base"), "--cwd", "/", *flags, "--", "python3", "-c", CALLS + script, **options)

    def assert_says(self, expected, script, *flags, **options):
        self.assert_ends(self.inside(script, *flags, **options), 0, expected)


class Calls(PolicyTest):
    def test_a_call_is_refused_by_its_arguments(self):
        policy = self.policy(calls=[{"calls": ["mprotect"], "action": "errno", "errno": "EACCES", "reason": "r",
                                     "when": [{"argument": 2, "has": ["PROT_WRITE", "PROT_EXEC"]}]}])
        self.assert_says("EACCES ok\n", """
import mmap
memory = mmap.mmap(-1, 4096)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
print(call(10, address, 4096, 7), call(10, address, 4096, 3))""", "--policy", policy)

    def test_a_killed_call_ends_the_program(self):
        policy = self.policy(calls=[{"calls": ["getsid"], "action": "kill", "reason": "r"}])
        result = self.inside("call(124, 0)\nprint('still here')", "--policy", policy)
        self.assert_ends(result, 128 + 31, "")

    def test_a_call_that_is_watched_goes_on(self):
        policy = self.policy(calls=[{"calls": ["getpgid"], "action": "sentry", "reason": "seen"}])
        audit = self.folder / "audit"
        self.assert_says("ok\n", "print(call(121, 0))", "--policy", policy, "--audit", audit)
        self.assertIn('"call":"getpgid"', audit.read_text())

    def test_loosening_is_shown_by_state(self):
        policy = self.policy(calls=[{"calls": ["preadv2"], "action": "native", "loosen": "a database"}])
        bundle = self.bundle(root("base"), lambda c: c["process"].update(args=["sleep", "100"]))
        self.delete_at_end(ID)
        self.start("--policy", policy, "-b", bundle)
        state = json.loads(self.moat("state", ID).out)
        self.assertEqual("test", state["policy"]["name"])
        self.assertIn("a database", state["policy"]["loosened"][0])
        script = CALLS + "print(call(327, -1, 0, 0, 0, 0, 0), call(425, 1, 0))"
        self.assert_ends(self.moat("exec", ID, "python3", "-c", script), 0, "EBADF ENOSYS\n")

    def test_an_annotation_chooses_a_policy(self):
        def change(config):
            config["annotations"] = {"dev.moat.policy": "strict"}
            config["process"]["args"] = ["python3", "-c", CALLS + "print(call(29, 0, 4096, 0))"]
        bundle = self.bundle(root("base"), change)
        self.assert_ends(self.moat("run", "-b", bundle, ID), 0, "ENOSYS\n")

    def test_a_policy_with_a_fault_runs_nothing(self):
        path = self.folder / "bad.json"
        path.write_text('{\n  "name": "x",\n  "calls": [{"calls": ["opne"], "action": "kill", "reason": "r"}]\n}')
        result = self.do("--policy", path, "--", "true")
        self.assert_refused(result, f"{path}:3:24:", "opne")
        self.assert_refused(self.do("--policy", "no-such", "--", "true"), "default, strict")

    def test_real_programs_run_under_strict(self):
        result = self.do("--rootfs", root("base"), "--cwd", "/", "--policy", "strict", "--", "sh", "-c",
                         "ls / | wc -l >/dev/null && tar -C /etc -cf - passwd | tar -tf - && "
                         "find /etc -maxdepth 1 -name passwd && python3 -c 'import subprocess, threading, json; "
                         "t = threading.Thread(target=print, args=(1,)); t.start(); t.join(); "
                         "print(subprocess.run([\"true\"]).returncode)'")
        self.assert_ends(result, 0, "passwd\n/etc/passwd\n1\n0\n")

    def test_limits_hold(self):
        policy = self.policy(limits={"open_files": 20, "file_size": "1M"})
        self.assert_says("20 EMFILE EFBIG\n", """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[1],
      attempt(lambda: [os.dup(0) for _ in range(30)]), end=" ")
os.closerange(3, 30)
print(attempt(lambda: os.truncate(os.open("/tmp/x", os.O_CREAT | os.O_RDWR), 2 << 20)))""", "--policy", policy)


class Told(PolicyTest):
    def test_a_refusal_is_told_once_and_traced(self):
        bundle = self.bundle(root("base"), lambda c: c["process"].update(
            args=["python3", "-c", CALLS + "call(323, 1); call(323, 1); call(321, 0); "
                  "import time; time.sleep(100)"]))
        self.delete_at_end(ID)
        self.start("-b", bundle)
        file = self.state / ID / "refusals.jsonl"
        from sandbox import wait_until
        self.assertTrue(wait_until(lambda: "bpf" in file.read_text()))
        calls = [json.loads(line)["call"] for line in file.read_text().splitlines()]
        self.assertEqual(1, calls.count("userfaultfd"))
        events = self.moat("events", "--refusals", ID)
        self.assert_ends(events, 0)
        self.assertIn("userfaultfd", events.out)
        traced = self.inside("call(323, 0x10, 1, 0)", "--trace")
        self.assertIn("userfaultfd(0x10, 0x1, 0x0", traced.err)
        self.assertIn("= -1 EPERM (table:", traced.err)

    def test_an_audit_has_every_refusal_with_its_arguments(self):
        audit = self.folder / "audit.jsonl"
        self.assert_says("", "for i in range(5): call(321, i, 7)", "--audit", audit)
        lines = [json.loads(line) for line in audit.read_text().splitlines()]
        bpf = [line for line in lines if line["call"] == "bpf"]
        self.assertEqual([f"0x{i}" for i in range(5)], [line["args"][0] for line in bpf])
        self.assertEqual(("EPERM", "table"), (bpf[0]["answer"], bpf[0]["rule"]))
        self.assertGreater(bpf[0]["task"], 0)

    def test_an_audit_that_nobody_reads_holds_nobody_up(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.assert_says("ok\n", "for i in range(5000): call(321, i)\nprint('ok')", "--audit", fifo)


class InNetwork(PolicyTest):
    """In a network namespace of the test's own, which the container shares (--net host)."""

    ADDRESSES = ("10.1.0.1", "10.2.0.1")

    def setUp(self):
        super().setUp()
        os.unshare(os.CLONE_NEWNET) if hasattr(os, "unshare") else self._unshare()
        for command in (["ip", "link", "set", "lo", "up"],
                        *(["ip", "addr", "add", f"{a}/32", "dev", "lo"] for a in self.ADDRESSES),
                        ["ip", "addr", "add", "fd00:1::1/128", "dev", "lo", "nodad"]):
            self.assert_ends(run(command), 0)
        pathlib.Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 2147483647")
        self.servers = []
        for family, kind, address in ((socket.AF_INET, socket.SOCK_STREAM, "0.0.0.0"),
                                      (socket.AF_INET6, socket.SOCK_STREAM, "::"),
                                      (socket.AF_INET, socket.SOCK_DGRAM, "0.0.0.0")):
            server = socket.socket(family, kind)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            server.bind((address, 8080))
            if kind == socket.SOCK_STREAM:
                server.listen(64)
            self.servers.append(server)
            self.addCleanup(server.close)

    @staticmethod
    def _unshare():
        import ctypes
        if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "unshare")

    SCRIPT = """
def tcp(address, family=socket.AF_INET, port=8080):
    with socket.socket(family) as s:
        s.settimeout(5)
        return attempt(s.connect, (address, port))
def udp(address, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        return attempt(s.sendto, b"x", (address, 8080))
def udp_message(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        return attempt(s.sendmsg, [b"x"], [], 0, (address, 8080))
def fast_open(address):
    with socket.socket() as s:
        return attempt(s.sendto, b"x", 0x20000000, (address, 8080))
def ping():
    return attempt(socket.socket, socket.AF_INET, socket.SOCK_DGRAM, 1)
"""

    def says(self, expected, script, egress):
        policy = self.policy(egress=egress)
        self.assert_says(expected + "\n", self.SCRIPT + f"print({script})", "--net", "host", "--policy", policy)

    def start_in_this_network(self, policy, change_more=None, name="bundle"):
        """A container that sleeps, in the network of the test."""
        def change(config):
            config["process"]["args"] = ["sleep", "100"]
            config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "network"]
            if change_more:
                change_more(config)
        bundle = self.bundle(root("base"), change, name=name)
        self.delete_at_end(ID)
        self.start("--policy", policy, "-b", bundle)


class Network(InNetwork):
    ONE = {"otherwise": "deny", "rules": [{"allow": "10.1.0.0/16:8080", "reason": "r"}]}

    def test_packets_go_where_the_policy_says(self):
        self.says("ok EPERM EPERM EPERM", "tcp('10.1.0.1'), tcp('10.2.0.1'), tcp('127.0.0.1'), tcp('10.1.0.1', port=80)",
                  self.ONE)
        self.says("ok EPERM EPERM EPERM", "udp('10.1.0.1'), udp('10.2.0.1'), udp_message('10.2.0.1'), ping()", self.ONE)

    def test_no_other_spelling_of_an_address_helps(self):
        v6 = "socket.AF_INET6"
        self.says("ok EPERM EPERM EPERM EPERM EPERM",
                  f"tcp('::ffff:10.1.0.1', {v6}), tcp('::ffff:10.2.0.1', {v6}), tcp('::1', {v6}), tcp('::', {v6}), "
                  f"tcp('0.0.0.0'), udp('::ffff:10.2.0.1', {v6})", self.ONE)

    def test_a_first_packet_with_data_is_no_way_round(self):
        self.says("EPERM", "fast_open('10.2.0.1')", self.ONE)

    def test_a_protocol_that_no_rule_is_asked_of_is_no_way_round(self):
        script = self.SCRIPT + "print(attempt(socket.socket, socket.AF_INET, socket.SOCK_DGRAM, 136))"
        loose = {"calls": [{"calls": ["socket"], "action": "native", "loosen": "UDP-Lite",
                            "when": [{"argument": 0, "is": ["AF_INET"]}, {"argument": 2, "is": [136]}]}]}
        self.assert_says("ok\n", script, "--net", "host", "--policy", self.policy(**loose))
        self.assert_says("EPERM\n", script, "--net", "host", "--policy", self.policy(egress=self.ONE, **loose))

    def test_exceptions_and_ipv6(self):
        v6 = "socket.AF_INET6"
        self.says("ok EPERM ok EPERM", f"tcp('10.1.0.1'), tcp('0.0.0.0'), tcp('fd00:1::1', {v6}), tcp('::1', {v6})",
                  {"otherwise": "allow", "rules": [{"deny": "127.0.0.0/8", "reason": "r"}, {"deny": "::1", "reason": "r"}]})
        self.says("EPERM ok", f"tcp('10.1.0.1'), tcp('fd00:1::1', {v6})",
                  {"otherwise": "deny", "rules": [{"allow": "[fd00:1::]/32:8080/tcp", "reason": "r"}]})

    def test_an_address_that_changes_during_the_call(self):
        policy = self.policy(egress=self.ONE)
        reached = []
        good = self.servers[0]
        seen = threading.Event()

        def accept():
            good.settimeout(0.2)
            while not seen.is_set():
                try:
                    peer, _ = good.accept()
                    reached.append(peer.getsockname()[0])
                    peer.close()
                except TimeoutError:
                    pass
        thread = threading.Thread(target=accept)
        thread.start()
        result = self.inside("""
import mmap, signal
memory = mmap.mmap(-1, 4096)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
def name(a): return struct.pack("H", 2) + struct.pack("!H", 8080) + socket.inet_aton(a) + bytes(8)
good, bad = name("10.1.0.1"), name("10.2.0.1")
child = os.fork()
while child == 0:
    memory[:16] = good
    memory[:16] = bad
for _ in range(3000):
    with socket.socket() as s:
        libc.connect(s.fileno(), ctypes.c_void_p(address), 16)
os.kill(child, signal.SIGKILL)""", "--net", "host", "--policy", policy, limit=120)
        seen.set()
        thread.join()
        self.assert_ends(result, 0)
        self.assertTrue(reached)
        self.assertEqual({"10.1.0.1"}, set(reached))

    def test_what_the_kernel_refuses_is_told_with_its_rule(self):
        policy = self.policy(egress=self.ONE, listen={"otherwise": "deny", "rules": []})
        audit = self.folder / "audit"
        self.assert_says("EPERM EPERM EPERM EPERM ok ok EPERM 1\n", self.SCRIPT + """
def udp_messages(*addresses):
    # As many as the kernel sent, or the error of the first.
    data = ctypes.create_string_buffer(b"x")
    vector = ctypes.create_string_buffer(struct.pack("QQ", ctypes.addressof(data), 1))
    names = [ctypes.create_string_buffer(struct.pack("=H", 2) + struct.pack("!H", 8080) + socket.inet_aton(a) + bytes(8)) for a in addresses]
    messages = ctypes.create_string_buffer(b"".join(
        struct.pack("QQQQQQQQ", ctypes.addressof(n), 16, ctypes.addressof(vector), 1, 0, 0, 0, 0) for n in names))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        sent = libc.syscall(307, s.fileno(), ctypes.byref(messages), len(names), 0)
        return sent if sent >= 0 else errno.errorcode[ctypes.get_errno()]
print(tcp('10.2.0.1'), udp('10.2.0.1'), udp_message('10.2.0.1'), attempt(socket.socket().bind, ('0.0.0.0', 99)),
      tcp('10.1.0.1'), udp_message('10.1.0.1'), udp_messages('10.2.0.1'), udp_messages('10.1.0.1', '10.2.0.1', '127.0.0.1'))""",
                         "--net", "host", "--policy", policy, "--audit", audit)
        lines = [json.loads(line) for line in audit.read_text().splitlines()]
        told = [(line["call"], line["args"], line["answer"]) for line in lines
                if line["call"] in ("connect", "sendto", "bind", "sendmsg", "sendmmsg")]
        self.assertEqual([("connect", ["10.2.0.1:8080/tcp"], "EPERM"), ("sendto", ["10.2.0.1:8080/udp"], "EPERM"),
                          ("sendmsg", ["10.2.0.1:8080/udp"], "EPERM"), ("bind", ["0.0.0.0:99/tcp"], "EPERM"),
                          ("sendmmsg", ["10.2.0.1:8080/udp"], "EPERM"), ("sendmmsg", ["10.2.0.1:8080/udp"], "EPERM")], told)
        self.assertTrue(all(line["rule"].startswith(f"{policy}:") for line in lines if line["call"] == "connect"))

    def test_exec_is_bound_too(self):
        self.start_in_this_network(self.policy(egress=self.ONE))
        script = CALLS + self.SCRIPT + "print(tcp('10.1.0.1'), tcp('10.2.0.1'))"
        self.assert_ends(self.moat("exec", ID, "python3", "-c", script), 0, "ok EPERM\n")

    def test_without_a_control_group_nothing_runs(self):
        policy = self.policy(egress=self.ONE)
        result = self.moat("--cgroup-manager", "disabled", "do", "--no-tty", "--policy", policy, "--", "true")
        self.assert_refused(result, "egress", "cgroup v2")


class Listen(InNetwork):
    SCRIPT = """
def bind(address, port, family=socket.AF_INET, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as s:
        return attempt(s.bind, (address, port))
"""

    def says(self, expected, script, listen):
        policy = self.policy(listen=listen)
        self.assert_says(expected + "\n", self.SCRIPT + f"print({script})", "--net", "host", "--policy", policy)

    ONE = {"otherwise": "deny", "rules": [{"deny": "10.2.0.1", "reason": "r"}, {"allow": "*:8090/tcp", "reason": "r"},
                                          {"allow": "127.0.0.0/8:9000-9009", "reason": "r"}]}

    def test_ports_are_bound_as_the_policy_says(self):
        v6, udp = "socket.AF_INET6", "socket.AF_INET, socket.SOCK_DGRAM"
        self.says("ok ok ok EPERM EPERM EPERM", f"bind('0.0.0.0', 8090), bind('::', 8090, {v6}), bind('10.1.0.1', 8090), "
                  f"bind('10.2.0.1', 8090), bind('0.0.0.0', 8091), bind('0.0.0.0', 8090, {udp})", self.ONE)
        self.says("ok ok EPERM EPERM EPERM", f"bind('127.0.0.1', 9000), bind('127.0.0.1', 9009, {udp}), "
                  f"bind('0.0.0.0', 9000), bind('::1', 9000, {v6}), bind('0.0.0.0', 0)", self.ONE)

    def test_no_other_spelling_of_an_address_binds(self):
        v6 = "socket.AF_INET6"
        self.says("EPERM ok EPERM", f"bind('::ffff:10.2.0.1', 8090, {v6}), bind('::ffff:127.0.0.1', 9000, {v6}), "
                  f"bind('::ffff:0.0.0.0', 9000, {v6})", self.ONE)


class Devices(PolicyTest):
    def test_devices_are_opened_as_the_policy_says(self):
        policy = self.policy(devices={"otherwise": "allow", "rules": [
            {"deny": "c 1:9", "reason": "urandom"}, {"deny": "c 1:7 w", "reason": "full"}, {"deny": "c 1:3", "reason": "null"}]})
        self.assert_says("EPERM ok EPERM EPERM ok\n", """
print(attempt(os.open, "/dev/urandom", os.O_RDONLY), attempt(os.open, "/dev/full", os.O_RDONLY),
      attempt(os.open, "/dev/full", os.O_RDWR), attempt(os.open, "/dev/full", os.O_WRONLY),
      attempt(os.open, "/dev/zero", os.O_RDWR))""", "--policy", policy)

    def test_only_what_is_listed_is_opened(self):
        policy = self.policy(devices={"otherwise": "deny", "rules": [{"allow": "c 1:5 r", "reason": "zero"}]})
        self.assert_says("ok EPERM EPERM\n", """
print(attempt(os.open, "/dev/zero", os.O_RDONLY), attempt(os.open, "/dev/zero", os.O_RDWR),
      attempt(os.open, "/dev/random", os.O_RDONLY))""", "--policy", policy)


class Names(InNetwork):
    """Egress by domain name: a DNS server and web servers in the test's network namespace."""

    ADDRESSES = ("10.1.0.1", "10.2.0.1", "10.9.9.9", "93.184.216.34", "151.101.1.1")
    SCRIPT = InNetwork.SCRIPT + """
def known(name, family=socket.AF_INET):
    try:
        return sorted({entry[4][0] for entry in socket.getaddrinfo(name, None, family)})
    except socket.gaierror as error:
        return error.errno == socket.EAI_NONAME or error.errno == socket.EAI_NODATA or error.args
"""
    RULES = {"otherwise": "deny", "resolvers": ["10.9.9.9"], "rules": [
        {"deny": "151.101.1.1", "reason": "r"},
        {"allow": "pypi.example:8080/tcp", "reason": "packages"},
        {"allow": "*.files.example:8080", "reason": "their files"},
        {"allow": "db.corp.example:8080", "within": ["10.1.0.0/16"], "reason": "the database"}]}

    def setUp(self):
        super().setUp()
        self.assert_ends(run(["ip", "addr", "add", "2600:1::1/128", "dev", "lo", "nodad"]), 0)
        self.names = NameServer("10.9.9.9", {
            "pypi.example": ["www.cdn.example"], "www.cdn.example": ["93.184.216.34", "2600:1::1"],
            "a.files.example": ["93.184.216.34"], "evil.example": ["93.184.216.34"],
            "db.corp.example": ["10.1.0.1", "10.2.0.1"]})
        self.addCleanup(self.names.close)

    def test_a_name_opens_its_addresses(self):
        self.says("EPERM ['93.184.216.34'] ok EPERM EPERM", "tcp('93.184.216.34'), known('pypi.example'), "
                  "tcp('93.184.216.34'), tcp('93.184.216.34', port=80), udp('93.184.216.34')", self.RULES)
        self.says("['2600:1::1'] ok", "known('PyPI.example', socket.AF_INET6), tcp('2600:1::1', socket.AF_INET6)",
                  self.RULES)
        self.says("True ['93.184.216.34'] ok", "known('files.example'), known('a.files.example'), "
                  "udp('93.184.216.34')", self.RULES)

    def test_a_page_is_fetched_by_its_name(self):
        page = self.folder / "page"
        page.write_text("the page")

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass
        handler = functools.partial(Quiet, directory=self.folder)
        server = http.server.ThreadingHTTPServer(("93.184.216.34", 8090), handler)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        rules = {**self.RULES, "rules": [{"allow": "pypi.example:8090/tcp", "reason": "r"}]}
        policy = self.policy(egress=rules)
        self.assert_says("b'the page'\n", "import urllib.request\n"
                         "print(urllib.request.urlopen('http://pypi.example:8090/page').read())",
                         "--net", "host", "--policy", policy)

    def test_other_names_are_not_even_asked_for(self):
        self.says("True True EPERM", "known('evil.example'), known('secret.in.a.name.evil.example'), "
                  "tcp('93.184.216.34')", self.RULES)
        self.assertEqual([], self.names.asked)

    def test_no_other_dns_server_is_reached(self):
        self.says("EPERM EPERM", "attempt(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto, b'x', "
                  "('10.9.9.9', 53)), tcp('10.9.9.9', port=53)", self.RULES)

    def test_a_name_that_turns_inwards_opens_nothing(self):
        for inward in ("10.2.0.1", "127.0.0.1", "169.254.169.254", "151.101.1.1", "0.0.0.0"):
            self.names.table["pypi.example"] = [inward]
            self.says("True EPERM", f"known('pypi.example'), tcp('{inward}')", self.RULES)

    def test_a_rule_says_where_inside_a_name_may_lead(self):
        self.says("['10.1.0.1'] ok EPERM", "known('db.corp.example'), tcp('10.1.0.1'), tcp('10.2.0.1')", self.RULES)

    def test_an_address_is_closed_after_its_time(self):
        # The grace of name_rules.h is too long to be waited for here: unit tests see it end. But what
        # the resolver never told this container is closed, although another one has it open.
        self.says("['93.184.216.34'] ok", "known('pypi.example'), tcp('93.184.216.34')", self.RULES)
        self.says("EPERM", "tcp('93.184.216.34')", self.RULES)

    def test_names_are_known_in_a_network_of_ones_own(self):
        policy = self.policy(egress=self.RULES)
        self.assert_says("['93.184.216.34'] ENETUNREACH\n", self.SCRIPT + "print(known('pypi.example'), "
                         "tcp('93.184.216.34'))", "--net", "none", "--policy", policy)

    def test_names_are_known_where_pids_are_shared(self):
        # The guest's resolver is a process of the owner's pid namespace, and must go with the guest (docs/adr/011).
        owner = f"{ID}-owner"
        self.delete_at_end(owner)
        bundle = self.bundle(root("base"), lambda c: c["process"].update(args=["sleep", "100"]), name="owner")
        self.start("-b", bundle, container=owner)
        pid = json.loads(self.moat("state", owner).out)["pid"]

        def join(config):
            spaces = [n for n in config["linux"]["namespaces"] if n["type"] != "pid"]
            config["linux"]["namespaces"] = spaces + [{"type": "pid", "path": f"/proc/{pid}/ns/pid"}]
        self.start_in_this_network(self.policy(egress=self.RULES), join)
        script = CALLS + self.SCRIPT + "print(tcp('93.184.216.34'), known('pypi.example'), tcp('93.184.216.34'), known('evil.example'))"
        self.assert_ends(self.moat("exec", ID, "python3", "-c", script), 0, "EPERM ['93.184.216.34'] ok True\n")
        named = lambda name: [p for p in sandbox.running() if sandbox.name_of(p) == name]  # noqa: E731
        self.assertEqual(1, len(named("moat-resolver")))
        self.assert_ends(self.moat("delete", "--force", ID), 0)
        self.assertTrue(sandbox.wait_until(lambda: not named("moat-resolver")))
        self.assertTrue(sandbox.wait_until(lambda: not [p for p in sandbox.descendants(os.getppid())
                                                        if sandbox.name_of(p) == "moat-resolver"]), "a zombie is left")
        self.assertEqual("running", self.status(owner))
        # And one that dies ends the guest alone.
        self.start_in_this_network(self.policy(egress=self.RULES), join, name="again")
        os.kill(named("moat-resolver")[0], signal.SIGKILL)
        self.assertTrue(sandbox.wait_until(lambda: self.status(ID) == "stopped"))
        self.assertEqual("running", self.status(owner))

    def test_many_questions_and_broken_ones_hurt_nobody(self):
        self.says("['93.184.216.34'] ok", """(lambda server: (
    [socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(os.urandom(i % 600), (server, 53)) for i in range(3000)],
    print(end=''))[1])([line.split()[1] for line in open('/etc/resolv.conf') if line.startswith('nameserver')][0])
    or known('pypi.example'), tcp('93.184.216.34')""", self.RULES)

    def test_a_cut_answer_is_asked_for_again_over_tcp(self):
        self.names.cut = {"pypi.example"}
        self.says("['93.184.216.34'] ok", "known('pypi.example'), tcp('93.184.216.34')", self.RULES)
        self.assertEqual(["pypi.example"], sorted({name for name, _ in self.names.asked_over_tcp}))

    def test_a_cut_answer_is_better_than_none(self):
        self.names.close()
        table = {"a.files.example": [f"93.184.216.{last}" for last in range(34, 74)]}
        self.names = NameServer("10.9.9.9", table, tcp=False)
        self.addCleanup(self.names.close)
        self.names.cut, self.names.whole = {"a.files.example"}, 2
        self.says("['93.184.216.34', '93.184.216.35']", "known('a.files.example')", self.RULES)

    OVER_TCP = """
def connection():
    server = [line.split()[1] for line in open('/etc/resolv.conf') if line.startswith('nameserver')][0]
    return socket.create_connection((server, 53), timeout=20)
def framed(name, number, kind=1):
    wire = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.')) + b'\\0'
    message = struct.pack('!HHHHHH', number, 0x100, 1, 0, 0, 0) + wire + struct.pack('!HH', kind, 1)
    return struct.pack('!H', len(message)) + message
def read(file):
    message = file.read(struct.unpack('!H', file.read(2))[0])
    number, flags, _, count = struct.unpack_from('!HHHH', message)
    return number, flags & 0x20f, count
def ask(names):
    with connection() as c:
        c.sendall(b''.join(framed(name, number) for number, name in enumerate(names)))
        with c.makefile('rb') as file:
            return sorted(read(file) for _ in names)
"""

    def test_questions_over_tcp_are_answered(self):
        # Forty addresses do not fit into a datagram of 512 bytes, which says so.
        self.names.table["many.files.example"] = [f"93.184.217.{last}" for last in range(1, 41)]
        policy = self.policy(egress=self.RULES)
        self.assert_says("[(0, 0, 1), (1, 3, 0), (2, 0, 40)] EPERM ok True\n", self.SCRIPT + self.OVER_TCP + """
before = tcp('93.184.216.34')
answers = ask(['pypi.example', 'evil.example', 'many.files.example'])
print(answers, before, tcp('93.184.216.34'), len(known('many.files.example')) == 40)""",
                         "--net", "host", "--policy", policy)

    def test_connections_without_end_hurt_nobody(self):
        policy = self.policy(egress=self.RULES)
        self.assert_says("[(0, 0, 1)] ['93.184.216.34']\n", self.SCRIPT + self.OVER_TCP + """
held = []
for i in range(200):
    held.append(connection())
    held[-1].sendall(framed('pypi.example', i)[:i % 20] if i % 2 else os.urandom(i * 3 + 2))
print(ask(['pypi.example']), known('pypi.example'))""", "--net", "host", "--policy", policy)

    def test_a_resolver_that_dies_ends_the_container(self):
        policy = self.policy(egress=self.RULES)
        bundle = self.bundle(root("base"), lambda c: c["process"].update(args=["sleep", "100"]))
        self.delete_at_end(ID)
        self.start("--policy", policy, "-b", bundle)
        resolver = [pid for pid in sandbox.running() if sandbox.name_of(pid) == "moat-resolver"]
        self.assertEqual(1, len(resolver))
        status = pathlib.Path(f"/proc/{resolver[0]}/status").read_text()
        for fact in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000",
                     "CapBnd:\t0000000000000000", "Threads:\t1"):
            self.assertIn(fact, status)
        self.assertEqual([], os.listdir(f"/proc/{resolver[0]}/root"))
        links = sorted(os.readlink(f"/proc/{resolver[0]}/fd/{n}").split(":")[0]
                       for n in os.listdir(f"/proc/{resolver[0]}/fd"))
        self.assertEqual(["/dev/null", "/dev/null", "anon_inode", "socket", "socket", "socket"],
                         [link for link in links if not link.endswith("supervisor.log")])
        os.kill(resolver[0], signal.SIGKILL)
        self.assertTrue(sandbox.wait_until(lambda: json.loads(self.moat("state", ID).out)["status"] == "stopped"))
        self.assertIn("the resolver is gone", (self.state / ID / "supervisor.log").read_text())

    def test_a_resolver_that_is_taken_over_reaches_dns_servers_alone(self):
        bundle = self.bundle(root("base"), lambda c: c["process"].update(args=["sleep", "100"]))
        self.delete_at_end(ID)
        self.start("--policy", self.policy(egress=self.RULES), "-b", bundle)
        resolver, = [pid for pid in sandbox.running() if sandbox.name_of(pid) == "moat-resolver"]
        groups = pathlib.Path(f"/proc/{resolver}/cgroup").read_text().splitlines()
        group = next(line[3:] for line in groups if line.startswith("0::"))
        mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
        unified = next(words[1] for words in mounts if words[2] == "cgroup2")
        # Whatever runs in its group is bound as it is; another program stands in for it here.
        script = CALLS + self.SCRIPT + f"""
open("{unified}{group}/cgroup.procs", "w").write(str(os.getpid()))
dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print(tcp("10.1.0.1"), udp("10.1.0.1"), tcp("10.9.9.9"), tcp("10.9.9.9", port=53), attempt(dns.sendto, b"x" * 20, ("10.9.9.9", 53)))"""
        self.assert_ends(run(["python3", "-c", script]), 0, "EPERM EPERM EPERM ok ok\n")

    def test_a_stopped_resolver_opens_nothing(self):
        self.start_in_this_network(self.policy(egress=self.RULES))
        resolver, = [pid for pid in sandbox.running() if sandbox.name_of(pid) == "moat-resolver"]
        os.kill(resolver, signal.SIGSTOP)
        script = CALLS + self.SCRIPT + "print(known('pypi.example'), tcp('93.184.216.34'))"
        self.assert_ends(self.moat("exec", ID, "python3", "-c", script), 0, "(-3, 'Temporary failure in name resolution') EPERM\n")
        os.kill(resolver, signal.SIGCONT)
        self.assert_ends(self.moat("exec", ID, "python3", "-c", script), 0, "['93.184.216.34'] ok\n")


class Files(PolicyTest):
    def volume(self, name="volume"):
        folder = self.folder / name
        folder.mkdir()
        folder.chmod(0o777)
        for file in ("secret", "settings", "plain"):
            (folder / file).write_text(file)
            (folder / file).chmod(0o666)
        (folder / "kept").mkdir()
        (folder / "kept" / "file").write_text("kept")
        return folder

    RULES = [{"hide": "/v/secret", "reason": "r"}, {"read_only": "/v/settings", "reason": "r"},
             {"deny": "/v/kept", "reason": "r"}]

    def test_rules_bind_the_object_however_it_is_named(self):
        volume, policy = self.volume(), self.policy(files=self.RULES)
        self.assert_says("ok\n", """
v = os.open("/v", os.O_RDONLY)
os.symlink("/v/secret", "/v/link"); os.symlink("v", "/tmp/dir")
for path in ("/v/secret", "/v/./secret", "/v/link", "/tmp/../v/secret"):
    assert open(path).read() == "", path
assert os.read(os.open("secret", os.O_RDONLY, dir_fd=v), 9) == b""
os.chdir("/v"); assert open("secret").read() == ""
for path in ("/v/settings", "settings"):
    assert open(path).read() == "settings"
    for wrong in (lambda: open(path, "w"), lambda: os.truncate(path, 0), lambda: os.chmod(path, 0o600),
                  lambda: os.utime(path), lambda: os.open(path, os.O_RDWR)):
        assert attempt(wrong) == "EROFS", path
for wrong in (lambda: os.rename("/v/secret", "/v/x"), lambda: os.rename("/v/settings", "/v/x"),
              lambda: os.unlink("/v/settings"), lambda: os.replace("/v/plain", "/v/settings"),
              lambda: os.rmdir("/v/kept")):
    assert attempt(wrong) in ("EBUSY", "EXDEV"), attempt(wrong)
for wrong in (lambda: os.link("/v/secret", "/v/x"), lambda: os.link("/v/settings", "/v/x"),
              lambda: os.link("/v/settings", "/tmp/x")):
    assert attempt(wrong) == "EXDEV", attempt(wrong)
assert attempt(open, "/v/kept/file") in ("EACCES", "ENOENT")
assert open("/v/plain").read() == "plain"; open("/v/plain", "w").close()
print("ok")""", "--volume", f"{volume}:/v", "--policy", policy)

    def test_a_volume_that_is_shown_twice(self):
        volume, policy = self.volume(), self.policy(files=self.RULES)
        self.assert_says("ok\n", """
assert open("/w/secret").read() == "" and open("/w/sub/../secret").read() == "" if os.path.exists("/w/sub") else True
assert open("/w/secret").read() == ""
assert attempt(open, "/w/settings", "w") == "EROFS"
assert attempt(open, "/k/file") in ("EACCES", "ENOENT"), attempt(open, "/k/file")
print("ok")""", "--volume", f"{volume}:/v", "--volume", f"{volume}:/w", "--volume", f"{volume}/kept:/k",
                         "--policy", policy)

    def test_a_hard_link_makes_the_rule_a_fault(self):
        volume = self.volume()
        os.link(volume / "secret", volume / "other")
        result = self.do("--volume", f"{volume}:/v", "--policy", self.policy(files=self.RULES), "--", "true")
        self.assert_refused(result, "/v/secret", "hard links")
        os.unlink(volume / "other")
        os.link(volume / "kept" / "file", volume / "other")
        result = self.do("--volume", f"{volume}:/v", "--policy", self.policy(files=self.RULES), "--", "true")
        self.assert_refused(result, "/v/kept", "hard links")

    def test_a_rule_that_names_nothing_is_a_fault(self):
        missing = [{"read_only": "/etc/ld.so.preload", "reason": "r"}]
        result = self.do("--rootfs", root("base"), "--cwd", "/", "--policy", self.policy(files=missing), "--", "true")
        self.assert_refused(result, "/etc/ld.so.preload", "optional")
        missing[0]["optional"] = True
        self.assert_ends(self.do("--rootfs", root("base"), "--cwd", "/", "--policy", self.policy(files=missing), "--",
                                 "true"), 0)

    def test_a_parent_that_is_renamed_takes_the_rule_along(self):
        folder = self.folder / "tree"
        (folder / "a" / "b").mkdir(parents=True)
        (folder / "a" / "b" / "secret").write_text("secret")
        for path in (folder, folder / "a", folder / "a" / "b"):
            path.chmod(0o777)
        policy = self.policy(files=[{"hide": "/v/a/b/secret", "reason": "r"}])
        self.assert_says("ok\n", """
os.rename("/v/a", "/v/c")
assert open("/v/c/b/secret").read() == ""
os.mkdir("/v/a"); os.mkdir("/v/a/b"); open("/v/a/b/secret", "w").write("new")
assert open("/v/a/b/secret").read() == "new"
print("ok")""", "--volume", f"{folder}:/v", "--policy", policy)


class Programs(PolicyTest):
    RULES = [{"allow": "/usr/bin/python3.11", "reason": "r"}, {"allow": "/usr/lib", "reason": "libraries"},
             {"allow": "/lib64", "optional": True, "reason": "the loader"}]

    def test_only_what_is_listed_is_executed(self):
        policy = self.policy(exec=self.RULES)
        self.assert_says("ok\n", """
import shutil, subprocess
assert attempt(os.execv, "/usr/bin/id", ["id"]) == "EACCES"
assert attempt(os.execv, "/usr/lib/../bin/id", ["id"]) == "EACCES"
shutil.copy("/usr/bin/python3.11", "/tmp/mine"); os.chmod("/tmp/mine", 0o755)
assert attempt(os.execv, "/tmp/mine", ["mine"]) == "EACCES"
open("/tmp/script", "w").write("#!/usr/bin/python3.11\\n"); os.chmod("/tmp/script", 0o755)
assert attempt(os.execv, "/tmp/script", ["script"]) == "EACCES"
fd = os.open("/usr/bin/id", os.O_RDONLY)
assert attempt(os.execve, fd, ["id"], {}) == "EACCES"
assert subprocess.run(["/usr/bin/python3.11", "-c", "pass"]).returncode == 0
loader = "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
assert subprocess.run([loader, "/tmp/mine", "-c", "pass"], stderr=subprocess.DEVNULL).returncode == 127
print("ok")""", "--policy", policy)

    def test_code_comes_from_nowhere_else(self):
        policy = self.policy(exec=self.RULES)
        self.assert_says("EPERM EACCES ok EACCES EROFS\n", """
import mmap
open("/tmp/code", "wb").write(bytes(4096))
code = os.open("/tmp/code", os.O_RDONLY)
plain = libc.memfd_create(b"x", 0)
refused = errno.errorcode[ctypes.get_errno()] if plain < 0 else "ok"
sealed = libc.memfd_create(b"x", 8)
os.write(sealed, open("/usr/bin/id", "rb").read())
print(attempt(mmap.mmap, code, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC), refused,
      "ok" if sealed >= 0 else "none", attempt(os.execve, sealed, ["x"], {}),
      attempt(open, "/usr/lib/os-release", "r+"))""", "--policy", policy)


if __name__ == "__main__":
    main()
