#!/usr/bin/env python3
"""dockerd runs moat, as its default runtime: with deploy/docker-daemon.json, and what keeps a test to itself."""

import json
import os
import time

import clients
from sandbox import MOAT, run, wait_until


class Docker(clients.ClientTest):
    def setUp(self):
        super().setUp()
        self.socket = f"unix://{self.folder}/docker.sock"
        config = self.folder / "daemon.json"
        settings = json.loads((clients.DEPLOY / "docker-daemon.json").read_text())
        settings["runtimes"]["moat"]["path"] = MOAT
        config.write_text(json.dumps({
            **settings, "default-runtime": "moat",
            "bridge": "none", "iptables": False, "ip6tables": False, "hosts": [self.socket],
            "data-root": f"{self.folder}/data", "exec-root": "/run/docker-exec", "pidfile": f"{self.folder}/docker.pid",
        }))
        self.command = ["docker", "--host", self.socket]
        # dockerd leaves it mounted when it ends.
        self.addCleanup(run, ["umount", "/run/docker-exec/netns/default"])
        self.start_daemon(["dockerd", "--config-file", config], lambda: run([*self.command, "version"]).code == 0)
        self.client("import", clients.make_layer(self.folder), clients.IMAGE)
        self.addCleanup(self.remove_all)

    def remove_all(self):
        containers = self.client("ps", "--all", "--quiet").out.split()
        if containers:
            self.client("rm", "--force", *containers)

    def start(self, *words, flags=(), network="none", **options):
        return self.client("run", "--rm", "--network", network, *flags, clients.IMAGE, *words, **options)

    def detached(self, *words, flags=()):
        return self.client("run", "--detach", "--network", "none", *flags, clients.IMAGE, *words).out.strip()

    def test_run_in_docker(self):
        result = self.start("sh", "-c", "echo out; echo err >&2; cat /proc/1/comm; true")
        self.assertEqual("out\nsh\n", result.out)
        self.assertEqual("err\n", result.err)

    def test_host_network_in_docker(self):
        self.assertIn("lo:", self.start("cat", "/proc/net/dev", network="host").out.split())

    def test_exit_codes_in_docker(self):
        self.start("sh", "-c", "exit 7", code=7)
        self.start("/no/such", code=127)
        self.start("/etc/passwd", code=126)

    def test_dynamic_program_in_docker(self):
        self.assertEqual("5\n", self.start("bash", "-c", "echo $((2+3))").out)

    def test_limits_in_docker(self):
        script = "grep MemTotal /proc/meminfo; cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; nproc"
        result = self.start("sh", "-c", script, flags=["--memory", "64m", "--cpus", "0.5", "--pids-limit", "50"])
        self.assertEqual(65536, int(result.out.split()[1]))
        self.assertIn("50", result.out)

    def test_out_of_memory_in_docker(self):
        container = self.detached("sh", "-c", "exec tail /dev/zero", flags=["--memory", "32m", "--memory-swap", "32m"])
        self.assertEqual("137\n", self.client("wait", container).out)
        self.assertEqual("true\n", self.client("inspect", "--format", "{{.State.OOMKilled}}", container).out)

    def test_read_only_and_tmpfs_in_docker(self):
        result = self.start("sh", "-c", "touch /x; touch /tmp/x && echo ok", flags=["--read-only", "--tmpfs", "/tmp"])
        self.assertEqual("ok\n", result.out)
        self.assertIn("Read-only", result.err)

    def test_volume_and_user_in_docker(self):
        shared = self.folder / "shared"
        shared.mkdir()
        os.chown(shared, 1000, 1000)
        result = self.start("sh", "-c", "id -u; id -g; echo x > /data/file",
                            flags=["--volume", f"{shared}:/data", "--user", "1000:1001"])
        self.assertEqual("1000\n1001\n", result.out)
        self.assertEqual((1000, 1001), ((shared / "file").stat().st_uid, (shared / "file").stat().st_gid))

    def test_named_volume_in_docker(self):
        self.client("volume", "create", "v1")
        self.start("sh", "-c", "echo kept > /data/file", flags=["--volume", "v1:/data"])
        self.assertEqual("kept\n", self.start("cat", "/data/file", flags=["--volume", "v1:/data:ro"]).out)

    def test_capabilities_in_docker(self):
        result = self.start("sh", "-c", "grep CapEff /proc/self/status", flags=["--cap-drop", "ALL"])
        self.assertEqual("CapEff:\t0000000000000000\n", result.out)
        result = self.start("sh", "-c", "chown 1 /tmp/. || echo refused", flags=["--cap-drop", "CHOWN"])
        self.assertEqual("refused\n", result.out)

    def test_init_in_docker(self):
        self.assertEqual("docker-init\n", self.start("cat", "/proc/1/comm", flags=["--init"]).out)

    def test_terminal_in_docker(self):
        command = " ".join([*self.command, "run", "--rm", "--tty", "--network", "none", clients.IMAGE, "tty"])
        result = run(["script", "--quiet", "--return", "--command", command, "/dev/null"], limit=60)
        self.assert_ends(result, 0)
        self.assertRegex(result.out, "/dev/(console|pts/0)")

    def test_logs_and_stop_in_docker(self):
        script = 'echo started; trap "echo term; exit 3" TERM; while :; do sleep 0.1; done'
        container = self.detached("sh", "-c", script)
        self.assertTrue(wait_until(lambda: self.client("logs", container).out == "started\n", 10))
        self.client("stop", container)
        self.assertEqual("started\nterm\n", self.client("logs", container).out)
        self.assertEqual("3\n", self.client("inspect", "--format", "{{.State.ExitCode}}", container).out)

    def test_kill_in_docker(self):
        container = self.detached("sleep", "600")
        self.client("kill", container)
        self.assertEqual("137\n", self.client("wait", container).out)

    def test_restart_in_docker(self):
        container = self.detached("sh", "-c", "echo on; sleep 600")
        self.client("restart", "--time", "1", container)
        self.assertTrue(wait_until(lambda: self.client("logs", container).out == "on\non\n", 10))

    def test_pause_and_update_in_docker(self):
        container = self.detached("sleep", "600")
        self.client("pause", container)
        self.assertEqual("paused\n", self.client("inspect", "--format", "{{.State.Status}}", container).out)
        self.client("unpause", container)
        self.client("update", "--memory", "100m", "--memory-swap", "200m", "--cpus", "0.5", container)
        self.assertIn("100MiB", self.client("stats", "--no-stream", container).out)

    def test_top_in_docker(self):
        container = self.detached("sh", "-c", "sleep 601 & sleep 602; true")
        self.assertTrue(wait_until(lambda: "sleep 601" in self.client("top", container).out, 10))

    def test_joined_pid_namespace_in_docker(self):
        container = self.detached("sleep", "601")
        script = "cat /proc/1/comm; echo $(($$ > 1))"
        self.assertEqual("sleep\n1\n", self.start("sh", "-c", script, flags=["--pid", f"container:{container}"]).out)
        self.assertEqual("true\n", self.client("inspect", "--format", "{{.State.Running}}", container).out)

    def test_exec_in_docker(self):
        container = self.detached("sleep", "600")
        self.assertEqual("in\nsleep\n", self.client("exec", container, "sh", "-c", "echo in; cat /proc/1/comm").out)
        self.client("exec", container, "sh", "-c", "exit 9", code=9)
        result = self.client("exec", "--user", "1000", "--env", "A=b", "--workdir", "/tmp", container, "sh", "-c",
                             "id -u; echo $A; pwd")
        self.assertEqual("1000\nb\n/tmp\n", result.out)
        self.client("exec", container, "/no/such", code=126)

    def test_copy_in_docker(self):
        container = self.detached("sh", "-c", "echo inside > /work/file; sleep 600")
        time.sleep(1)
        self.client("cp", f"{container}:/work/file", self.folder / "copy")
        self.assertEqual("inside\n", (self.folder / "copy").read_text())

    def test_build_in_docker(self):
        context = self.folder / "context"
        context.mkdir()
        (context / "hello").write_text("hello\n")
        (context / "Dockerfile").write_text(
            f"FROM {clients.IMAGE}\nCOPY hello /work/hello\nRUN cat /work/hello > /work/made && cat /proc/1/comm > /work/comm\n"
            "RUN bash -c 'echo second >> /work/made'\nCMD [\"cat\", \"/work/made\"]\n")
        environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
        self.client("build", "--network", "none", "--tag", "built", context, env=environment)
        self.assertEqual("hello\nsecond\n", self.client("run", "--rm", "--network", "none", "built").out)

    def test_health_check_in_docker(self):
        container = self.detached("sleep", "600", flags=["--health-cmd", "true", "--health-interval", "1s"])
        status = lambda: self.client("inspect", "--format", "{{.State.Health.Status}}", container).out
        self.assertTrue(wait_until(lambda: status() == "healthy\n", 20))


if __name__ == "__main__":
    clients.main("dockerd", "docker")
