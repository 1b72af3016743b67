#!/usr/bin/env python3
"""The OCI commands: run, create, start, state, kill, delete, list, spec."""

import array
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

from sandbox import ID, MOAT, SandboxTest, main, root, run, wait_until


def arguments(*args):
    def change(config):
        config["process"]["args"] = list(args)
    return change


def shell(script):
    return arguments("sh", "-c", script)


class Spec(SandboxTest):
    def test_writes_a_config_that_is_json(self):
        self.assert_ends(self.moat("spec", "--bundle", self.folder), 0)
        config = json.loads((self.folder / "config.json").read_text())
        self.assertEqual({"ociVersion", "process", "root"} - set(config), set())

    def test_does_not_overwrite(self):
        (self.folder / "config.json").write_text("mine")
        self.assert_refused(self.moat("spec", "--bundle", self.folder), "config.json")
        self.assertEqual("mine", (self.folder / "config.json").read_text())


class Run(SandboxTest):
    def run_bundle(self, change, name=ID, **options):
        self.delete_at_end(name)
        return self.moat("run", "--bundle", self.bundle(self.writable(root("base")), change), name, **options)

    def test_own_default_config(self):
        self.assert_ends(self.run_bundle(shell("echo hello; exit 9")), 9, "hello\n")

    def test_default_config_of_runc(self):
        made = run(["runc", "spec", "--bundle", self.folder])
        if made.code != 0:
            self.skipTest("runc is not installed")
        config = json.loads((self.folder / "config.json").read_text())
        config["process"]["terminal"] = False
        config["process"]["args"] = ["sh", "-c", "id -u; hostname; cat /proc/1/comm; touch /x"]
        config["root"]["path"] = root("base")
        (self.folder / "config.json").write_text(json.dumps(config))
        self.delete_at_end(ID)
        result = self.moat("run", "--bundle", self.folder, ID)
        self.assertEqual("0\nrunc\nsh\n", result.out, result.err)
        self.assertIn("Read-only", result.err)
        self.assertNotIn("moat:", result.err)

    def test_signal_of_the_process(self):
        # A fault of its own: signals that an init sends itself are dropped by the kernel.
        change = arguments("python3", "-c", "import ctypes; ctypes.string_at(0)")
        self.assert_ends(self.run_bundle(change), 128 + signal.SIGSEGV)

    def test_user_groups_and_umask(self):
        def change(config):
            shell("id -u; id -g; id -G; umask")(config)
            config["process"]["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [5, 6], "umask": 0o27}
        self.assert_ends(self.run_bundle(change), 0, "1000\n1001\n1001 5 6\n0027\n")

    def test_environment_and_cwd(self):
        def change(config):
            shell("echo $NAME; pwd")(config)
            config["process"]["env"] = ["PATH=/usr/bin:/bin", "NAME=value"]
            config["process"]["cwd"] = "/usr"
        self.assert_ends(self.run_bundle(change), 0, "value\n/usr\n")

    def test_read_only_root(self):
        def change(config):
            shell("touch /x")(config)
            config["root"]["readonly"] = True
        result = self.run_bundle(change)
        self.assertIn("Read-only", result.err)

    def test_capabilities(self):
        def change(config):
            shell("grep CapEff /proc/self/status; chown 1 /tmp 2>/dev/null || echo refused")(config)
            for name in config["process"]["capabilities"]:
                config["process"]["capabilities"][name] = ["CAP_KILL"]
            config["root"]["readonly"] = False
        self.assert_ends(self.run_bundle(change), 0, "CapEff:\t0000000000000020\nrefused\n")

    def test_rlimits(self):
        def change(config):
            shell("ulimit -n; ulimit -Hn")(config)
            config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
        self.assert_ends(self.run_bundle(change), 0, "100\n200\n")

    def test_no_new_privileges_shows(self):
        self.assert_ends(self.run_bundle(shell("grep NoNewPrivs /proc/self/status")), 0, "NoNewPrivs:\t1\n")

    def test_user_namespace_with_mappings(self):
        def change(config):
            shell("id -u; cat /proc/self/uid_map | tr -s ' '")(config)
            config["linux"]["namespaces"].append({"type": "user"})
            config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 0, "size": 65536}]
            config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 0, "size": 65536}]
        result = self.run_bundle(change)
        self.assertEqual(0, result.code, result.err)
        self.assertTrue(result.out.startswith("0\n"), result.out)

    def test_bind_mount_and_tmpfs(self):
        shared = self.folder / "shared"
        shared.mkdir()
        def change(config):
            shell("echo out > /data/file; echo x > /scratch/file && cat /scratch/file; touch /fixed/x")(config)
            config["root"]["readonly"] = False
            config["mounts"] += [
                {"destination": "/data", "type": "bind", "source": str(shared), "options": ["rbind", "rw"]},
                {"destination": "/fixed", "type": "bind", "source": str(shared), "options": ["rbind", "ro"]},
                {"destination": "/scratch", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m"]},
            ]
        # The mount points are made in the root file system: take a copy-on-write one.
        result = self.run_bundle(change)
        self.assertEqual("x\n", result.out, result.err)
        self.assertIn("Read-only", result.err)
        self.assertEqual("out\n", (shared / "file").read_text())

    def test_masked_and_read_only_paths(self):
        def change(config):
            shell("cat /etc/hostname; echo x > /etc/motd")(config)
            config["root"]["readonly"] = False
            config["linux"]["maskedPaths"] = ["/etc/hostname"]
            config["linux"]["readonlyPaths"] = ["/etc"]
        result = self.run_bundle(change)
        self.assertEqual("", result.out)
        self.assertIn("Read-only", result.err)

    def test_memory_limit(self):
        def change(config):
            arguments("tail", "/dev/zero")(config)  # looks for the last lines of endless data
            config["linux"]["resources"] = {"memory": {"limit": 64 << 20}}
        result = self.run_bundle(change)
        self.assert_ends(result, 128 + signal.SIGKILL, "")
        self.assertIn("memory limit of 67108864 bytes", result.err)

    def test_pids_limit(self):
        def change(config):
            shell("for i in $(seq 40); do sleep 2 & done; echo all")(config)
            config["linux"]["resources"] = {"pids": {"limit": 20}}
        result = self.run_bundle(change)
        self.assertNotIn("all", result.out)
        self.assertRegex(result.err, "(?i)fork|resource|temporarily")

    def test_cpu_limit(self):
        def change(config):
            shell("timeout 2 sh -c 'while :; do :; done'; times")(config)
            config["linux"]["resources"] = {"cpu": {"quota": 20000, "period": 100000}}
        result = self.run_bundle(change)
        # Of the children, user and system: "0m0.400000s 0m0.000000s".
        used = sum(float(word[2:-1]) for word in result.out.splitlines()[-1].split())
        self.assertGreater(used, 0.1, result.out)
        self.assertLess(used, 0.9, result.out)

    def test_fields_not_honoured_yet_are_named(self):
        def change(config):
            shell("true")(config)
            config["linux"]["intelRdt"] = {"closID": "x"}
        self.assert_refused(self.run_bundle(change), "intelRdt")


class LifeCycle(SandboxTest):
    def create(self, change, name=ID, *flags):
        self.delete_at_end(name)
        bundle = self.bundle(self.writable(root("base")), change)
        # The container keeps these streams after create has ended: files, as a pipe would not close.
        with open(self.folder / "out", "wb") as out, open(self.folder / "err", "wb") as err:
            command = ["timeout", "-k", "5", "60", MOAT, "--root", self.state, "create", "--bundle", bundle, *flags, name]
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err).returncode
        self.assertEqual(0, code, (self.folder / "err").read_text())
        return bundle

    def output(self):
        return (self.folder / "out").read_text()

    def test_create_start_delete(self):
        pid_file = self.folder / "pid"
        bundle = self.create(shell("echo started; sleep 0.2; exit 3"), ID, "--pid-file", str(pid_file))
        state = json.loads(self.moat("state", ID).out)
        self.assertEqual((ID, "created", str(bundle)), (state["id"], state["status"], state["bundle"]))
        self.assertEqual(str(state["pid"]), pid_file.read_text())
        self.assertEqual("", self.output())
        self.assert_ends(self.moat("start", ID), 0)
        self.assertTrue(wait_until(lambda: self.status(ID) == "stopped"))
        self.assertEqual("started\n", self.output())
        self.assert_ends(self.moat("delete", ID), 0)
        self.assert_refused(self.moat("state", ID), ID)

    def test_running_can_be_killed_not_deleted(self):
        self.create(shell("exec sleep 600"))
        self.assert_ends(self.moat("start", ID), 0)
        self.assertEqual("running", self.status(ID))
        self.assert_refused(self.moat("delete", ID), ID)
        self.assert_ends(self.moat("kill", ID, "KILL"), 0)
        self.assertTrue(wait_until(lambda: self.status(ID) == "stopped"))
        self.assert_ends(self.moat("delete", ID), 0)

    def test_kill_by_number_and_name(self):
        self.create(shell("trap 'echo usr1' USR1; trap 'echo term; exit 0' TERM; while :; do sleep 0.1; done"))
        self.moat("start", ID)
        time.sleep(0.5)
        self.assert_ends(self.moat("kill", ID, str(int(signal.SIGUSR1))), 0)
        self.assertTrue(wait_until(lambda: self.output() == "usr1\n"))
        self.assert_ends(self.moat("kill", ID, "SIGTERM"), 0)
        self.assertTrue(wait_until(lambda: self.status(ID) == "stopped"))

    def test_delete_force_ends_a_running_one(self):
        self.create(shell("exec sleep 600"))
        self.moat("start", ID)
        self.assert_ends(self.moat("delete", "--force", ID), 0)

    def test_created_can_be_deleted_by_force(self):
        self.create(shell("echo never"))
        self.assert_ends(self.moat("delete", "--force", ID), 0)
        self.assertEqual("", self.output())

    def test_force_delete_of_an_unknown_one_is_fine(self):
        self.assert_ends(self.moat("delete", "--force", "unknown"), 0)

    def test_start_twice_is_an_error(self):
        self.create(shell("exec sleep 600"))
        self.moat("start", ID)
        self.assert_refused(self.moat("start", ID), ID)

    def test_duplicate_id_is_an_error(self):
        bundle = self.create(shell("exec sleep 600"))
        self.assert_refused(self.moat("create", "--bundle", bundle, ID), ID)
        self.assertEqual("created", self.status(ID))

    def test_one_id_in_two_state_directories(self):
        # By default both would get one control group.
        self.create(shell("true"))
        self.assert_ends(self.moat("start", ID), 0)
        self.assertTrue(wait_until(lambda: self.status(ID) == "stopped"))
        other = self.folder / "other"
        with_other = lambda *words: run([MOAT, "--root", other, *words])
        self.addCleanup(with_other, "delete", "--force", ID)
        bundle = self.bundle(root("base"), shell("sleep 600"), name="bundle2")
        self.assert_refused(with_other("create", "--bundle", bundle, ID), "control group", str(self.state / ID))
        self.assertEqual([], list(other.iterdir()))
        config = json.loads((bundle / "config.json").read_text())
        config["linux"]["cgroupsPath"] = f"{ID}-other"
        (bundle / "config.json").write_text(json.dumps(config))
        null = subprocess.DEVNULL
        self.assertEqual(0, subprocess.run([MOAT, "--root", other, "run", "-d", "--bundle", bundle, ID], timeout=60,
                                           stdin=null, stdout=null, stderr=null).returncode)
        self.assert_ends(self.moat("delete", ID), 0)
        self.assertEqual("running", json.loads(with_other("state", ID).out)["status"])

    def test_kill_of_a_stopped_one_is_an_error(self):
        self.create(shell("exit 0"))
        self.moat("start", ID)
        self.assertTrue(wait_until(lambda: self.status(ID) == "stopped"))
        self.assert_refused(self.moat("kill", ID, "TERM"), "not running")

    def test_list_knows_them(self):
        self.create(shell("exec sleep 600"))
        listed = json.loads(self.moat("list", "--format", "json").out)
        self.assertEqual([(ID, "created")], [(c["id"], c["status"]) for c in listed])
        self.assertIn(ID, self.moat("list").out)
        self.assertEqual(f"{ID}\n", self.moat("list", "--quiet").out)

    def test_change_of_config_after_create_has_no_effect(self):
        bundle = self.create(shell("echo first"))
        (bundle / "config.json").write_text("{}")
        self.assert_ends(self.moat("start", ID), 0)
        self.assertTrue(wait_until(lambda: self.output() == "first\n"))

    def test_console_socket(self):
        path = str(self.folder / "console.sock")
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(1)
        self.addCleanup(server.close)
        received = []

        def receive():
            connection, _ = server.accept()
            with connection:
                message, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(64))
            fds = array.array("i")
            for level, kind, data in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
            received.append((message, list(fds)))

        thread = threading.Thread(target=receive)
        thread.start()

        def change(config):
            shell("tty; stty size; exit 0")(config)
            config["process"]["terminal"] = True
            config["process"]["consoleSize"] = {"height": 31, "width": 97}
        self.create(change, ID, "--console-socket", path)
        thread.join(30)
        message, fds = received[0]
        self.assertTrue(0 < len(message) < 4096)
        self.assertEqual(1, len(fds))
        self.assert_ends(self.moat("start", ID), 0)
        seen = b""
        while True:
            try:
                block = os.read(fds[0], 4096)
            except OSError:  # EIO: the other end is closed
                break
            if not block:
                break
            seen += block
        os.close(fds[0])
        self.assertIn(b"/dev/console", seen.replace(b"/dev/pts/0", b"/dev/console"))
        self.assertIn(b"31 97", seen)

    def test_terminal_without_console_socket_is_refused(self):
        def change(config):
            config["process"]["terminal"] = True
        bundle = self.bundle(self.writable(root("base")), change)
        self.assert_refused(self.moat("create", "--bundle", bundle, ID), "console-socket")


if __name__ == "__main__":
    main()
