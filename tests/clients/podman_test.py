#!/usr/bin/env python3
"""Podman runs moat, as root and for an ordinary user."""

import os
import pathlib
import pwd
import signal
import subprocess

import clients
from sandbox import MOAT, run, wait_until

# What deploy/ has for people, and limits: Podman's defaults are higher than what a test machine may allow.
CONFIG = (clients.DEPLOY / "podman-containers.conf").read_text().replace("/usr/local/bin/moat", MOAT) + """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
"""


class Podman(clients.ClientTest):
    limits = True  # control groups can be made

    def setUp(self):
        super().setUp()
        self.config = self.folder / "containers.conf"
        self.config.write_text(CONFIG)
        self.command = self.podman_command()
        self.addCleanup(self.remove_all)
        self.client("import", clients.make_layer(self.folder), f"localhost/{clients.IMAGE}")

    def podman_command(self):
        return ["env", f"CONTAINERS_CONF={self.config}", "podman", "--root", self.folder / "root", "--runroot", "/run/podman-run", "--tmpdir", "/run/podman-tmp",
                "--events-backend", "file", "--runtime", "moat"]

    def remove_all(self):
        self.client("pod", "rm", "--all", "--force", "--time", "0")
        self.client("rm", "--all", "--force", "--time", "0")

    def start(self, *words, flags=(), network="none", **options):
        return self.client("run", "--rm", "--network", network, *flags, clients.IMAGE, *words, **options)

    def detached(self, *words, flags=()):
        # Its streams would be held by conmon.
        out = self.folder / "id"
        with open(out, "wb") as stream:
            code = subprocess.run([*map(str, self.command), "run", "--detach", "--network", "none", *flags, clients.IMAGE,
                                   *words], stdin=subprocess.DEVNULL, stdout=stream, timeout=60).returncode
        self.assertEqual(0, code)
        return out.read_text().strip()

    def test_run_in_podman(self):
        result = self.start("sh", "-c", "echo out; cat /proc/1/comm; true")
        self.assertEqual("out\nsh\n", result.out)

    def test_exit_codes_in_podman(self):
        self.start("sh", "-c", "exit 7", code=7)
        self.start("/no/such", code=127)
        self.start("/etc/passwd", code=126)

    def test_flags_in_podman(self):
        shared = self.folder / "shared"
        shared.mkdir()
        shared.chmod(0o777)
        result = self.start("sh", "-c", "grep MemTotal /proc/meminfo; cat /proc/1/comm; touch /x; echo x > /data/file",
                            flags=["--memory", "64m", "--pids-limit", "50", "--read-only", "--volume", f"{shared}:/data", "--init"],
                            code=None)
        if self.limits:
            self.assertIn("65536", result.out, result.err)
        self.assertIn("Read-only", result.err)
        self.assertEqual("x\n", (shared / "file").read_text())

    def test_stop_in_podman(self):
        container = self.detached("sh", "-c", "echo started; trap 'echo term; exit 3' TERM; while :; do sleep 0.1; done")
        self.assertTrue(wait_until(lambda: self.client("logs", container).out == "started\n", 10))
        self.client("stop", container)
        self.assertEqual("started\nterm\n", self.client("logs", container).out)
        self.assertEqual("3\n", self.client("inspect", "--format", "{{.State.ExitCode}}", container).out)

    def test_pause_in_podman(self):
        if not self.limits:
            return  # nor is there a freezer
        container = self.detached("sleep", "600")
        self.client("pause", container)
        self.assertEqual("paused\n", self.client("inspect", "--format", "{{.State.Status}}", container).out)
        self.client("unpause", container)
        self.client("kill", container)
        self.assertEqual("137\n", self.client("wait", container).out)

    def test_exec_in_podman(self):
        container = self.detached("sleep", "600")
        self.assertEqual("in\nsleep\n", self.client("exec", container, "sh", "-c", "echo in; cat /proc/1/comm").out)
        self.client("exec", container, "sh", "-c", "exit 9", code=9)

    def test_top_in_podman(self):
        container = self.detached("sleep", "600")
        # The container's own ps; podman's finds no /proc in the empty root of the init.
        self.assertIn("sleep", self.client("top", container, "-o", "pid,comm").out)
        self.client("top", container, code=125)

    def test_joined_pid_namespace_in_podman(self):
        container = self.detached("sleep", "600")
        script = "cat /proc/1/comm; echo $(($$ > 1)); cat /proc/1/root/etc/hostname 2>/dev/null || echo denied"
        result = self.start("sh", "-c", script, flags=["--pid", f"container:{container}"])
        self.assertEqual("sleep\n1\ndenied\n", result.out)
        self.assertEqual("running\n", self.client("inspect", "--format", "{{.State.Status}}", container).out)

    def test_pod_with_shared_pids_in_podman(self):
        self.client("pod", "create", "--name", "pod2", "--share", "pid,net,ipc,uts", "--network", "none", "--infra-image",
                    f"localhost/{clients.IMAGE}", "--infra-command", "/bin/sleep 600")
        one = self.detached("sh", "-c", "sleep 601; true", flags=["--pod", "pod2", "--name", "one"])
        self.detached("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo; sleep 602", flags=["--pod", "pod2", "--name", "two"])
        self.assertTrue(wait_until(lambda: "sleep 601" in self.client("logs", "two").out, 10), self.client("logs", "two").out)
        self.client("kill", one)
        self.assertEqual("running\n", self.client("inspect", "--format", "{{.State.Status}}", "two").out)
        self.client("pod", "stop", "--time", "1", "pod2")

    def test_pod_in_podman(self):
        # The first container of the pod holds the namespaces; any program that sleeps will do.
        self.client("pod", "create", "--name", "pod1", "--network", "none", "--infra-image", f"localhost/{clients.IMAGE}",
                    "--infra-command", "/bin/sleep 600")
        self.detached("sh", "-c", "hostname; sleep 600", flags=["--pod", "pod1", "--name", "one"])
        self.detached("sh", "-c", "hostname; sleep 600", flags=["--pod", "pod1", "--name", "two"])
        logs = lambda name: self.client("logs", name).out
        self.assertTrue(wait_until(lambda: logs("one") and logs("one") == logs("two"), 10))
        self.client("pod", "stop", "--time", "1", "pod1")


