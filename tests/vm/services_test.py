#!/usr/bin/env python3
"""What the machine's own services do with moat: Docker and containerd with systemd's control groups, and AppArmor.

Runs in the machine of run_in_vm.py, whose systemd starts the daemons.
"""

import json
import pathlib
import subprocess

import clients
from sandbox import ID, MOAT, SandboxTest, main, root, run, wait_until

MIB = 1 << 20
GROUPS = pathlib.Path("/sys/fs/cgroup")
PATIENCE = 120  # seconds; the machine is emulated


class Service(SandboxTest):
    def start_service(self, name):
        started = run(["systemctl", "start", name], limit=240)
        self.assertEqual(0, started.code, started.err + run(["journalctl", "--no-pager", "-u", name, "-n", "30"]).out)
        self.addCleanup(run, ["systemctl", "stop", name], limit=PATIENCE)

    def client(self, *words):
        result = run([str(word) for word in words], limit=240)
        self.assertEqual(0, result.code, f"{words}: {result.err}")
        return result.out.strip()

    def assert_scope(self, pid, scope):
        """The process is in this scope of systemd's, where the memory limit stands, and alone with moat's parts."""
        group = pathlib.Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::/")
        self.assertEqual(f"system.slice/{scope}/container", group)
        self.assertEqual(str(64 * MIB), (GROUPS / group / "memory.max").read_text().strip())
        shown = run(["systemctl", "show", "--property", "ActiveState", "--value", scope], limit=PATIENCE)
        self.assertEqual("active", shown.out.strip())
        return GROUPS / "system.slice" / scope


class Docker(Service):
    def test_docker_with_systemd(self):
        settings = {"runtimes": {"moat": {"path": MOAT}}, "bridge": "none", "iptables": False, "ip6tables": False,
                    "exec-opts": ["native.cgroupdriver=systemd"]}
        pathlib.Path("/etc/docker").mkdir(exist_ok=True)
        pathlib.Path("/etc/docker/daemon.json").write_text(json.dumps(settings))
        self.start_service("docker.service")
        self.assertEqual("systemd 2", self.client("docker", "info", "--format", "{{.CgroupDriver}} {{.CgroupVersion}}"))
        self.client("docker", "import", clients.make_layer(self.folder), clients.IMAGE)
        container = self.client("docker", "run", "--detach", "--runtime", "moat", "--network", "none", "--memory", "64m",
                                "--pids-limit", "30", clients.IMAGE, "sleep", "600")
        pid = self.client("docker", "inspect", "--format", "{{.State.Pid}}", container)
        scope = self.assert_scope(pid, f"docker-{container}.scope")
        self.assertEqual(f"{64 * MIB}\n30", self.client("docker", "exec", container, "cat", "/sys/fs/cgroup/memory.max",
                                                         "/sys/fs/cgroup/pids.max"))
        self.client("docker", "update", "--memory", "96m", "--memory-swap", "96m", container)
        self.assertEqual(str(96 * MIB), self.client("docker", "exec", container, "cat", "/sys/fs/cgroup/memory.max"))
        self.client("docker", "rm", "--force", container)
        self.assertTrue(wait_until(lambda: not scope.exists(), PATIENCE))


class Containerd(Service):
    def test_containerd_with_systemd(self):
        self.start_service("containerd.service")
        image = f"local/{clients.IMAGE}:vm"
        self.client("ctr", "image", "import", "--base-name", f"local/{clients.IMAGE}",
                    clients.make_archive(self.folder, "vm", ["sleep", "600"]))
        self.client("ctr", "run", "--detach", "--runc-binary", MOAT, "--runc-systemd-cgroup", "--cgroup", f"system.slice:ctr:{ID}",
                    "--memory-limit", str(64 * MIB), image, ID)
        self.addCleanup(run, ["ctr", "container", "rm", ID], limit=PATIENCE)
        tasks = {line.split()[0]: line.split()[1] for line in self.client("ctr", "task", "list").splitlines()}
        scope = self.assert_scope(tasks[ID], f"ctr-{ID}.scope")
        self.assertEqual(str(64 * MIB), self.client("ctr", "task", "exec", "--exec-id", "x", ID, "cat", "/sys/fs/cgroup/memory.max"))
        self.client("ctr", "task", "kill", "--signal", "KILL", ID)
        self.assertTrue(wait_until(lambda: "STOPPED" in self.client("ctr", "task", "list"), PATIENCE))
        self.client("ctr", "task", "rm", ID)
        self.assertTrue(wait_until(lambda: not scope.exists(), PATIENCE))


class AppArmor(SandboxTest):
    # Everything but the Internet.
    PROFILE = """abi <abi/3.0>,
profile moat-test flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  signal,
  ptrace,
  unix,
  network unix,
  network netlink,
}
"""
    ASK = "exec 3<>/dev/udp/127.0.0.1/9 && echo open; true"

    def setUp(self):
        super().setUp()
        profile = self.folder / "profile"
        profile.write_text(self.PROFILE)
        loaded = run(["apparmor_parser", "--replace", profile], limit=PATIENCE)
        self.assertEqual(0, loaded.code, loaded.err)
        self.addCleanup(run, ["apparmor_parser", "--remove", profile], limit=PATIENCE)

    def container(self, profile, script):
        def change(config):
            config["process"]["args"] = ["bash", "-c", script]
            config["process"]["apparmorProfile"] = profile
            config["root"]["readonly"] = True
        return self.bundle(root("base"), change)

    def test_profile_holds(self):
        self.assert_ends(self.moat("run", "--bundle", self.container("", self.ASK), ID), 0, "open\n")
        (self.folder / "bundle").rename(self.folder / "plain")
        result = self.moat("run", "--bundle", self.container("moat-test", self.ASK), ID)
        self.assertEqual((0, ""), (result.code, result.out), result.err)
        self.assertIn("Permission denied", result.err)

    def test_label_of_the_processes(self):
        self.delete_at_end(ID)
        with open(self.folder / "out", "wb") as out:  # the container keeps it: a pipe would not end
            started = subprocess.run(["timeout", "-k", "5", str(PATIENCE), MOAT, "--root", self.state, "run", "-d", "--bundle",
                                      self.container("moat-test", "sleep 600"), ID],
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.assertEqual(0, started.returncode, (self.folder / "out").read_text())
        pid = json.loads(self.moat("state", ID).out)["pid"]
        label = pathlib.Path(f"/proc/{pid}/attr/apparmor/current")
        self.assertTrue(wait_until(lambda: label.read_text().strip() == "moat-test (enforce)", PATIENCE), label.read_text())
        result = self.moat("exec", "--apparmor", "moat-test", ID, "bash", "-c", self.ASK)
        self.assertEqual((0, ""), (result.code, result.out), result.err)
        self.assertIn("Permission denied", result.err)

    def test_profile_that_is_not_loaded(self):
        result = self.moat("run", "--bundle", self.container("no-such-profile", "true"), ID)
        self.assertNotEqual(0, result.code)
        self.assertIn("apparmorProfile", result.err)


if __name__ == "__main__":
    main()
