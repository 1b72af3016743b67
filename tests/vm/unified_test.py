#!/usr/bin/env python3
"""moat on a host with cgroup v2 alone and systemd; runs in the machine of run_in_vm.py."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import sandbox
from sandbox import ID, MOAT, SandboxTest, main, root, run, wait_until

MIB = 1 << 20
GROUPS = pathlib.Path("/sys/fs/cgroup")
PATIENCE = 60  # seconds; the machine is emulated


class Unified(SandboxTest):
    def start(self, script, resources=None, change=None, flags=()):
        """A running container with `resources`; the directory of its control group."""
        def edit(config):
            config["process"]["args"] = ["sh", "-c", script]
            config["root"]["readonly"] = True
            config["linux"]["resources"] = resources or {}
            if change:
                change(config)
        self.delete_at_end(ID)
        self.out, errors = self.folder / "out", self.folder / "errors"
        # The container keeps these streams: a pipe would not end.
        with open(self.out, "wb") as out, open(errors, "wb") as err:
            started = subprocess.run(
                ["timeout", "-k", "5", "120", MOAT, "--root", self.state, *flags, "run", "-d", "--bundle",
                 self.bundle(root("base"), edit), ID], stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        self.assertEqual(0, started.returncode, errors.read_text())
        return self.group_of(self.init())

    def init(self):
        return json.loads(self.moat("state", ID).out)["pid"]

    @staticmethod
    def group_of(pid):
        line = pathlib.Path(f"/proc/{pid}/cgroup").read_text().strip()
        return GROUPS / line.removeprefix("0::/")

    def assert_files(self, group, values):
        for name, value in values.items():
            self.assertEqual(value, (group / name).read_text().strip(), name)

    def wait_for(self, word):
        self.assertTrue(wait_until(lambda: word in self.out.read_text(), PATIENCE), self.out.read_text())


class Limits(Unified):
    def test_files_of_limits(self):
        group = self.start("sleep 600", {
            "memory": {"limit": 64 * MIB, "swap": 96 * MIB, "reservation": 32 * MIB},
            "cpu": {"shares": 1024, "quota": 50000, "period": 100000, "cpus": "0", "mems": "0"},
            "pids": {"limit": 30}, "unified": {"memory.high": str(48 * MIB)}})
        self.assert_files(group, {
            "memory.max": str(64 * MIB), "memory.swap.max": str(32 * MIB), "memory.low": str(32 * MIB),
            "memory.high": str(48 * MIB), "cpu.max": "50000 100000", "cpuset.cpus": "0", "pids.max": "30"})
        self.assertIn((group / "cpu.weight").read_text().strip(), ("39", "100"))
        supervisors = group.with_name(group.name + ".moat")
        self.assert_files(supervisors, {"cpu.max": "50000 100000", "cpuset.cpus": "0", "memory.high": "max", "pids.max": "max"})

    def test_sentry_and_gofer_are_beside_the_container(self):
        group = self.start("sleep 600")
        beside = group.with_name(group.name + ".moat")
        names = sorted(sandbox.name_of(pid) for pid in (beside / "cgroup.procs").read_text().split())
        self.assertEqual(["moat-gofer", "moat-sentry"], names)

    def test_pids_limit_holds(self):
        group = self.start("(for i in 1 2 3 4 5 6 7 8; do sleep 600 & done); echo over; exec sleep 600",
                           {"pids": {"limit": 5}})
        self.wait_for("over")
        self.assertIn("fork", (self.folder / "errors").read_text())
        self.assertRegex((group / "pids.events").read_text(), "max [1-9]")

    def test_memory_limit_holds(self):
        group = self.start("tail /dev/zero; echo over; sleep 600",
                           {"memory": {"limit": 32 * MIB, "swap": 32 * MIB}})
        self.wait_for("over")
        self.assertRegex((group / "memory.events").read_text(), r"oom_kill [1-9]")

    def test_container_sees_its_limits(self):
        self.start("grep MemTotal /proc/meminfo; cat /sys/fs/cgroup/memory.max; echo seen; sleep 600",
                   {"memory": {"limit": 64 * MIB}})
        self.wait_for("seen")
        self.assertIn(str(64 * 1024), self.out.read_text())

    def test_update(self):
        group = self.start("sleep 600", {"memory": {"limit": 64 * MIB}, "pids": {"limit": 30}})
        self.assert_ends(self.moat("update", "--memory", "128M", "--pids-limit", "40", "--cpu-quota", "20000",
                                   "--cpu-period", "100000", ID), 0)
        self.assert_files(group, {"memory.max": str(128 * MIB), "pids.max": "40", "cpu.max": "20000 100000"})
        self.assert_files(group.with_name(group.name + ".moat"), {"cpu.max": "20000 100000"})
        seen = self.moat("exec", ID, "sh", "-c", "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max cpuset.cpus.effective")
        cpus = (group / "cpuset.cpus.effective").read_text()
        self.assert_ends(seen, 0, f"{128 * MIB}\n40\n20000 100000\n{cpus}")

    def test_what_version_2_lacks_is_refused(self):
        def change(config):
            config["process"]["args"] = ["true"]
            config["linux"]["resources"] = {"memory": {"swappiness": 10}}
        result = self.moat("run", "--bundle", self.bundle(root("base"), change), ID)
        self.assert_refused(result, "memory.swappiness")


class Devices(Unified):
    """By a BPF program on the group: cgroup v2 has no devices controller."""

    def open_disk(self, resources):
        disk = os.stat("/dev/vda").st_rdev
        def change(config):
            config["linux"]["devices"] = [{"path": "/dev/disk", "type": "b", "major": os.major(disk),
                                           "minor": os.minor(disk), "fileMode": 0o666}]
        rule = {"type": "b", "major": os.major(disk), "minor": os.minor(disk)}
        deny = {"allow": False, "access": "rwm"}
        self.start("head -c 512 /dev/disk | wc -c; head -c 4 /dev/zero | wc -c; echo done; sleep 600",
                   {"devices": [deny, *({**rule, **more} for more in resources)]}, change)
        self.wait_for("done")
        return self.out.read_text().split()

    def test_device_without_a_rule_is_refused(self):
        self.assertEqual(["0", "4", "done"], self.open_disk([]))

    def test_device_with_a_rule_opens(self):
        self.assertEqual(["512", "4", "done"], self.open_disk([{"allow": True, "access": "rm"}]))


class Life(Unified):
    def test_pause_and_resume(self):
        group = self.start("while :; do echo on; sleep 0.05; done")
        self.wait_for("on")
        self.assert_ends(self.moat("pause", ID), 0)
        self.assert_files(group, {"cgroup.freeze": "1"})
        self.assertIn("frozen 1", (group / "cgroup.events").read_text())
        self.assertEqual("paused", self.status(ID))
        self.assert_ends(self.moat("resume", ID), 0)
        self.assert_files(group, {"cgroup.freeze": "0"})
        size = self.out.stat().st_size
        self.assertTrue(wait_until(lambda: self.out.stat().st_size > size, PATIENCE))

    def test_paused_container_is_deleted(self):
        group = self.start("sleep 600")
        self.assert_ends(self.moat("pause", ID), 0)
        self.assert_ends(self.moat("delete", "--force", ID), 0)
        self.assertFalse(group.exists())

    def test_statistics(self):
        self.start("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo counted; sleep 600",
                   {"memory": {"limit": 64 * MIB}, "pids": {"limit": 30}})
        self.wait_for("counted")
        result = self.moat("events", "--stats", ID)
        self.assert_ends(result, 0)
        data = json.loads(result.out)["data"]
        self.assertGreater(data["cpu"]["usage"]["total"], 0)
        self.assertGreater(data["memory"]["usage"]["usage"], 0)
        self.assertEqual(64 * MIB, data["memory"]["usage"]["limit"])
        self.assertEqual(30, data["pids"]["limit"])

    def test_kill_all(self):
        group = self.start("sleep 600 & sleep 600 & echo up; wait")
        self.wait_for("up")
        self.assert_ends(self.moat("kill", "--all", ID, "KILL"), 0)
        self.assertTrue(wait_until(lambda: self.status(ID) == "stopped", PATIENCE))
        self.assert_ends(self.moat("delete", ID), 0)
        self.assertFalse(group.exists())

    def test_exec_joins_the_group(self):
        group = self.start("exec sleep 600")
        result = self.moat("exec", ID, "cat", "/proc/1/comm")
        self.assert_ends(result, 0, "sleep\n")
        with subprocess.Popen([MOAT, "--root", self.state, "exec", ID, "sleep", "600"], stdin=subprocess.DEVNULL):
            self.assertTrue(wait_until(lambda: len((group / "cgroup.procs").read_text().split()) == 2, PATIENCE))
            self.assert_ends(self.moat("kill", "--all", ID, "KILL"), 0)

    def test_do_with_limits(self):
        result = self.do("--memory", "64M", "--pids", "20", "--cpus", "0.5", "--", "sh", "-c",
                         "grep MemTotal /proc/meminfo; cat /sys/fs/cgroup/pids.max")
        self.assert_ends(result, 0)
        self.assertEqual([str(64 * 1024), "20"], re.findall(r"\d+", result.out))


class OrdinaryUser(Unified):
    """The user 1000 with further ids by newuidmap, as podman sets it up, and the control groups that its
    systemd has been given."""

    def as_user(self, *words, prepared=True):
        """Runs in a scope of the user's systemd; when prepared, as root of a user namespace."""
        environment = {"XDG_RUNTIME_DIR": "/run/user/1000", "HOME": "/home/user", "PATH": os.environ["PATH"],
                       "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1000/bus"}
        return run(["setpriv", "--reuid=1000", "--regid=1000", "--init-groups", "--", "systemd-run", "--user",
                    "--scope", "--quiet", "--", *(["unshare", "--user", "--map-root-user", "--map-auto", "--"] if prepared else []),
                    *words],
                   env=environment, cwd="/", limit=120)


