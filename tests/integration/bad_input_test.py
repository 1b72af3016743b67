#!/usr/bin/env python3
"""Bad input: each a one-line error that names the thing, a non-zero exit, and nothing left behind."""

import socket

from sandbox import ID, MOAT, Result, SandboxTest, main, root, run


class BadInput(SandboxTest):
    def refuse_config(self, change, *words):
        bundle = self.bundle(root("base"), change)
        self.assert_refused(self.moat("create", "--bundle", bundle, ID), *words)
        self.assertEqual([], self.containers_in_state())

    def refuse_text(self, text, *words):
        (self.folder / "config.json").write_text(text)
        self.assert_refused(self.moat("run", "--bundle", self.folder, ID), *words)

    def test_missing_bundle(self):
        self.assert_refused(self.moat("run", "--bundle", "/no/such/bundle", ID), "/no/such/bundle")

    def test_bundle_without_config(self):
        self.assert_refused(self.moat("run", "--bundle", self.folder, ID), "config.json")

    def test_config_that_is_not_json(self):
        self.refuse_text("this is not JSON", "config.json")

    def test_config_that_is_cut_off(self):
        self.refuse_text('{"ociVersion": "1.0.2", "process": {"ar', "config.json")

    def test_config_that_is_empty(self):
        self.refuse_text("", "config.json")

    def test_config_that_is_a_list(self):
        self.refuse_text("[]", "config.json")

    def test_config_nested_without_end(self):
        self.refuse_text("[" * 200000, "config.json")

    def test_wrong_type_of_args(self):
        self.refuse_config(lambda c: c["process"].update(args="sh"), "args")

    def test_wrong_type_of_an_argument(self):
        self.refuse_config(lambda c: c["process"].update(args=["sh", 5]), "args")

    def test_no_args(self):
        self.refuse_config(lambda c: c["process"].update(args=[]), "args")

    def test_wrong_type_of_uid(self):
        self.refuse_config(lambda c: c["process"]["user"].update(uid="root"), "uid")

    def test_uid_out_of_range(self):
        self.refuse_config(lambda c: c["process"]["user"].update(uid=1 << 40), "uid")

    def test_relative_cwd(self):
        self.refuse_config(lambda c: c["process"].update(cwd="tmp"), "cwd")

    def test_cwd_that_is_missing(self):
        self.refuse_config(lambda c: c["process"].update(cwd="/no/such/folder"), "/no/such/folder")

    def test_unknown_rlimit(self):
        limit = {"type": "RLIMIT_NONSENSE", "soft": 1, "hard": 1}
        self.refuse_config(lambda c: c["process"].update(rlimits=[limit]), "RLIMIT_NONSENSE")

    def test_duplicate_rlimit(self):
        limit = {"type": "RLIMIT_NOFILE", "soft": 1, "hard": 1}
        self.refuse_config(lambda c: c["process"].update(rlimits=[limit, limit]), "RLIMIT_NOFILE")

    def test_duplicate_namespace(self):
        self.refuse_config(lambda c: c["linux"]["namespaces"].append({"type": "pid"}), "namespaces")

    def test_unknown_namespace(self):
        self.refuse_config(lambda c: c["linux"]["namespaces"].append({"type": "nonsense"}), "nonsense")

    def test_namespace_path_of_another_type(self):
        change = lambda c: c["linux"].update(
            namespaces=[n for n in c["linux"]["namespaces"] if n["type"] != "network"]
            + [{"type": "network", "path": "/proc/self/ns/ipc"}])
        self.refuse_config(change, "/proc/self/ns/ipc")

    def test_missing_root(self):
        bundle = self.bundle("/no/such/root")
        self.assert_refused(self.moat("run", "--bundle", bundle, ID), "/no/such/root")

    def test_root_that_is_a_file(self):
        bundle = self.bundle("/etc/passwd")
        self.assert_refused(self.moat("run", "--bundle", bundle, ID), "/etc/passwd")

    def test_mount_source_that_is_missing(self):
        mount = {"destination": "/mnt", "type": "bind", "source": "/no/such/source", "options": ["bind"]}
        self.refuse_config(lambda c: c["mounts"].append(mount), "/no/such/source")

    def test_command_that_is_missing(self):
        bundle = self.bundle(root("base"), lambda c: c["process"].update(args=["/no/such/command"]))
        self.assert_refused(self.moat("run", "--bundle", bundle, ID), "/no/such/command", code=127)

    def test_command_that_may_not_be_executed(self):
        bundle = self.bundle(root("base"), lambda c: c["process"].update(args=["/etc/passwd"]))
        self.assert_refused(self.moat("run", "--bundle", bundle, ID), "/etc/passwd", code=126)

    def test_unknown_id(self):
        for command in (["state"], ["start"], ["kill"], ["delete"]):
            self.assert_refused(self.moat(*command, "nobody"), "nobody")

    def test_invalid_ids(self):
        bundle = self.bundle(root("base"))
        for name in ("../escape", "a/b", ".", "..", "", "x" * 2000, "new\nline"):
            result = self.moat("create", "--bundle", bundle, name)
            self.assertNotEqual(0, result.code, name)
        self.assertFalse((self.folder / "escape").exists())

    def test_unknown_signal(self):
        self.assert_refused(self.moat("kill", "nobody", "NONSENSE"), "")

    def test_no_arguments(self):
        for command in ("run", "create", "start", "state", "kill", "delete"):
            self.assertNotIn(self.moat(command).code, (0, 124), command)

    def test_unknown_command(self):
        result = self.moat("frobnicate")
        self.assertNotEqual(0, result.code)
        self.assertIn("frobnicate", result.err)

    def test_bad_volumes(self):
        for volume, word in (("/no/such:/x", "/no/such"), ("/usr:relative", "relative"), ("nonsense", "nonsense"),
                             ("/usr:/x:nonsense", "nonsense")):
            self.assert_refused(self.do("--volume", volume, "--", "true"), word)

    def test_bad_numbers(self):
        for flag, value in (("--memory", "many"), ("--memory", "-5"), ("--pids", "x"), ("--cpus", "-1"),
                            ("--timeout", "soon"), ("--user", "no:such:user"), ("--user", "0x1"),
                            ("--net", "moon"), ("--env", "=x")):
            result = self.do(flag, value, "--", "true")
            self.assertNotIn(result.code, (0, 124), f"{flag} {value}")
            self.assertIn(flag.strip("-"), result.err)

    def test_missing_rootfs(self):
        self.assert_refused(self.do("--rootfs", "/no/such/root", "--", "true"), "/no/such/root")

    def test_rootfs_that_is_a_file(self):
        self.assert_refused(self.do("--rootfs", "/etc/passwd", "--", "true"), "/etc/passwd", "not a directory")

    def test_thousands_of_mappings(self):
        def change(config, count):
            config["linux"]["namespaces"].append({"type": "user"})
            ranges = [{"containerID": 2 * n, "hostID": 100000 + 2 * n, "size": 1} for n in range(count)]
            config["linux"].update(uidMappings=ranges, gidMappings=ranges)
        for number, count in enumerate((5000, 341, 340)):
            bundle = self.bundle(root("base"), lambda c, n=count: change(c, n), name=f"bundle{number}")
            self.assert_refused(self.moat("run", "--bundle", bundle, ID), "linux.uidMappings", "ranges")

    def test_console_socket_on_which_nobody_accepts(self):
        path = str(self.folder / "console.sock")
        server, waiting = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        self.addCleanup(waiting.close)
        server.bind(path)
        server.listen(0)
        waiting.connect(path)  # the queue is full
        bundle = self.bundle(root("base"), lambda c: c["process"].update(terminal=True))
        result = self.moat("create", "--bundle", bundle, "--console-socket", path, ID)
        self.assert_refused(result, "--console-socket", "nobody")
        self.assertEqual([], self.containers_in_state())

    def test_console_socket_that_is_a_file(self):
        bundle = self.bundle(root("base"), lambda c: c["process"].update(terminal=True))
        result = self.moat("create", "--bundle", bundle, "--console-socket", bundle / "config.json", ID)
        self.assert_refused(result, "--console-socket", "ECONNREFUSED")
        self.assertEqual([], self.containers_in_state())

    def test_full_disk(self):
        bundle = self.bundle(root("base"), lambda c: c["process"].update(args=["true"]))
        self.state.mkdir(0o700)
        self.assert_ends(run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", self.state]), 0)
        self.addCleanup(run, ["umount", "--lazy", self.state])
        ballast, codes = self.state / "ballast", []
        for pages in range(0, 12):  # that are left; somewhere among them it begins to work
            ballast.unlink(missing_ok=True)
            ballast.write_bytes(b"x" * 4096 * (64 - 1 - pages))
            result = self.moat("run", "--bundle", bundle, ID)
            if result.code != 0:
                self.assert_refused(result, "ENOSPC")
            codes.append(result.code)
            self.assertEqual(["ballast"], self.containers_in_state())
        self.assertNotEqual(0, codes[0])
        self.assertEqual(0, codes[-1])
        ballast.unlink()

    def with_read_only_groups(self, change):
        # In a mount namespace of its own: nobody else's view changes.
        script = ('for mount in $(awk \'$3 ~ /^cgroup/ {print $2}\' /proc/self/mounts); do '
                  'mount -o remount,bind,ro "$mount" || exit 99; done; exec "$@"')
        bundle = self.bundle(root("base"), change)
        return run(["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh",
                    MOAT, "--root", self.state, "run", "--bundle", bundle, ID])

    def test_read_only_control_groups(self):
        result = self.with_read_only_groups(lambda c: (
            c["process"].update(args=["echo", "ran"]), c["linux"].update(resources={})))
        self.assert_ends(result, 0, "ran\n")
        self.assertIn("no control groups", result.err)

    def test_limits_with_read_only_control_groups(self):
        result = self.with_read_only_groups(lambda c: c["linux"].update(resources={"pids": {"limit": 10}}))
        self.assert_refused(result, "EROFS", "cgroup")

    def test_user_namespace_that_may_not_set_groups(self):
        result = run(["unshare", "--user", "--map-root-user", MOAT, "--root", self.state, "do", "--no-tty",
                      "--", "id", "-u"])
        self.assert_ends(result, 0, "0\n")

    def test_no_permission_for_namespaces(self):
        # A user namespace limit of 0 is what hosts set that forbid namespaces.
        script = ('echo 0 > /proc/sys/user/max_user_namespaces && shift && exec "$@"')
        result = run(["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc",
                      "sh", "-c", script, "sh", "x", MOAT, "--root", self.state, "do", "--no-tty", "--rootfs",
                      root("base"), "--cwd", "/", "--", "true"])
        # That there are no control groups either is a warning of its own.
        errors = [line for line in result.err.splitlines() if not line.startswith("moat: warning")]
        self.assert_refused(Result(result.code, result.out, "\n".join(errors)))


if __name__ == "__main__":
    main()