class RootlessPodman(Podman):
    """The same for an ordinary user, whose further ids come from newuidmap."""

    # Where the user's groups are of cgroup v1, they are root's alone.
    limits = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()

    def podman_command(self):
        uid = 1000
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            self.skipTest(f"there is no user {uid}")
        for kind in ("subuid", "subgid"):
            # In the test's own mount namespace.
            (self.folder / kind).write_text(f"{name}:100000:65536\n")
            pathlib.Path("/etc", kind).touch()
            self.assert_ends(run(["mount", "--bind", self.folder / kind, f"/etc/{kind}"]), 0)
            self.addCleanup(run, ["umount", f"/etc/{kind}"])
        home, self.runtime = self.folder / "home", self.folder / "runtime"
        for folder in (home, self.runtime):
            folder.mkdir()
            os.chown(folder, uid, uid)
        environment = ["env", "--ignore-environment", f"--chdir={home}", f"PATH={os.environ['PATH']}", f"HOME={home}", f"XDG_RUNTIME_DIR={self.runtime}",
                       f"USER={name}", f"CONTAINERS_CONF={self.config}"]
        return ["setpriv", "--reuid", uid, "--regid", uid, "--init-groups", *environment, "podman", "--events-backend", "file", "--runtime", "moat"]

    def remove_all(self):
        super().remove_all()
        # The process that holds the user namespace for later commands.
        holder = self.runtime / "libpod/tmp/pause.pid"
        if holder.exists():
            os.kill(int(holder.read_text()), signal.SIGKILL)

    def test_ids_in_podman(self):
        self.assertEqual("0\n5\n", self.start("sh", "-c", "id -u; touch /x && chown 5 /x && stat -c %u /x").out)


if __name__ == "__main__":
    clients.main("podman", "conmon", "newuidmap")
