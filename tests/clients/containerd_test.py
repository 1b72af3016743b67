#!/usr/bin/env python3
"""containerd runs moat: ctr, the shim io.containerd.runc.v2 and the option BinaryName."""

import json
import os
import subprocess
import time

import clients
from sandbox import MOAT, run, wait_until

# Each test has a containerd of its own; their control groups have names in common.
ONE, OTHER = f"one-{os.getpid()}", f"other-{os.getpid()}"
CONFIG = """
version = 2
root = "{folder}/ctrd-root"
state = "/run/ctrd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.grpc.v1.cri"]
[grpc]
  address = "{socket}"
"""


class Containerd(clients.ClientTest):
    def setUp(self):
        super().setUp()
        self.socket = "/run/containerd.sock"
        config = self.folder / "containerd.toml"
        config.write_text(CONFIG.format(folder=self.folder, socket=self.socket))
        self.command = ["ctr", "--address", self.socket]
        self.start_daemon(["containerd", "--config", config], lambda: run([*self.command, "version"]).code == 0)
        self.image = self.make_image()
        self.addCleanup(self.remove_all)

    def make_image(self):
        archive = clients.make_archive(self.folder, "base", ["sh"])
        self.client("image", "import", "--base-name", f"local/{clients.IMAGE}", archive)
        return f"local/{clients.IMAGE}:base"

    def remove_all(self):
        for task in self.client("task", "ls", "-q").out.split():
            self.client("task", "kill", "--signal", "KILL", task, code=None)
            wait_until(lambda: "RUNNING" not in self.status_of(task))
            self.client("task", "rm", "--force", task, code=None)
        for container in self.client("container", "ls", "-q").out.split():
            self.client("container", "rm", container, code=None)

    def start(self, *words, name=ONE, **options):
        return self.client("run", *options.pop("flags", []), "--runc-binary", MOAT, "--runc-root", "/run/moat-ctr",
                           self.image, name, *words, **options)

    def status_of(self, name):
        for line in self.client("task", "ls").out.splitlines()[1:]:
            words = line.split()
            if words[0] == name:
                return words[2]
        return ""

    def test_run_in_containerd(self):
        result = self.start("sh", "-c", "echo out; echo err >&2; cat /proc/1/comm; true", flags=["--rm"])
        self.assertEqual("out\nsh\n", result.out)
        self.assertIn("err", result.err)

    def test_exit_code_in_containerd(self):
        self.start("sh", "-c", "exit 7", flags=["--rm"], code=7)

    def test_dynamic_program_in_containerd(self):
        self.assertEqual("5\n", self.start("bash", "-c", "echo $((2+3))", flags=["--rm"]).out)

    def test_command_that_is_not_there_in_containerd(self):
        result = self.start("/no/such", flags=["--rm"], code=None)
        self.assertNotEqual(0, result.code)
        self.assertIn("no such file or directory", result.err)

    def test_terminal_in_containerd(self):
        # ctr wants a terminal of its own: script(1) makes one.
        command = " ".join(map(str, [*self.command, "run", "--rm", "--tty", "--runc-binary", MOAT, self.image, ONE,
                                     "tty"]))
        result = run(["script", "--quiet", "--return", "--command", command, "/dev/null"], limit=60)
        self.assertRegex(result.out, "/dev/(console|pts/0)")

    def test_pause_and_resume_in_containerd(self):
        self.start("sleep", "600", flags=["--detach"])
        self.assertEqual("RUNNING", self.status_of(ONE))
        self.client("task", "pause", ONE)
        self.assertEqual("PAUSED", self.status_of(ONE))
        self.client("task", "resume", ONE)
        self.assertEqual("RUNNING", self.status_of(ONE))

    def test_kill_in_containerd(self):
        self.start("sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.1; done", flags=["--detach"])
        time.sleep(1)
        self.client("task", "kill", ONE)
        self.assertTrue(wait_until(lambda: self.status_of(ONE) == "STOPPED", 10))
        self.assertIn("code 5", self.client("task", "rm", ONE).err)

    def test_processes_and_metrics_in_containerd(self):
        self.start("sh", "-c", "sleep 600 & sleep 601; true", flags=["--detach"])
        self.assertTrue(wait_until(lambda: len(self.client("task", "ps", ONE).out.splitlines()) == 4, 10))
        metrics = json.loads(self.client("task", "metrics", "--format", "json", ONE).out)
        self.assertEqual(3, int(metrics["pids"]["current"]))
        self.assertGreater(int(metrics["memory"]["usage"]["usage"]), 0)

    def test_exec_in_containerd(self):
        self.start("sleep", "600", flags=["--detach"])
        result = self.client("task", "exec", "--exec-id", "e1", ONE, "sh", "-c", "echo in; cat /proc/1/comm; true")
        self.assertEqual("in\nsleep\n", result.out)
        self.client("task", "exec", "--exec-id", "e2", ONE, "sh", "-c", "exit 9", code=9)

    def test_memory_limit_in_containerd(self):
        self.start("sh", "-c", "cat /dev/zero | tail", flags=["--rm", "--memory-limit", str(32 << 20)], code=None)
        result = self.start("sh", "-c", "grep MemTotal /proc/meminfo", name=OTHER,
                            flags=["--rm", "--memory-limit", str(32 << 20)])
        self.assertEqual(32768, int(result.out.split()[1]))

    def test_mount_and_user_in_containerd(self):
        shared = self.folder / "shared"
        shared.mkdir()
        self.start("sh", "-c", "echo x > /data/file", flags=["--rm", "--mount", f"type=bind,src={shared},dst=/data,options=rbind:rw"])
        self.assertEqual("x\n", (shared / "file").read_text())

    def test_events_of_containerd(self):
        seen = self.folder / "events"
        with open(seen, "wb") as out:
            watcher = subprocess.Popen([*self.command, "events"], stdout=out, stdin=subprocess.DEVNULL)
        self.addCleanup(watcher.wait)
        self.addCleanup(watcher.terminate)
        self.start("true", flags=["--rm"])
        for topic in ("/tasks/create", "/tasks/start", "/tasks/exit", "/tasks/delete"):
            self.assertTrue(wait_until(lambda: topic in seen.read_text(), 10), topic)


if __name__ == "__main__":
    clients.main("containerd", "ctr", "umoci")
