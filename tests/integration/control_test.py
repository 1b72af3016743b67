#!/usr/bin/env python3
"""The OCI commands on a container that runs: pause, resume, update, events, ps, kill --all."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

from sandbox import ID, MOAT, SandboxTest, main, root, run, wait_until

MIB = 1 << 20
# Its output grows as long as it runs.
COUNTER = "while :; do echo on; sleep 0.02; done"


def control_file(state, name, group_suffix=""):
    """The container's control file `name`, by the groups that its init is in; or that of the group beside it."""
    for line in pathlib.Path(f"/proc/{state['pid']}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for mount in (controllers, "unified", ""):
            file = pathlib.Path("/sys/fs/cgroup") / mount / (path.lstrip("/") + group_suffix) / name
            if file.exists():
                return file
    return None


class Running(SandboxTest):
    def start(self, script, *flags):
        """A running container whose output goes to a file."""
        self.delete_at_end(ID)
        def change(config):
            config["process"]["args"] = ["sh", "-c", script]
            config["root"]["readonly"] = True
        self.out, errors = self.folder / "out", self.folder / "errors"
        # The container keeps these streams: a pipe would not end.
        with open(self.out, "wb") as out, open(errors, "wb") as err:
            started = subprocess.run(["timeout", "-k", "5", "60", MOAT, "--root", self.state, "run", "-d", "--bundle",
                                      self.bundle(root("base"), change), *flags, ID],
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        self.assertEqual(0, started.returncode, errors.read_text())

    def state_of(self):
        return json.loads(self.moat("state", ID).out)

    def grows(self, seconds=0.3):
        before = self.out.stat().st_size
        time.sleep(seconds)
        return self.out.stat().st_size > before


# Takes in what its children leave and never reaps it: an init of a machine that is slow.
NEGLIGENT_PARENT = """
import ctypes, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
print(subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode, flush=True)
sys.stdin.read()
"""


class Delete(Running):
    def test_delete_does_not_wait_for_a_parent_that_does_not_reap(self):
        self.delete_at_end(ID)
        bundle = self.bundle(root("base"), lambda config: config["process"].update(args=["sleep", "600"]))
        parent = subprocess.Popen(["python3", "-c", NEGLIGENT_PARENT, MOAT, "--root", self.state, "run", "-d", "--bundle", bundle, ID],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(parent.communicate)  # which lets it end
        self.assertEqual("0\n", parent.stdout.readline())
        begin = time.monotonic()
        self.assert_ends(self.moat("delete", "--force", ID), 0)
        self.assertLess(time.monotonic() - begin, 3)  # ten seconds is when it would give up
        self.assertEqual([], self.containers_in_state())


class Pause(Running):
    def test_pause_and_resume(self):
        self.start(COUNTER)
        self.assertTrue(wait_until(self.grows))
        self.assert_ends(self.moat("pause", ID), 0)
        self.assertEqual("paused", self.status(ID))
        self.assertIn("paused", self.moat("list").out)
        self.assertFalse(self.grows())
        self.assert_refused(self.moat("pause", ID), "paused")
        self.assert_refused(self.moat("delete", ID), "not stopped")
        self.assert_ends(self.moat("resume", ID), 0)
        self.assertEqual("running", self.status(ID))
        self.assertTrue(wait_until(self.grows))
        self.assert_refused(self.moat("resume", ID), "not paused")

    def test_pause_while_a_call_waits_in_the_sentry(self):
        self.start(f"mkfifo /dev/shm/fifo; (cat /dev/shm/fifo; echo woken; {COUNTER}) & echo ready; "
                   "sleep 0.5; echo x > /dev/shm/fifo; wait")
        self.assertTrue(wait_until(lambda: "ready" in self.out.read_text()))
        self.assert_ends(self.moat("pause", ID), 0)
        self.assertFalse(self.grows(1.0))
        self.assert_ends(self.moat("resume", ID), 0)
        self.assertTrue(wait_until(lambda: "woken" in self.out.read_text()))

    def test_paused_is_killed(self):
        self.start(COUNTER)
        self.assert_ends(self.moat("pause", ID), 0)
        self.assert_ends(self.moat("kill", ID, "KILL"), 0)
        self.assertTrue(wait_until(lambda: self.status(ID) == "stopped"))
        self.assert_ends(self.moat("delete", ID), 0)

    def test_paused_is_deleted_by_force(self):
        self.start(COUNTER)
        self.assert_ends(self.moat("pause", ID), 0)
        self.assert_ends(self.moat("delete", "--force", ID), 0)

    def test_stopped_cannot_be_paused(self):
        self.start("exit 0")
        self.assertTrue(wait_until(lambda: self.status(ID) == "stopped"))
        self.assert_refused(self.moat("pause", ID), "container not running")


class Update(Running):
    def number(self, name):
        return int(control_file(self.state_of(), name).read_text())

    def test_flags_of_update(self):
        self.start("exec sleep 600")
        self.assert_ends(self.moat("update", "--memory", "100M", "--pids-limit", "50", "--cpu-quota", "20000",
                                   "--cpu-period", "50000", "--cpu-share", "512", ID), 0)
        if control_file(self.state_of(), "memory.max"):
            expected = {"memory.max": 100 * MIB, "pids.max": 50}
        else:
            expected = {"memory.limit_in_bytes": 100 * MIB, "pids.max": 50, "cpu.cfs_quota_us": 20000,
                        "cpu.cfs_period_us": 50000, "cpu.shares": 512}
        self.assertEqual(expected, {name: self.number(name) for name in expected})
        self.assert_ends(self.moat("update", "--pids-limit", "-1", ID), 0)
        self.assertEqual("max\n", control_file(self.state_of(), "pids.max").read_text())

    def test_new_limits_of_cpus_show_inside(self):
        self.start("exec sleep 600")
        def inside():
            script = "cd /sys/fs/cgroup; cat cpu.max cpuset.cpus.effective; grep -c ^processor /proc/cpuinfo"
            return self.moat("exec", ID, "sh", "-c", script).out.split("\n")[:-1]
        before = inside()
        if not any(control_file(self.state_of(), name) for name in ("cpu.cfs_quota_us", "cpu.max")):
            self.skipTest("no control group limits CPU time")
        self.assertEqual("max 100000", before[0])
        self.assert_ends(self.moat("update", "--cpu-quota", "30000", "--cpu-period", "50000", ID), 0)
        self.assertEqual(["30000 50000", before[1], "1"], inside())
        self.assert_ends(self.moat("update", "--cpu-quota", "-1", "--cpu-period", "100000", "--cpuset-cpus", "0", ID), 0)
        self.assertEqual(["max 100000", "0", "1"], inside())

    def test_resources_as_json(self):
        self.start("exec sleep 600")
        limit = "memory.max" if control_file(self.state_of(), "memory.max") else "memory.limit_in_bytes"
        # Down and up again: memory and memory+swap must be written in another order.
        for size in (40 * MIB, 400 * MIB, 80 * MIB):
            resources = {"memory": {"limit": size, "swap": size + 10 * MIB}, "pids": {"limit": 77}}
            self.assert_ends(self.moat("update", "--resources", "-", ID, stdin=json.dumps(resources)), 0)
            self.assertEqual((size, 77), (self.number(limit), self.number("pids.max")))

    def test_failed_update_changes_nothing(self):
        self.start("exec sleep 600")
        self.assert_ends(self.moat("update", "--pids-limit", "60", "--memory", "100M", ID), 0)
        self.assert_refused(self.moat("update", "--memory", "4096", "--pids-limit", "70", "--cpu-share", "100", ID),
                            "memory.limit")
        self.assertEqual(60, self.number("pids.max"))
        self.assert_refused(self.moat("update", "-r", "-", ID, stdin='{"pids": {"limit": "x"}}'), "resources.pids.limit")
        self.assert_refused(self.moat("update", "-r", "-", ID, stdin="nonsense"), "JSON")
        self.assert_refused(self.moat("update", "--memory", "lots", ID), "--memory", "lots")
        self.assert_refused(self.moat("update", "--memory", "1M", "unknown"), "does not exist")


class SupervisorsLimits(Running):
    """What a container makes sentry and gofer do is bounded as what it does itself."""
    def used(self):
        """Seconds of CPU that sentry and gofer have used; skips where no group counts them."""
        v1 = control_file(self.state_of(), "cpuacct.usage", ".moat")
        v2 = control_file(self.state_of(), "cpu.stat", ".moat")
        if v1:
            return int(v1.read_text()) / 1e9
        if not v2 or not control_file(self.state_of(), "cpu.max", ".moat"):
            self.skipTest("no control group counts CPU time")
        return int(v2.read_text().split()[1]) / 1e6

    def limits(self, suffix):
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.shares", "cpu.max", "cpu.weight")
        return {name: file.read_text() for name in names if (file := control_file(self.state_of(), name, suffix))}

    def test_supervisors_have_the_limits_of_cpu_time_too(self):
        # Processes that do nothing but ask for names.
        self.start("for i in 1 2 3 4; do while :; do test -e /x; done & done; wait")
        self.assert_ends(self.moat("update", "--cpu-quota", "20000", "--cpu-period", "100000", "--cpu-share", "512", ID), 0)
        self.assertEqual(self.limits(""), self.limits(".moat"))
        time.sleep(0.2)
        begin, before = time.monotonic(), self.used()
        time.sleep(2)
        used, passed = self.used() - before, time.monotonic() - begin
        self.assertLess(used, 0.3 * passed)
        self.assertGreater(used, 0)


class Events(Running):
    def test_stats(self):
        self.start("exec sleep 600")
        event = json.loads(self.moat("events", "--stats", ID).out)
        self.assertEqual(("stats", ID), (event["type"], event["id"]))
        data = event["data"]
        self.assertEqual(1, data["pids"]["current"])
        self.assertGreater(data["cpu"]["usage"]["total"], 0)
        self.assertGreater(data["memory"]["usage"]["usage"], 0)
        self.assertIn("throttling", data["cpu"])
        self.assertIn("ioServiceBytesRecursive", data["blkio"])

    def test_events_end_with_the_container(self):
        self.start("exec sleep 600")
        with open(self.folder / "events", "wb") as out:
            watcher = subprocess.Popen([MOAT, "--root", self.state, "events", "--interval", "200ms", ID], stdout=out)
        lines = lambda: (self.folder / "events").read_text().splitlines()
        self.assertTrue(wait_until(lambda: len(lines()) >= 2, 10))
        self.assert_ends(self.moat("kill", ID, "KILL"), 0)
        self.assertEqual(0, watcher.wait(10))
        self.assertEqual({"stats"}, {json.loads(line)["type"] for line in lines()})

    def test_out_of_memory_is_told(self):
        self.start("sleep 1; tail /dev/zero; exec sleep 600")
        self.assert_ends(self.moat("update", "--memory", "30M", "--memory-swap", "30M", ID), 0)
        with open(self.folder / "events", "wb") as out:
            watcher = subprocess.Popen([MOAT, "--root", self.state, "events", "--interval", "1h", ID], stdout=out)
        self.assertTrue(wait_until(lambda: '"oom"' in (self.folder / "events").read_text(), 20))
        self.assert_ends(self.moat("kill", ID, "KILL"), 0)
        self.assertEqual(0, watcher.wait(10))
        self.assertEqual({"type": "oom", "id": ID}, json.loads((self.folder / "events").read_text().splitlines()[0]))


class Processes(Running):
    def test_ps(self):
        self.start("sleep 600 & sleep 601 & wait")
        pids = lambda: json.loads(self.moat("ps", "--format", "json", ID).out)
        self.assertTrue(wait_until(lambda: len(pids()) == 3))
        self.assertIn(self.state_of()["pid"], pids())
        table = self.moat("ps", ID).out.splitlines()
        self.assertIn("PID", table[0])
        self.assertEqual(3, len(table) - 1)
        self.assertTrue(any("sleep 601" in line for line in table), table)
        self.assert_refused(self.moat("ps", "unknown"), "does not exist")

    def test_words_behind_the_id_are_for_ps_itself(self):
        self.start("exec sleep 600")
        def table():
            return [line.split() for line in self.moat("ps", ID, "-e", "-o", "pid,comm").out.splitlines()]
        expected = [["PID", "COMMAND"], [str(self.state_of()["pid"]), "sleep"]]  # once the shell has executed it
        self.assertTrue(wait_until(lambda: table() == expected), table())
        # ps(1) has an -f of its own, and does not know what "json" is.
        result = self.moat("ps", ID, "-f", "json")
        self.assertNotEqual(0, result.code)
        self.assertIn("ps failed", result.err)
        self.assertEqual([self.state_of()["pid"]], json.loads(self.moat("ps", "-f", "json", ID).out))

    def test_kill_all(self):
        self.start("trap '' USR1; (trap 'echo child; exit' USR1; echo up; while :; do sleep 0.1; done) & "
                   "while :; do sleep 0.1; done")
        self.assertTrue(wait_until(lambda: "up" in self.out.read_text()))
        self.assert_ends(self.moat("kill", "--all", ID, "USR1"), 0)
        self.assertTrue(wait_until(lambda: "child" in self.out.read_text()))
        self.assertEqual("running", self.status(ID))
        self.assert_ends(self.moat("kill", "-a", ID, "9"), 0)
        self.assertTrue(wait_until(lambda: self.status(ID) == "stopped"))
        self.assert_refused(self.moat("kill", "-a", ID, "9"), "container not running")


class Flags(Running):
    def test_pidfd_socket(self):
        path = str(self.folder / "pidfd.sock")
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(1)
        self.addCleanup(server.close)
        received = []

        def receive():
            connection, _ = server.accept()
            with connection:
                received.append(socket.recv_fds(connection, 4096, 4))
        thread = threading.Thread(target=receive)
        thread.start()
        self.start("exec sleep 600", "--pidfd-socket", path)
        thread.join(30)
        message, fds, _, _ = received[0]
        self.assertGreater(len(message), 0)
        self.assertEqual(1, len(fds))
        info = pathlib.Path(f"/proc/self/fdinfo/{fds[0]}").read_text()
        self.assertIn(f"Pid:\t{self.state_of()['pid']}\n", info)
        signal.pidfd_send_signal(fds[0], signal.SIGKILL)
        os.close(fds[0])
        self.assertTrue(wait_until(lambda: self.status(ID) == "stopped"))

    def test_globals_as_clients_write_them(self):
        log = self.folder / "log.json"
        result = self.moat("--log", log, "--log-format", "json", "--systemd-cgroup=false", "-rootless=auto", "kill", "nobody")
        self.assertEqual(1, result.code)
        line = json.loads(log.read_text().splitlines()[-1])
        self.assertEqual({"level", "msg", "time"}, set(line))
        self.assertEqual("error", line["level"])
        self.assertIn("does not exist", line["msg"])

    def test_fault_of_the_command_line_is_logged(self):
        log = self.folder / "log.json"
        self.assertEqual(1, self.moat("--log", log, "--log-format", "json", "state", "--nonsense", ID).code)
        self.assertIn("--nonsense", json.loads(log.read_text().splitlines()[-1])["msg"])

    def test_version(self):
        lines = self.moat("--version").out.splitlines()
        self.assertEqual(["moat version", "commit:", "spec:"],
                         [" ".join(line.split()[:-1]) for line in lines])

    def test_features_are_true(self):
        features = json.loads(self.moat("features").out)
        self.assertEqual(6, len(features["hooks"]))
        self.assertIn("CAP_SYS_ADMIN", features["linux"]["capabilities"])
        self.assertIn("SCMP_ACT_ERRNO", features["linux"]["seccomp"]["actions"])
        # Every option of a mount that the page of features has is taken for one of ours: on a tmpfs, whose own options
        # are others, an unknown one is an error.
        mapped = {"idmap", "ridmap", "bind", "rbind", "remount", "mand"}
        self.delete_at_end(ID)
        def change(config):
            config["process"]["args"] = ["true"]
            config["mounts"] += [{"destination": f"/mnt/{option}", "type": "tmpfs", "source": "tmpfs", "options": [option]}
                                 for option in features["mountOptions"] if option not in mapped]
        self.assertGreater(len(features["mountOptions"]), 50)
        self.assert_ends(self.moat("run", "--bundle", self.bundle(self.writable(root("base")), change), ID), 0, "")

    def test_without_control_groups(self):
        self.delete_at_end(ID)
        def change(config):
            config["process"]["args"] = ["echo", "hello"]
            config["linux"].pop("resources", None)
        bundle = self.bundle(root("base"), change)
        self.assert_ends(self.moat("--cgroup-manager", "disabled", "run", "--bundle", bundle, ID), 0, "hello\n")
        config = json.loads((bundle / "config.json").read_text())
        config["linux"]["resources"] = {"memory": {"limit": 64 * MIB}}
        (bundle / "config.json").write_text(json.dumps(config))
        self.assert_refused(self.moat("--cgroup-manager=disabled", "run", "--bundle", bundle, ID), "memory.limit")
        self.assert_refused(self.moat("--systemd-cgroup", "run", "--bundle", bundle, ID), "systemd")

    def test_config_beside_the_bundle(self):
        self.delete_at_end(ID)
        bundle = self.bundle(root("base"), lambda config: config["process"].update(args=["echo", "other"]))
        other = self.folder / "other.json"
        (bundle / "config.json").rename(other)
        self.assert_ends(self.moat("run", "--bundle", bundle, "--config", other, ID), 0, "other\n")

    def test_checkpoint_and_restore_are_not_supported(self):
        self.assert_refused(self.moat("checkpoint", "--image-path", "x", ID), "not supported")
        self.assert_refused(self.moat("restore", "-no-subreaper", "--detach", ID), "not supported")


if __name__ == "__main__":
    main()
