#!/usr/bin/env python3
"""config.json, field by field: hooks, seccomp, namespaces, mounts, resources (docs/oci.md)."""

import json
import os
import pathlib
import re
import subprocess
import time

from sandbox import ID, MOAT, SandboxTest, main, root, run, wait_until


def shell(script):
    def change(config):
        config["process"]["args"] = ["sh", "-c", script]
    return change


class ConfigTest(SandboxTest):
    def run_config(self, script, change=None, **options):
        """`moat run` on a copy-on-write root."""
        def whole(config):
            shell(script)(config)
            config["root"]["readonly"] = False
            if change:
                change(config)
        self.delete_at_end(ID)
        return self.moat("run", "--bundle", self.bundle(self.writable(root("base")), whole), ID, **options)

    def refuse(self, change, *words):
        bundle = self.bundle(root("base"), change)
        self.assert_refused(self.moat("create", "--bundle", bundle, ID), *words)
        self.assertEqual([], self.containers_in_state())


class Hooks(ConfigTest):
    def setUp(self):
        super().setUp()
        self.log = self.folder / "log"

    def hook(self, script, **more):
        return {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"], **more}

    def logged(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def states(self):
        """What hooks wrote by note()."""
        return [(name, json.loads(state)) for name, state in
                (line.split(" ", 1) for line in self.logged())]

    def note(self, name):
        return self.hook(f"echo {name} $(cat) >> {self.log}")

    def test_hooks_run_in_their_order_with_the_state(self):
        names = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]

        def change(config):
            config["hooks"] = {name: [self.note(name + "1"), self.note(name + "2")] for name in names}
            config["annotations"] = {"key": "value"}
        self.assert_ends(self.run_config("sleep 0.3; true", change), 0)
        states = self.states()
        self.assertEqual([name + n for name in names for n in "12"], [name for name, _ in states])
        status = {"prestart": "creating", "createRuntime": "creating", "createContainer": "creating",
                  "poststart": "running", "poststop": "stopped"}
        for name, state in states:
            self.assertEqual(status[name[:-1]], state["status"], name)
            self.assertEqual(ID, state["id"])
            self.assertEqual(str(self.folder / "bundle"), state["bundle"])
            self.assertEqual({"key": "value"}, state["annotations"])
            self.assertEqual(name[:-1] != "poststop", "pid" in state, name)

    def test_hook_reaches_the_network_namespace_by_the_pid(self):
        # What Docker's libnetwork-setkey and CNI's OCI hooks do.
        script = ("pid=$(sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/'); "
                  "nsenter --net=/proc/$pid/ns/net ip addr add 10.9.9.9/32 dev lo")
        def change(config):
            config["hooks"] = {"prestart": [self.hook(script)]}
        bind = "python3 -c \"import socket; socket.socket().bind(('10.9.9.9', 0))\" && echo bound"
        self.assert_ends(self.run_config(bind, change), 0, "bound\n")

    def test_create_container_hook_sees_both_trees(self):
        rootfs = self.folder / "rootfs"

        def change(config):
            config["hostname"] = "inner-name"
            config["mounts"].append({"destination": "/scratch", "type": "tmpfs", "source": "tmpfs"})
            config["hooks"] = {"createContainer": [self.hook(
                f"hostname >> {self.log}; echo from-hook > {rootfs}/scratch/file; "
                f"readlink /proc/self/ns/net >> {self.log}")]}
        result = self.run_config("cat /scratch/file; readlink /proc/self/ns/net", change)
        self.assert_ends(result, 0)
        self.assertEqual("from-hook", result.out.splitlines()[0])
        hostname, network = self.logged()
        self.assertEqual("inner-name", hostname)
        self.assertEqual(network, result.out.splitlines()[1])
        self.assertFalse((rootfs / "scratch/file").exists(), "the hook's mount namespace was the host's")

    def test_start_container_hook_runs_inside_before_the_program(self):
        def change(config):
            config["process"]["user"] = {"uid": 1000, "gid": 1000}
            config["hooks"] = {"startContainer": [
                self.hook("id -u > /tmp/log; cat >> /tmp/log; test ! -e /work"), self.hook("echo second >> /tmp/log")]}
        bundle = self.bundle(self.writable(root("base")), lambda c: (
            shell("cat /tmp/log; sleep 100")(c), c["root"].update(readonly=False), change(c)))
        self.delete_at_end(ID)
        out = self.folder / "out"
        with open(out, "w") as file:
            created = subprocess.run([MOAT, "--root", self.state, "create", "--bundle", bundle, ID],
                                     stdout=file, stderr=file, stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual(0, created.returncode, out.read_text())
        time.sleep(0.2)
        self.assertEqual("", out.read_text())
        self.assert_ends(self.moat("start", ID), 0)
        self.assertTrue(wait_until(lambda: "second" in out.read_text()), out.read_text())
        lines = out.read_text().splitlines()
        self.assertEqual("1000", lines[0])
        self.assertIn('"status":"created"', lines[1])
        self.assertIn('"pid":1', lines[1])
        self.assertEqual("running", self.status(ID))

    def fail_in(self, name):
        def change(config):
            config["hooks"] = {name: [self.hook("echo out of luck; exit 7")], "poststop": [self.note("stopped")]}
        result = self.run_config("echo ran", change)
        self.assert_refused(result, f"hooks.{name}[0]", "exit status 7", "out of luck")
        return result

    def test_failing_prestart_hook(self):
        self.assertEqual("", self.fail_in("prestart").out)
        self.assertEqual(["stopped"], [name for name, _ in self.states()])

    def test_failing_create_runtime_hook(self):
        self.assertEqual("", self.fail_in("createRuntime").out)
        self.assertEqual(["stopped"], [name for name, _ in self.states()])

    def test_failing_create_container_hook(self):
        self.assertEqual("", self.fail_in("createContainer").out)
        self.assertEqual(["stopped"], [name for name, _ in self.states()])

    def test_failing_start_container_hook(self):
        self.assertEqual("", self.fail_in("startContainer").out)
        self.assertEqual(["stopped"], [name for name, _ in self.states()])

    def test_failing_poststart_hook_ends_the_container(self):
        def change(config):
            config["hooks"] = {"poststart": [self.hook("exit 7")], "poststop": [self.note("stopped")]}
        result = self.run_config("sleep 100", change)
        self.assert_refused(result, "hooks.poststart[0]")
        self.assertEqual(["stopped"], [name for name, _ in self.states()])

    def test_failing_poststop_hook_is_a_warning(self):
        def change(config):
            config["hooks"] = {"poststop": [self.hook("exit 7"), self.note("second")]}
        result = self.run_config("true", change)
        self.assert_ends(result, 0)
        self.assertIn("hooks.poststop[0]", result.err)
        self.assertEqual(["second"], [name for name, _ in self.states()])

    def test_hanging_hook_is_ended_by_its_timeout(self):
        def change(config):
            config["hooks"] = {"createRuntime": [self.hook("sleep 1000", timeout=1)]}
        self.assert_refused(self.run_config("true", change), "hooks.createRuntime[0]", "timeout of 1 s")

    def test_hook_that_is_missing(self):
        def change(config):
            config["hooks"] = {"prestart": [{"path": "/no/such/hook"}]}
        self.assert_refused(self.run_config("true", change), "/no/such/hook", "ENOENT")

    def test_poststop_hooks_of_a_created_container_survive_edits_of_the_bundle(self):
        bundle = self.bundle(self.writable(root("base")), lambda c: (
            shell("true")(c), c.update(hooks={"poststop": [self.note("stopped")]})))
        created = subprocess.run([MOAT, "--root", self.state, "create", "--bundle", bundle, ID],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, timeout=60)
        self.assertEqual(0, created.returncode)
        (bundle / "config.json").write_text("{}")
        self.assertEqual([], self.logged())
        self.assert_ends(self.moat("delete", "--force", ID), 0)
        self.assertEqual(["stopped"], [name for name, _ in self.states()])


class Seccomp(ConfigTest):
    def run_profile(self, script, *syscalls, default="SCMP_ACT_ALLOW", nnp=True, **more):
        def change(config):
            config["process"]["noNewPrivileges"] = nnp
            config["linux"]["seccomp"] = {"defaultAction": default, "syscalls": list(syscalls), **more}
        return self.run_config(script, change)

    def test_native_call_is_refused(self):
        result = self.run_profile("sync; python3 -c 'import os; os.getpriority(0, 0)' 2>&1 | tail -1",
                                  {"names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 19})
        self.assertIn("Errno 19", result.out, result.err)

    def refuse_mkdir(self, nnp):
        # The stronger answer counts: ERRNO of the profile, not the notification of moat.
        result = self.run_profile("mkdir /x; ls -d /x", nnp=nnp, *[
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}])
        self.assertIn("Operation not permitted", result.err)
        self.assertIn("cannot access", result.err)

    def test_mediated_call_is_refused(self):
        self.refuse_mkdir(nnp=True)

    def test_profile_without_no_new_privileges(self):
        self.refuse_mkdir(nnp=False)

    def test_allow_does_not_loosen_moat(self):
        script = ("import ctypes; c = ctypes.CDLL(None, use_errno=True); "
                  "print(c.syscall(321, 0, 0, 0), ctypes.get_errno())")  # bpf
        result = self.run_profile(f"python3 -c '{script}'", {"names": ["bpf"], "action": "SCMP_ACT_ALLOW"})
        self.assertTrue(result.out.startswith("-1 "), result)

    def test_kill_process(self):
        result = self.run_profile("python3 -c 'import os; os.getpriority(0, 0)'; echo $?",
                                  {"names": ["getpriority"], "action": "SCMP_ACT_KILL_PROCESS"})
        self.assertEqual("159\n", result.out, result.err)  # 128 + SIGSYS

    def test_programs_start_although_what_moat_runs_in_them_is_refused(self):
        result = self.run_profile("cd /usr && pwd && echo $(echo nested) && /bin/busybox true && echo done",
                                  {"names": ["execveat", "fchdir", "recvmsg", "dup3", "chroot"],
                                   "action": "SCMP_ACT_ERRNO"})
        self.assert_ends(result, 0, "/usr\nnested\ndone\n")

    def test_profile_shows_in_a_workload_that_filters_itself(self):
        result = self.run_profile("grep -c Seccomp /proc/self/status")
        self.assert_ends(result, 0)

    @staticmethod
    def syscalls_of_dockers_shape():
        # Everything refused but a list, some calls by argument.
        table = (pathlib.Path(__file__).parents[2] / "docs/syscalls.md").read_text()
        names = re.findall(r"^\| \d+ \| `?(\w+)`? \|", table, re.MULTILINE)
        special = {"clone", "clone3", "personality", "socket", "mount", "unshare", "setns", "keyctl", "bpf"}
        return [
            {"names": [n for n in names if n not in special] + ["no_such_call"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": 0x7E020000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
            {"names": ["socket"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_NE"}]},
        ] + [{"names": ["personality"], "action": "SCMP_ACT_ALLOW",
              "args": [{"index": 0, "value": value, "op": "SCMP_CMP_EQ"}]} for value in (0, 8, 0xffffffff)]

    def test_profile_of_the_shape_of_dockers(self):
        def change(config):
            config["linux"]["seccomp"] = {
                "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
                "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
                "syscalls": self.syscalls_of_dockers_shape()}
        script = """ls / | grep -c usr; cd /tmp && mkdir -p a/b && echo x > a/b/c && cat a/b/c && rm -r a
            python3 -c "
            import threading, socket, os, errno
            t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()
            socket.socketpair()
            try: socket.socket(40)
            except OSError as e: print(errno.errorcode[e.errno])
            "
            unshare -U true || echo refused; setarch -R echo end"""
        result = self.run_config("\n".join(line[12:] if line.startswith(" " * 12) else line
                                           for line in script.split("\n")), change)
        self.assertEqual("1\nx\nthread\nEPERM\nrefused\n", result.out, result)
        self.assertIn("setarch", result.err)  # a personality that the list has not

    def test_notify_is_refused_with_the_reason(self):
        self.refuse(lambda c: c["linux"].update(seccomp={
            "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/x",
            "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}),
            "linux.seccomp.syscalls[0].action", "SCMP_ACT_NOTIFY", "listener")

    def test_unknown_action(self):
        self.refuse(lambda c: c["linux"].update(seccomp={"defaultAction": "SCMP_ACT_NONSENSE"}),
                    "linux.seccomp.defaultAction", "SCMP_ACT_NONSENSE")

    def test_errno_on_an_action_that_takes_none(self):
        self.refuse(lambda c: c["linux"].update(seccomp={
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_KILL", "errnoRet": 5}]}),
            "linux.seccomp.syscalls[0].action", "takes no errno")


class Namespaces(ConfigTest):
    def namespace(self, *flags):
        """A process of ours in new namespaces; its /proc/PID/ns holds them."""
        holder = subprocess.Popen(["unshare", *flags, "sh", "-c", "echo ready; exec sleep 1000"],
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        holder.stdout.readline()
        return holder.pid

    @staticmethod
    def join(kind, path):
        def change(config):
            spaces = [n for n in config["linux"]["namespaces"] if n["type"] != kind]
            config["linux"]["namespaces"] = spaces + [{"type": kind, "path": path}]
        return change

    def test_network_by_path(self):
        pid = self.namespace("--net")
        enter = ["nsenter", f"--net=/proc/{pid}/ns/net"]
        self.assert_ends(run([*enter, "ip", "addr", "add", "10.9.9.9/32", "dev", "lo"]), 0)
        self.assert_ends(run([*enter, "ip", "link", "set", "lo", "up"]), 0)
        script = ("python3 -c \"import socket; s = socket.socket(); s.bind(('10.9.9.9', 0)); s.listen(); "
                  "c = socket.create_connection(s.getsockname()); print('connected')\"; readlink /proc/self/ns/net")
        result = self.run_config(script, self.join("network", f"/proc/{pid}/ns/net"))
        self.assertEqual(f"connected\n{os.readlink(f'/proc/{pid}/ns/net')}\n", result.out, result)

    def test_low_ports_and_ping_in_a_joined_network(self):
        pid = self.namespace("--net")
        enter = ["nsenter", f"--net=/proc/{pid}/ns/net"]
        self.assert_ends(run([*enter, "ip", "link", "set", "lo", "up"]), 0)
        def change(config):
            self.join("network", f"/proc/{pid}/ns/net")(config)
            for kind in ("bounding", "effective", "permitted"):
                config["process"]["capabilities"][kind] = ["CAP_NET_BIND_SERVICE", "CAP_NET_RAW"]
        script = ("python3 -c \"import socket; socket.socket().bind(('127.0.0.1', 80)); "
                  "socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)\" && echo fine")
        self.assert_ends(self.run_config(script, change), 0, "fine\n")

    def test_network_of_the_host(self):
        def change(config):
            config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "network"]
        result = self.run_config("readlink /proc/self/ns/net", change)
        self.assertEqual(os.readlink("/proc/self/ns/net") + "\n", result.out, result)

    def test_sysctl_of_a_joined_network(self):
        pid = self.namespace("--net")
        def change(config):
            self.join("network", f"/proc/{pid}/ns/net")(config)
            config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
        self.assert_ends(self.run_config("true", change), 0)
        value = run(["nsenter", f"--net=/proc/{pid}/ns/net", "cat", "/proc/sys/net/ipv4/ip_forward"])
        self.assertEqual("1\n", value.out)

    def test_sysctl_of_the_hosts_network_is_refused(self):
        def change(config):
            self.join("network", "/proc/self/ns/net")(config)
            config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}
        self.refuse(change, "linux.sysctl[net.ipv4.ip_forward]", "the host's")

    def test_sysctl_of_an_own_namespace(self):
        def change(config):
            config["linux"]["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "80", "kernel.shmmni": "17",
                                         "fs/mqueue/msg_max": "20"}
            config["process"]["user"] = {"uid": 1000, "gid": 1000}
        # shmctl(IPC_INFO): struct shminfo starts with shmmax, shmmin, shmmni.
        script = ("import ctypes, socket; info = (ctypes.c_ulong * 16)(); ctypes.CDLL(None).shmctl(0, 3, info); "
                  "socket.socket().bind(('127.0.0.1', 80)); print(info[2])")
        self.assert_ends(self.run_config(f'python3 -c "{script}"', change), 0, "17\n")

    def test_sysctls_show_with_what_follows_from_them(self):
        def change(config):
            config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.disable_ipv6": "1",
                                         "net.ipv4.ip_local_port_range": "2000 3000", "kernel.msgmax": "4096"}
        script = ("cd /proc/sys; cat kernel/msgmax net/ipv4/ip_local_port_range net/ipv4/conf/lo/forwarding "
                  "net/ipv4/conf/all/forwarding net/ipv6/conf/lo/disable_ipv6")
        self.assert_ends(self.run_config(script, change), 0, "4096\n2000\t3000\n1\n1\n1\n")

    def test_interfaces_of_a_network_have_settings(self):
        pid = self.namespace("--net")
        enter = ["nsenter", f"--net=/proc/{pid}/ns/net"]
        self.assert_ends(run([*enter, "ip", "link", "add", "eth7", "type", "veth", "peer", "name", "peer7"]), 0)
        def change(config):
            self.join("network", f"/proc/{pid}/ns/net")(config)
            config["linux"]["sysctl"] = {"net.ipv4.conf.eth7.rp_filter": "2", "net.ipv4.conf.default.arp_ignore": "1"}
        script = ("cd /proc/sys/net; ls ipv4/conf ipv4/neigh | xargs; "
                  "cat ipv4/conf/eth7/rp_filter ipv4/conf/eth7/arp_ignore")
        shown = self.run_config(script, change).out.splitlines()
        self.assertIn("ipv4/conf: all default eth7", shown[0])
        self.assertIn("ipv4/neigh: default eth7", shown[0])
        self.assertEqual(["2", "1"], shown[1:])

    def test_uts_by_path(self):
        pid = self.namespace("--uts")
        enter = ["nsenter", f"--uts=/proc/{pid}/ns/uts"]
        self.assert_ends(run([*enter, "hostname", "of-the-pod"]), 0)
        def change(config):
            self.join("uts", f"/proc/{pid}/ns/uts")(config)
            config.pop("hostname", None)
        self.assert_ends(self.run_config("hostname; cat /proc/sys/kernel/hostname", change), 0,
                         "of-the-pod\nof-the-pod\n")

    def test_host_name_in_a_joined_namespace(self):
        pid = self.namespace("--uts")
        def change(config):
            self.join("uts", f"/proc/{pid}/ns/uts")(config)
            config["hostname"] = "given"
        self.assert_ends(self.run_config("hostname", change), 0, "given\n")
        self.assertEqual("given\n", run(["nsenter", f"--uts=/proc/{pid}/ns/uts", "hostname"]).out)

    def test_host_name_of_the_host_is_refused(self):
        def change(config):
            self.join("uts", "/proc/self/ns/uts")(config)
            config["hostname"] = "given"
        self.refuse(change, "hostname", "the host's")

    def test_ipc_by_path_is_shared(self):
        pid = self.namespace("--ipc")
        made = run(["nsenter", f"--ipc=/proc/{pid}/ns/ipc", "ipcmk", "-M", "4096"])
        self.assert_ends(made, 0)
        number = made.out.split()[-1]
        script = f"import ctypes; print(ctypes.CDLL(None).shmctl({number}, 2, (ctypes.c_long * 64)()))"  # IPC_STAT
        result = self.run_config(f"python3 -c '{script}'", self.join("ipc", f"/proc/{pid}/ns/ipc"))
        self.assert_ends(result, 0, "0\n")

    def test_containers_share_what_is_not_the_supervisors(self):
        """A second container in the network, ipc and uts namespaces of a first, as pods have them."""
        first = self.bundle(root("base"), lambda c: (shell("sleep 1000")(c), c.update(hostname="pod")), "first")
        self.delete_at_end(ID + "-pod")
        created = subprocess.run([MOAT, "--root", self.state, "run", "--detach", "--bundle", first, ID + "-pod"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(0, created.returncode)
        pid = json.loads(self.moat("state", ID + "-pod").out)["pid"]
        def change(config):
            for kind, name in (("network", "net"), ("ipc", "ipc"), ("uts", "uts")):
                self.join(kind, f"/proc/{pid}/ns/{name}")(config)
            config.pop("hostname", None)
        result = self.run_config("hostname; for n in net ipc uts; do readlink /proc/self/ns/$n; done", change)
        expected = "".join(os.readlink(f"/proc/{pid}/ns/{n}") + "\n" for n in ("net", "ipc", "uts"))
        self.assert_ends(result, 0, "pod\n" + expected)

    def test_namespaces_that_only_the_supervisor_makes(self):
        for kind, name in (("mount", "mnt"), ("user", "user")):
            self.refuse(self.join(kind, f"/proc/self/ns/{name}"), f"linux.namespaces ({kind})", "can't be joined")
            for file in (self.folder / "bundle").iterdir():
                file.unlink()
            (self.folder / "bundle").rmdir()

    def test_namespace_path_that_is_missing(self):
        self.refuse(self.join("network", "/no/such/ns"), "linux.namespaces (network)", "/no/such/ns", "ENOENT")

    def test_time_offsets(self):
        def change(config):
            config["linux"]["namespaces"].append({"type": "time"})
            config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000}, "monotonic": {"secs": 500000, "nanosecs": 5}}
        script = "import time; print(time.clock_gettime(time.CLOCK_BOOTTIME) > 1000000, time.monotonic() > 500000)"
        self.assert_ends(self.run_config(f"python3 -c '{script}'", change), 0, "True True\n")

    def test_unknown_time_offset(self):
        def change(config):
            config["linux"]["namespaces"].append({"type": "time"})
            config["linux"]["timeOffsets"] = {"realtime": {"secs": 1}}
        self.refuse(change, "linux.timeOffsets.realtime")


class Mounts(ConfigTest):
    def mount(self, destination, source="tmpfs", kind="tmpfs", options=(), **more):
        def change(config):
            config["mounts"].append({"destination": destination, "source": str(source), "type": kind,
                                     "options": list(options), **more})
        return change

    def test_relative_source_is_of_the_bundle(self):
        change = self.mount("/data", "volume", "bind", ["bind"])
        def whole(config):
            shell("cat /data/file")(config)
            change(config)
        bundle = self.bundle(self.writable(root("base")), whole)
        (bundle / "volume").mkdir()
        (bundle / "volume/file").write_text("of the bundle\n")
        # The working directory counts for nothing.
        self.delete_at_end(ID)
        self.assert_ends(self.moat("run", "--bundle", bundle, ID, cwd="/"), 0, "of the bundle\n")

    def nested(self):
        """A folder of the host with a mount below it."""
        outer = self.folder / "outer"
        (outer / "inner").mkdir(parents=True)
        self.assert_ends(run(["mount", "-t", "tmpfs", "tmpfs", outer / "inner"]), 0)
        self.addCleanup(run, ["umount", "--lazy", outer / "inner"])
        return outer

    def test_read_only_is_of_the_top_mount(self):
        change = self.mount("/data", self.nested(), "bind", ["rbind", "ro"])
        result = self.run_config("touch /data/inner/x && echo below; touch /data/x || echo top", change)
        self.assertEqual("below\ntop\n", result.out, result)

    def test_recursive_read_only_is_of_all(self):
        change = self.mount("/data", self.nested(), "bind", ["rbind", "rro"])
        result = self.run_config("touch /data/inner/x || echo below; touch /data/x || echo top", change)
        self.assertEqual("below\ntop\n", result.out, result)

    def test_bind_without_what_is_mounted_below(self):
        outer = self.nested()
        (outer / "inner/file").touch()
        self.assert_ends(self.run_config("ls /data/inner", self.mount("/data", outer, "bind", ["bind"])), 0, "")

    def propagation(self, option):
        """Whether a mount that the host makes later shows in the container."""
        source = self.folder / "source"
        (source / "later").mkdir(parents=True)
        self.assert_ends(run(["mount", "--bind", source, source]), 0)
        self.addCleanup(run, ["umount", "--lazy", source])
        self.assert_ends(run(["mount", "--make-shared", source]), 0)
        def change(config):
            shell("while ! test -e /data/go; do sleep 0.05; done; ls /data/later")(config)
            self.mount("/data", source, "bind", ["rbind", option])(config)
        bundle = self.bundle(self.writable(root("base")), change)
        self.delete_at_end(ID)
        with subprocess.Popen([MOAT, "--root", self.state, "run", "--bundle", bundle, ID], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            self.assertTrue(wait_until(lambda: self.status(ID) == "running"))
            self.assert_ends(run(["mount", "-t", "tmpfs", "tmpfs", source / "later"]), 0)
            self.addCleanup(run, ["umount", "--lazy", source / "later"])
            (source / "later/seen").touch()
            (source / "go").touch()
            return "seen" in process.communicate(timeout=30)[0]

    def test_slave_mount_follows_the_host(self):
        self.assertTrue(self.propagation("rslave"))

    def test_private_mount_does_not_follow_the_host(self):
        self.assertFalse(self.propagation("rprivate"))

    def test_tmpcopyup(self):
        change = self.mount("/etc", options=["tmpcopyup"])
        result = self.run_config("test -s /etc/passwd && echo copied; touch /etc/new && stat -c %U:%a /etc/shadow; "
                                 "stat -c %a /etc; readlink /etc/os-release; find /etc -type l | wc -l", change)
        rootfs = pathlib.Path(root("base")) / "etc"
        links = run(["find", rootfs, "-type", "l"]).out.count("\n")
        self.assertEqual(f"copied\nroot:640\n755\n{os.readlink(rootfs / 'os-release')}\n{links}\n", result.out, result)
        self.assertFalse((self.folder / "upper/etc/new").exists())

    def test_tmpcopyup_that_does_not_fit(self):
        result = self.run_config("true", self.mount("/usr/bin", options=["tmpcopyup", "size=64k"]))
        self.assert_refused(result, "mounts[", "tmpcopyup", "ENOSPC")

    def test_tmpfs_takes_the_mode_of_what_it_covers(self):
        result = self.run_config("stat -c %a /root /fresh", lambda c: (
            self.mount("/root")(c), self.mount("/fresh")(c)))
        self.assertEqual("700\n1777\n", result.out, result)

    def test_remount(self):
        def change(config):
            self.mount("/scratch")(config)
            self.mount("/scratch", "none", "", ["remount", "ro"])(config)
        result = self.run_config("touch /scratch/x", change)
        self.assertIn("Read-only", result.err)

    def test_remount_of_nothing(self):
        self.assert_refused(self.run_config("true", self.mount("/usr", "none", "", ["remount", "ro"])),
                            "mounts[", "nothing is mounted there")

    def test_id_mapped_bind(self):
        source = self.folder / "source"
        source.mkdir()
        source.chmod(0o777)
        (source / "file").touch()
        os.chown(source / "file", 1000, 1000)
        maps = [{"containerID": 1000, "hostID": 0, "size": 1}, {"containerID": 0, "hostID": 1, "size": 1}]
        change = self.mount("/data", source, "bind", ["bind", "idmap"], uidMappings=maps, gidMappings=maps)
        self.assert_ends(self.run_config("stat -c %u:%g /data/file; touch /data/new", change), 0, "0:0\n")
        self.assertEqual(1000, (source / "new").stat().st_uid)

    def test_id_mapped_by_the_containers_own_mappings(self):
        source = self.folder / "source"
        source.mkdir()
        (source / "file").touch()
        def change(config):
            config["linux"]["namespaces"].append({"type": "user"})
            for kind in ("uidMappings", "gidMappings"):
                config["linux"][kind] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
            self.mount("/mapped", source, "bind", ["bind", "idmap"])(config)
            self.mount("/plain", source, "bind", ["bind"])(config)
        self.assert_ends(self.run_config("stat -c %u /mapped/file /plain/file", change), 0, "0\n65534\n")

    def test_idmap_without_mappings(self):
        self.refuse(self.mount("/data", self.folder, "bind", ["bind", "idmap"]), "mounts[", "idmap needs uidMappings")

    def test_the_hosts_proc_and_sys_are_the_containers_own(self):
        # As Podman binds them for a container with the host's network.
        def change(config):
            config["mounts"] = [m for m in config["mounts"] if m["destination"] not in ("/proc", "/sys")]
            self.mount("/sys", "/sys", "bind", ["rbind", "ro"])(config)
            self.mount("/proc", "/proc", "bind", ["rbind"])(config)
        result = self.run_config("cat /proc/1/comm; ls /sys | grep -c kernel; ls /proc | grep -c '^[0-9]'", change)
        self.assertEqual("sh\n1\n", "".join(result.out.splitlines(True)[:2]), result)
        self.assertLess(int(result.out.splitlines()[2]), 6)

    def test_unknown_option_goes_to_the_file_system(self):
        self.assert_refused(self.run_config("true", self.mount("/x", options=["nonsense=1"])), "mounts[", "nonsense")


class Attributes(ConfigTest):
    def test_oom_score(self):
        def change(config):
            config["process"]["oomScoreAdj"] = 321
        self.assert_ends(self.run_config("cat /proc/self/oom_score_adj", change), 0, "321\n")

    def test_scheduler_and_io_priority(self):
        def change(config):
            config["process"]["scheduler"] = {"policy": "SCHED_BATCH", "nice": 5}
            config["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE", "priority": 0}
        script = "import os; print(os.sched_getscheduler(0) == os.SCHED_BATCH, os.nice(0))"
        self.assert_ends(self.run_config(f"python3 -c '{script}'; ionice", change), 0, "True 5\nidle\n")

    def test_personality(self):
        def change(config):
            config["linux"]["personality"] = {"domain": "LINUX32"}
        self.assert_ends(self.run_config("uname -m", change), 0, "i686\n")

    def test_memory_policy(self):
        def change(config):
            config["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}
        script = ("import ctypes; mode = ctypes.c_int(); "
                  "ctypes.CDLL(None).syscall(239, ctypes.byref(mode), 0, 0, 0, 0); print(mode.value & 0xff)")
        result = self.run_config(f"python3 -c '{script}'", change)
        self.assertIn(result.out, ("2\n", "0\n"), result)  # moat may not let the workload ask

    def test_labels_without_their_security_module(self):
        if not os.path.exists("/sys/module/apparmor"):
            self.refuse(lambda c: c["process"].update(apparmorProfile="docker-default"), "process.apparmorProfile", "no AppArmor")

    def test_selinux_where_the_host_has_none(self):
        if os.path.exists("/sys/fs/selinux/enforce"):
            self.skipTest("this host has SELinux")
        label = "system_u:system_r:container_t:s0"
        self.refuse(lambda c: c["process"].update(selinuxLabel=label), "process.selinuxLabel", "no SELinux", "take it out")

    def test_mount_label_where_the_host_has_no_selinux(self):
        if os.path.exists("/sys/fs/selinux/enforce"):
            self.skipTest("this host has SELinux")
        label = "system_u:object_r:container_file_t:s0"
        self.refuse(lambda c: c["linux"].update(mountLabel=label), "linux.mountLabel", "no SELinux", "take it out")

    def test_resctrl_is_refused(self):
        self.refuse(lambda c: c["linux"].update(intelRdt={"closID": "x"}), "linux.intelRdt", "resctrl", "take it out")

    def test_bad_words(self):
        for place, value, word in (
                ("scheduler", {"policy": "SCHED_X"}, "process.scheduler.policy"),
                ("ioPriority", {"class": "X"}, "process.ioPriority.class")):
            self.refuse(lambda c: c["process"].update({place: value}), word)
            run(["rm", "-r", self.folder / "bundle"])


class Resources(ConfigTest):
    @staticmethod
    def resources(**values):
        return lambda config: config["linux"].update(resources=values)

    def test_pids_limit(self):
        result = self.run_config("true; (sleep 1 & sleep 1 & sleep 1 & wait) 2>&1 | tail -1",
                                 self.resources(pids={"limit": 3}))
        self.assertIn("fork", result.out + result.err)

    def test_pids_limit_of_none(self):
        self.assert_ends(self.run_config("for i in 1 2 3; do sleep 0.1 & done; wait; echo fine",
                                         self.resources(pids={"limit": -1})), 0, "fine\n")

    def test_device_rules(self):
        change = self.resources(devices=[{"allow": False, "access": "rwm"},
                                         {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}])
        def whole(config):
            change(config)
            config["linux"]["devices"] = [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229},
                                          {"path": "/dev/loop7", "type": "b", "major": 7, "minor": 7}]
        result = self.run_config("head -c 0 /dev/fuse && echo one; head -c 0 /dev/loop7 || echo two; echo > /dev/null", whole)
        self.assert_ends(result, 0, "one\ntwo\n")
        self.assertIn("not permitted", result.err)

    def test_block_io(self):
        device = next((line.split()[:2] for line in pathlib.Path("/proc/partitions").read_text().splitlines()[2:]
                       if line.split()), None)
        if not device:
            self.skipTest("the host has no block device")
        number = {"major": int(device[0]), "minor": int(device[1])}
        result = self.run_config("true", self.resources(blockIO={"throttleReadBpsDevice": [{**number, "rate": 1048576}]}))
        self.assert_ends(result, 0)

    def test_hugepages(self):
        result = self.run_config("true", self.resources(hugepageLimits=[{"pageSize": "2MB", "limit": 4194304}]))
        if "no hugetlb controller" in result.err:
            self.skipTest("the host has no hugetlb controller")
        self.assert_ends(result, 0)

    def test_controllers_that_the_host_lacks(self):
        if not pathlib.Path("/sys/fs/cgroup/net_cls").exists():
            self.refuse(self.resources(network={"classID": 1}), "linux.resources.network.classID", "net_cls")

    def test_systemds_form_of_the_path(self):
        def change(config):
            config["linux"]["cgroupsPath"] = f"moat.slice:test:{ID}"
        # Below a slice of ours, so that nothing else lives there.
        result = self.run_config("true", change)
        self.assert_ends(result, 0)
        self.assertEqual([], list(pathlib.Path("/sys/fs/cgroup").glob(f"*/moat.slice/test-{ID}*")))


class NetDevices(ConfigTest):
    # In the host's network for a moment, so by names that no other test has.
    ENDS = (f"ma{os.getpid()}", f"mb{os.getpid()}")
    SEEN = ("python3 -c \"import socket; print(sorted(n for _, n in socket.if_nameindex())); "
            "socket.socket().bind(('10.9.9.1', 0)); print('bound')\"")

    def pair(self):
        """A veth pair, one end with an address."""
        outer, inner = self.ENDS
        self.assert_ends(run(["ip", "link", "add", outer, "type", "veth", "peer", "name", inner]), 0)
        self.addCleanup(run, ["ip", "link", "del", outer])
        self.assert_ends(run(["ip", "addr", "add", "10.9.9.1/24", "dev", inner]), 0)

    def run_with(self, devices, script):
        self.pair()
        return self.run_config(script, lambda c: c["linux"].update(netDevices=devices))

    def test_device_moves_with_its_address(self):
        inner = self.ENDS[1]
        self.assert_ends(self.run_with({inner: {}}, self.SEEN), 0, f"['lo', '{inner}']\nbound\n")

    def test_device_gets_a_new_name(self):
        self.assert_ends(self.run_with({self.ENDS[1]: {"name": "eth%d"}}, self.SEEN), 0, "['eth0', 'lo']\nbound\n")

    def test_device_that_is_missing(self):
        self.assert_refused(self.run_with({"moat-none": {}}, "true"), "linux.netDevices.moat-none", "ENODEV")

    def test_device_without_a_network_of_its_own(self):
        def change(config):
            config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "network"]
            config["linux"]["netDevices"] = {"lo": {}}
        self.refuse(change, "linux.netDevices", "network namespace")


class Docker(ConfigTest):
    def test_config_of_the_shape_of_dockers(self):
        """What `docker run --memory 64m --cpus 0.5 -v` writes, with the fields that Docker always sets."""
        log = self.folder / "log"
        files = {}
        for name in ("hosts", "hostname", "resolv.conf"):
            files[name] = self.folder / name
            files[name].write_text(f"{name} of docker\n")
        cap = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
               "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
               "CAP_AUDIT_WRITE"]
        flags = ["nosuid", "noexec", "nodev"]
        config = {
            "ociVersion": "1.2.0",
            "hostname": "0123456789ab",
            "process": {
                "user": {"uid": 0, "gid": 0, "additionalGids": [0, 10]}, "cwd": "/",
                "args": ["sh", "-c", "hostname; cat /etc/resolv.conf; id -u; cat /proc/sys/kernel/hostname; "
                         "python3 -c \"import socket; socket.socket().bind(('127.0.0.1', 80))\" && echo bound; "
                         "ls /proc/acpi 2>/dev/null | wc -l"],
                "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=0123456789ab"],
                "capabilities": {"bounding": cap, "effective": cap, "permitted": cap},
                "apparmorProfile": "", "oomScoreAdj": 0, "noNewPrivileges": False},
            "root": {"path": str(self.writable(root("base")))},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc", "options": flags},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                 "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
                {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                 "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
                {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*flags, "ro"]},
                {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro", *flags]},
                {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": flags},
                {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": [*flags, "mode=1777", "size=67108864"]},
            ] + [{"destination": f"/etc/{name}", "type": "bind", "source": str(path), "options": ["rbind", "rprivate"]}
                 for name, path in files.items()],
            "hooks": {"prestart": [{"path": "/bin/sh", "args": ["libnetwork-setkey", "-c", f"cat > {log}"]}]},
            "linux": {
                "sysctl": {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"},
                "resources": {
                    "devices": [{"allow": False, "access": "rwm"}] + [
                        {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
                        for major, minor in ((1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1))] + [
                        {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rwm"}],
                    "memory": {"limit": 67108864, "disableOOMKiller": False},
                    "cpu": {"shares": 0, "quota": 50000, "period": 100000},
                    "pids": {"limit": -1}, "blockIO": {"weight": 0}},
                "cgroupsPath": f"/docker/{ID}",
                "namespaces": [{"type": kind} for kind in ("mount", "network", "uts", "pid", "ipc", "cgroup")],
                "seccomp": {
                    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
                    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
                    "syscalls": Seccomp.syscalls_of_dockers_shape()},
                "maskedPaths": ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                                "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
                                "/sys/firmware", "/sys/devices/virtual/powercap"],
                "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]},
        }
        bundle = self.folder / "bundle"
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps(config))
        self.delete_at_end(ID)
        result = self.moat("run", "--bundle", bundle, ID)
        self.assertEqual("0123456789ab\nresolv.conf of docker\n0\n0123456789ab\nbound\n0\n", result.out, result)
        self.assertEqual(ID, json.loads(log.read_text())["id"])


class SetId(ConfigTest):
    """Programs with the set-user-ID and set-group-ID bits, as Debian has them and of our own."""

    PREPARE = """
mkdir /tmp/bits && cd /tmp/bits && chmod 755 .
cp /usr/bin/id user && chown 1000:1000 user && chmod 6755 user
cp /usr/bin/id root && chmod 4755 root; cp /usr/bin/id group && chgrp 42 group && chmod 2755 group
cp /usr/bin/python3 python && chmod 4755 python
printf '#!/usr/bin/id\\n' > script && chmod 4755 script
as() { setpriv --reuid $1 --regid $1 --clear-groups "${@:2}"; }
secure='import ctypes, os; print(os.getresuid(), ctypes.CDLL(None).getauxval(23), os.readlink("/proc/self/exe"), open("/proc/self/comm").read(), end="")'
"""

    def run_bits(self, script, no_new_privileges=False):
        def change(config):
            config["process"]["args"] = ["bash", "-c", self.PREPARE + script]
            config["process"]["noNewPrivileges"] = no_new_privileges
            for kind in ("bounding", "effective", "permitted"):
                config["process"]["capabilities"][kind] = [
                    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID", "CAP_KILL"]
        return self.run_config("", change)

    def test_ids_of_the_programs(self):
        result = self.run_bits("""
as 1000 ./root; as 1001 ./user; as 1000 ./group; ./root; as 1000 ./script -u 2> /dev/null
as 1000 ./python -c "$secure"; as 1000 python3 -c "$secure"
as 1000 python3 -c 'import subprocess; print(subprocess.run(["./root", "-u"], capture_output=True).stdout)'
as 1000 ./python -c 'import os; print(open("/etc/shadow").read()[:4])'
as 1000 env LD_PRELOAD=/nowhere.so ./root -u; as 1000 bash -c 'exec ./root -u'
""")
        self.assertEqual([
            "uid=1000 gid=1000 euid=0(root) groups=1000",
            "uid=1001 gid=1001 euid=1000 egid=1000 groups=1000",
            "uid=1000 gid=1000 egid=42(shadow) groups=42(shadow)",
            "uid=0(root) gid=0(root) groups=0(root)",
            "(1000, 0, 0) 1 /tmp/bits/python python",
            "(1000, 1000, 1000) 0 /usr/bin/python3.11 python3",
            "b'0\\n'", "root", "0", "0"], result.out.splitlines(), result)

    def test_su(self):
        result = self.run_bits("""
echo root:secret | chpasswd; useradd --uid 1000 someone
echo secret | as 1000 su -c 'id -u; cat /proc/self/loginuid > /dev/null && echo read' root 2> /dev/null
echo wrong | as 1000 su -c 'id -u' root 2> /dev/null || echo refused
su someone -c 'id -u'
""")
        self.assertEqual(["0", "read", "refused", "1000"], result.out.splitlines(), result)

    def test_nothing_is_gained_under_no_new_privileges(self):
        result = self.run_bits('as 1000 ./root -u; as 1000 ./python -c "$secure"', no_new_privileges=True)
        self.assertEqual(["1000", "(1000, 1000, 1000) 0 /tmp/bits/python python"], result.out.splitlines(), result)

    def test_nothing_is_gained_by_a_task_without_new_privileges_or_with_a_tracer(self):
        result = self.run_bits("as 1000 setpriv --no-new-privs ./root -u; as 1000 strace -o /dev/null ./root -u")
        self.assertEqual(["1000", "1000"], result.out.splitlines(), result)

    def test_a_volume_that_is_nosuid(self):
        volume = self.folder / "volume"
        volume.mkdir(mode=0o755)

        def change(config):
            config["process"]["args"] = ["bash", "-c", self.PREPARE + "cp -p root /v/; as 1000 /v/root -u; as 1000 ./root -u"]
            config["process"]["noNewPrivileges"] = False
            config["process"]["capabilities"]["bounding"] += ["CAP_SETUID", "CAP_SETGID", "CAP_FSETID"]
            for kind in ("effective", "permitted"):
                config["process"]["capabilities"][kind] = config["process"]["capabilities"]["bounding"]
            config["mounts"].append({"type": "bind", "source": str(volume), "destination": "/v",
                                     "options": ["bind", "nosuid"]})
        self.assertEqual(["1000", "0"], self.run_config("", change).out.splitlines())


if __name__ == "__main__":
    main()
