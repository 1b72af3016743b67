#!/usr/bin/python3
"""Pods through containerd's CRI plugin, as a kubelet asks for them, with the runtime handler "moat".

moat is installed and containerd configured by deploy/install-node.sh, so that both it and the files that
it writes are known to work. (Debian's own python3: its modules speak gRPC.)
"""

import base64
import json
import os
import pathlib
import sys

import clients
import sandbox
from sandbox import MOAT, run, wait_until

try:
    import cri
except ImportError as missing:
    print(f"skipped: {missing} (scripts/install_deps.sh --clients installs it)")
    sys.exit(sandbox.SKIPPED)

CONFIG = """
version = 2
root = "{folder}/ctrd-root"
state = "/run/ctrd"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/{image}:pause"
  restrict_oom_score_adj = true
  disable_tcp_service = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
"""
# One network for pods without the host's: lo, and nothing that reaches out.
NETWORK = """{"cniVersion": "0.4.0", "name": "alone", "plugins": [{"type": "ptp", "ipam":
 {"type": "host-local", "dataDir": "%s/ipam", "ranges": [[{"subnet": "10.87.0.0/24"}]]}}]}"""
POD, CONTAINER, NODE = 0, 1, 2  # NamespaceMode: whose namespace


class Cri(clients.ClientTest):
    def setUp(self):
        super().setUp()
        self.socket = "/run/containerd.sock"
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        (self.folder / "cni").mkdir()
        (self.folder / "cni/alone.conflist").write_text(NETWORK % self.folder)
        self.containerd_config = self.folder / "containerd.toml"
        self.containerd_config.write_text(CONFIG.format(folder=self.folder, socket=self.socket, image=clients.IMAGE))
        self.install()
        ctr = ["ctr", "--address", self.socket, "--namespace", "k8s.io"]
        # In a network of its own: what a network plugin makes there is gone with it.
        self.start_daemon(["unshare", "--net", "containerd", "--config", self.containerd_config],
                          lambda: run([*ctr, "version"]).code == 0)
        for tag, command in (("base", ["sh"]), ("pause", ["sleep", "infinity"])):
            archive = clients.make_archive(self.folder, tag, command)
            self.assert_ends(run([*ctr, "image", "import", "--base-name", f"localhost/{clients.IMAGE}", archive]), 0)
        self.client = cri.Client("/usr/bin/containerd", self.socket)
        self.addCleanup(self.client.close)
        self.addCleanup(self.remove_all)

    def install(self, *flags):
        build = pathlib.Path(MOAT).parent.parent
        done = run([clients.DEPLOY / "install-node.sh", "--prefix", self.folder / "prefix", "--docker", *flags, build],
                   env={**os.environ, "CONTAINERD_CONFIG": str(self.containerd_config),
                        "DOCKER_CONFIG_FILE": str(self.folder / "daemon.json")})
        self.assert_ends(done, 0)

    def remove_all(self):
        for pod in self.client.call("ListPodSandbox").get("items", []):
            self.client.call("StopPodSandbox", pod_sandbox_id=pod["id"])
            self.client.call("RemovePodSandbox", pod_sandbox_id=pod["id"])

    def pod(self, network=NODE, pids=CONTAINER):
        # A kubelet asks for a pid namespace for each container, unless the pod says shareProcessNamespace.
        self.security = {"namespace_options": {"network": network, "pid": pids}}
        self.config = {
            "metadata": {"name": "pod", "uid": "u1", "namespace": "default", "attempt": 0},
            "hostname": "pod" if network == POD else "", "log_directory": str(self.logs),
            "linux": {"cgroup_parent": f"/moat/pods-{os.getpid()}", "security_context": self.security}}
        return self.client.call("RunPodSandbox", config=self.config, runtime_handler="moat")["pod_sandbox_id"]

    def container(self, pod, name, script, **resources):
        config = {"metadata": {"name": name, "attempt": 0}, "image": {"image": f"localhost/{clients.IMAGE}:base"},
                  "command": ["sh", "-c", script], "log_path": f"{name}.log",
                  "linux": {"resources": resources, "security_context": self.security}}
        made = self.client.call("CreateContainer", pod_sandbox_id=pod, config=config, sandbox_config=self.config)
        self.client.call("StartContainer", container_id=made["container_id"])
        return made["container_id"]

    def exec(self, container, script):
        """Standard output and exit code of a shell script in the container."""
        done = self.client.call("ExecSync", container_id=container, cmd=["sh", "-c", script], timeout=60)
        return base64.b64decode(done.get("stdout", "")).decode(), done.get("exit_code", 0)

    def status(self, container):
        return self.client.call("ContainerStatus", container_id=container)["status"]

    def test_pod_of_two_containers(self):
        pod = self.pod()
        ready = self.client.call("PodSandboxStatus", pod_sandbox_id=pod)["status"]
        self.assertEqual("SANDBOX_READY", ready.get("state", "SANDBOX_READY"))
        self.assertEqual("moat", ready["runtime_handler"])
        one = self.container(pod, "one", "echo from one; exec sleep 600")
        two = self.container(pod, "two", "exec sleep 600")
        # They share ipc and uts, and run in processes and trees of their own.
        names = [self.exec(each, "readlink /proc/self/ns/ipc /proc/self/ns/uts")[0] for each in (one, two)]
        self.assertEqual(names[0], names[1])
        self.exec(one, "echo mine > /tmp/file")
        self.assertEqual(("", 1), self.exec(two, "cat /tmp/file 2>/dev/null"))
        for part in ("moat-sentry", "moat-gofer"):
            self.assertEqual(3, self.moats().count(part))  # of the pause container, too

    def test_pod_that_shares_its_pids(self):
        pod = self.pod(pids=POD)
        one = self.container(pod, "one", "exec sleep 601")
        two = self.container(pod, "two", "exec sleep 602")
        script = "cat /proc/1/comm; cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 60[12]' | sort"
        self.assertEqual("sleep\nsleep 601\nsleep 602\n", self.exec(one, script)[0])
        self.client.call("StopContainer", container_id=one, timeout=0)
        self.assertEqual("CONTAINER_EXITED", self.status(one)["state"])
        self.client.call("RemoveContainer", container_id=one)
        self.assertEqual("CONTAINER_RUNNING", self.status(two)["state"])
        self.assertEqual(("602\n", 0), self.exec(two, "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 60[12]' | cut -d' ' -f2"))

    def test_exec_in_pod(self):
        one = self.container(self.pod(), "one", "exec sleep 600")
        self.assertEqual(("hello\n", 0), self.exec(one, "echo hello"))
        self.assertEqual(("", 7), self.exec(one, "exit 7"))

    def test_logs_of_pod(self):
        one = self.container(self.pod(), "one", "echo to out; echo to err >&2; exec sleep 600")
        log = self.logs / "one.log"
        self.assertTrue(wait_until(lambda: "to err" in log.read_text(), 20))
        self.assertRegex(log.read_text(), r"stdout F to out\n")
        self.assertRegex(log.read_text(), r"stderr F to err\n")
        self.assertEqual("CONTAINER_RUNNING", self.status(one)["state"])

    def test_statistics_of_pod(self):
        one = self.container(self.pod(), "one", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exec sleep 600")
        def used():
            stats = self.client.call("ContainerStats", container_id=one)["stats"]
            return (int(stats["cpu"]["usage_core_nano_seconds"].get("value", 0)) > 0 and
                    int(stats["memory"]["working_set_bytes"].get("value", 0)) > 0)
        self.assertTrue(wait_until(used, 20))

    def test_end_of_a_container(self):
        one = self.container(self.pod(), "one", "exit 7")
        self.assertTrue(wait_until(lambda: self.status(one)["state"] == "CONTAINER_EXITED", 20))
        self.assertEqual(7, self.status(one)["exit_code"])

    def test_stop_and_remove(self):
        pod = self.pod()
        one = self.container(pod, "one", "trap 'exit 5' TERM; while :; do sleep 0.1; done")
        self.client.call("StopContainer", container_id=one, timeout=30)
        self.assertEqual(5, self.status(one)["exit_code"])
        self.client.call("RemoveContainer", container_id=one)
        self.client.call("StopPodSandbox", pod_sandbox_id=pod)
        self.client.call("RemovePodSandbox", pod_sandbox_id=pod)
        self.assertEqual([], self.client.call("ListPodSandbox").get("items", []))
        self.assertTrue(wait_until(lambda: not self.moats(), 20), "something of moat runs on")

    @staticmethod
    def moats():
        return [name for name in map(sandbox.name_of, sandbox.running()) if name.startswith("moat")]

    def test_limits_of_a_container(self):
        one = self.container(self.pod(), "one", "exec sleep 600", memory_limit_in_bytes=64 << 20, cpu_quota=50000,
                             cpu_period=100000)
        out, _ = self.exec(one, "grep MemTotal /proc/meminfo")
        self.assertEqual(str(64 << 10), out.split()[1])
        self.client.call("UpdateContainerResources", container_id=one, linux={"memory_limit_in_bytes": 96 << 20})
        out, _ = self.exec(one, "grep MemTotal /proc/meminfo")
        self.assertEqual(str(96 << 10), out.split()[1])

    def test_network_of_a_plugin(self):
        pod = self.pod(network=POD)
        address = self.client.call("PodSandboxStatus", pod_sandbox_id=pod)["status"]["network"]["ip"]
        one = self.container(pod, "one", "echo served | nc -l -p 8000; exec sleep 600")
        two = self.container(pod, "two", "exec sleep 600")
        self.assertIn(address, self.exec(one, "ip addr")[0])
        self.assertTrue(wait_until(lambda: self.exec(two, f"nc {address} 8000 </dev/null")[0] == "served\n", 20))


    def test_installer(self):
        plain = CONFIG.format(folder=self.folder, socket=self.socket, image=clients.IMAGE)
        docker = self.folder / "daemon.json"
        program = self.folder / "prefix/bin/moat"
        self.assertEqual(str(program), json.loads(docker.read_text())["runtimes"]["moat"]["path"])
        once = self.containerd_config.read_text()
        self.assertTrue(once.startswith(plain))
        self.install()
        self.assertEqual(once, self.containerd_config.read_text())
        self.install("--remove")
        self.assertEqual(plain, self.containerd_config.read_text())
        self.assertEqual({}, json.loads(docker.read_text())["runtimes"])
        self.assertFalse(program.exists())


if __name__ == "__main__":
    clients.main("containerd", "ctr", "umoci")