class Rootless(OrdinaryUser):
    OWN = "/user.slice/user-1000.slice/user@1000.service/app.slice"

    def run_as_user(self, resources):
        def change(config):
            config["process"]["args"] = ["sh", "-c", "id -u; cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max"]
            config["root"]["readonly"] = True
            config["linux"].update(cgroupsPath=f"{self.OWN}/{ID}", resources=resources)
        bundle = self.bundle(root("base"), change)
        self.folder.chmod(0o777)
        return self.as_user(MOAT, "--root", self.folder / "own", "run", "--bundle", bundle, ID)

    def test_run(self):
        self.assert_ends(self.run_as_user({}), 0, "0\nmax\nmax\n")

    def test_limits(self):
        result = self.run_as_user({"memory": {"limit": 64 * MIB}, "pids": {"limit": 20}})
        self.assert_ends(result, 0, f"0\n{64 * MIB}\n20\n")

    def test_do(self):
        result = self.as_user(MOAT, "--root", "/run/user/1000/moat", "do", "--no-tty", "--", "id", "-u")
        self.assert_ends(result, 0, "0\n")

    def test_do_by_itself(self):
        # No namespace is prepared: moat asks newuidmap itself.
        result = self.as_user(MOAT, "--root", "/run/user/1000/moat", "do", "--no-tty", "--", "sh", "-c",
                              "id -u; touch /tmp/x && chown 9 /tmp/x && stat -c %u /tmp/x", prepared=False)
        self.assert_ends(result, 0, "0\n9\n")


