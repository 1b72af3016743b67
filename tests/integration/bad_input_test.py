#!/usr/bin/env python3
"""Bad input: each a one-line error that names the thing, a non-zero exit, and nothing left behind."""

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

    def test_user_namespace_that_may_not_set_groups(self):
        result = run(["unshare", "--user", "--map-root-user", MOAT, "--root", self.state, "do", "--no-tty",
                      "--", "true"])
        self.assert_refused(result, "setgroups", "newgidmap")

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