class Systemd(Unified):
    """The machine's systemd manages the groups."""

    def start_in_scope(self, path, resources=None):
        group = self.start("sleep 600", resources, lambda c: c["linux"].update(cgroupsPath=path), ["--systemd-cgroup"])
        return str(group.relative_to(GROUPS))

    def show(self, unit, name):
        return run(["systemctl", "show", "--property", name, "--value", unit], limit=PATIENCE).out.strip()

    def test_scope(self):
        unit = f"moat-{ID}.scope"
        group = self.start_in_scope("", {"memory": {"limit": 64 * MIB}, "cpu": {"shares": 2048}, "pids": {"limit": 30}})
        self.assertEqual(f"system.slice/{unit}/container", group)
        self.assertEqual(["active", "yes"], [self.show(unit, name) for name in ("ActiveState", "Delegate")])
        weight = (GROUPS / group / "cpu.weight").read_text().strip()
        self.assertNotEqual("100", weight)
        self.assertEqual(weight, self.show(unit, "CPUWeight"))
        self.assert_files(GROUPS / group, {"memory.max": str(64 * MIB), "pids.max": "30"})
        self.assertEqual({"container", "container.moat"}, {p.name for p in (GROUPS / group).parent.iterdir() if p.is_dir()})
        self.assert_ends(self.moat("update", "--cpu-share", "4096", "--memory", "96M", ID), 0)
        self.assertEqual((GROUPS / group / "cpu.weight").read_text().strip(), self.show(unit, "CPUWeight"))
        # systemd leaves alone what is below a scope that it has handed over.
        self.assert_ends(run(["systemctl", "daemon-reload"], limit=120), 0)
        self.assert_files(GROUPS / group, {"memory.max": str(96 * MIB), "pids.max": "30"})
        self.assert_ends(self.moat("exec", ID, "true"), 0)
        self.assert_ends(self.moat("delete", "--force", ID), 0)
        self.assertTrue(wait_until(lambda: not (GROUPS / group).parent.exists(), PATIENCE))
        self.assertTrue(wait_until(lambda: self.show(unit, "LoadState") == "not-found", PATIENCE))

    def test_name_can_be_used_again_at_once(self):
        for _ in range(2):
            self.start_in_scope("")
            self.assert_ends(self.moat("delete", "--force", ID), 0)
            shutil.rmtree(self.folder / "bundle")

    def test_slice(self):
        self.assertEqual(f"moattest.slice/moattest-deep.slice/p-{ID}.scope/container", self.start_in_scope(f"moattest-deep.slice:p:{ID}"))
        self.assert_ends(self.moat("delete", "--force", ID), 0)
        run(["systemctl", "stop", "moattest.slice"], limit=PATIENCE)

    def test_what_is_no_scope_is_refused(self):
        for number, (path, word) in enumerate((("/plain/path", "slice:prefix:name"), ("x:y:z", ".slice"), (":p:", "empty"),
                                               ("a.slice:p:b.slice", "slice"), ("a.slice:p:b c", "letters"))):
            bundle = self.bundle(root("base"), lambda c, p=path: c["linux"].update(cgroupsPath=p), name=f"bundle{number}")
            self.assert_refused(self.moat("--systemd-cgroup", "create", "--bundle", bundle, ID), word)

    def test_unit_that_is_there_is_refused(self):
        self.assert_ends(run(["systemd-run", "--quiet", f"--unit=moat-{ID}.scope", "--scope", "sh", "-c",
                              "sleep 600 </dev/null >/dev/null 2>&1 &"], limit=PATIENCE), 0)
        self.addCleanup(run, ["systemctl", "stop", f"moat-{ID}.scope"], limit=PATIENCE)
        self.assert_refused(self.moat("--systemd-cgroup", "create", "--bundle", self.bundle(root("base")), ID), "UnitExists")

    def test_failed_create_leaves_no_unit(self):
        def change(config):
            config["process"]["args"] = ["true"]
            config["mounts"].append({"destination": "/x", "type": "bind", "source": "/no/such", "options": ["bind"]})
        self.assert_refused(self.moat("--systemd-cgroup", "create", "--bundle", self.bundle(root("base"), change), ID), "/no/such")
        self.assertTrue(wait_until(lambda: self.show(f"moat-{ID}.scope", "LoadState") == "not-found", PATIENCE))

    def test_podman(self):
        podman = ["podman", "--runtime", MOAT, "--cgroup-manager", "systemd", "--events-backend", "file", "--root", self.folder / "podman"]
        self.addCleanup(run, [*podman, "rm", "--all", "--force", "--time", "0"], limit=120)
        result = run([*podman, "run", "--rm", "--network", "none", "--memory", "64m", "--rootfs", self.writable(root("base")),
                      "sh", "-c", "cat /proc/1/comm /sys/fs/cgroup/memory.max"], limit=240)
        self.assert_ends(result, 0, f"sh\n{64 * MIB}\n")


class UsersSystemd(OrdinaryUser):
    def test_scope_of_the_users_systemd(self):
        def change(config):
            config["process"]["args"] = ["cat", "/sys/fs/cgroup/memory.max"]
            config["root"]["readonly"] = True
            config["linux"].update(cgroupsPath="", resources={"memory": {"limit": 64 * MIB}})
        bundle = self.bundle(root("base"), change)
        self.folder.chmod(0o777)
        result = self.as_user(MOAT, "--root", self.folder / "own", "--systemd-cgroup", "run", "--bundle", bundle, ID,
                              prepared=False)
        self.assert_ends(result, 0, f"{64 * MIB}\n")


if __name__ == "__main__":
    main()
