#!/usr/bin/env python3
"""moat for an ordinary user, without any privilege and without anybody's preparations."""

import json
import os
import pathlib
import subprocess
import shutil

import sandbox
from sandbox import ID, MOAT, SandboxTest, main, root, run

UID = 61234
NAME = "moat-ordinary"
FIRST, COUNT = 700000, 65536  # of the further ids


class Rootless(SandboxTest):
    """As user UID, who is in passwd(5), with the further ids that `sub_ids` says."""

    sub_ids = f"{NAME}:{FIRST}:{COUNT}\n"

    def setUp(self):
        super().setUp()
        if self.sub_ids and not shutil.which("newuidmap"):
            self.skipTest("newuidmap is not installed (scripts/install_deps.sh --tests installs it)")
        self.cover_etc()
        with open("/etc/passwd", "a", encoding="utf-8") as passwd:
            passwd.write(f"{NAME}:x:{UID}:{UID}::/nonexistent:/bin/sh\n")
        for name in ("/etc/subuid", "/etc/subgid"):
            pathlib.Path(name).write_text(self.sub_ids)
        # Where moat lies, the user may not come.
        parts = self.bind(pathlib.Path(MOAT).resolve().parent.parent, "moat")
        self.program = parts / "bin/moat"
        self.own = self.folder / "own"
        self.own.mkdir()
        os.chown(self.own, UID, UID)
        self.state = self.own / "state"

    def cover_etc(self):
        """An /etc that can be written to, in this test's mount namespace."""
        layers = self.folder / "etc"
        for name in ("upper", "work"):
            (layers / name).mkdir(parents=True)
        options = f"lowerdir=/etc,upperdir={layers}/upper,workdir={layers}/work"
        self.assert_ends(run(["mount", "-t", "overlay", "-o", options, "overlay", "/etc"]), 0)
        self.addCleanup(run, ["umount", "--lazy", "/etc"])

    def command(self, *words):
        return ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--", self.program, "--root", self.state, *words]

    def moat(self, *words, **options):
        return run(self.command(*words), cwd=self.own, **options)

    def bind(self, source, name):
        """Shows `source` where the user can reach it."""
        place = self.folder / name
        place.mkdir()
        self.assert_ends(run(["mount", "--bind", source, place]), 0)
        self.addCleanup(run, ["umount", "--lazy", place])
        return place

    def bundle(self, script, change=None):
        folder = self.own / "bundle"
        folder.mkdir()
        os.chown(folder, UID, UID)
        self.assert_ends(self.moat("spec", "--bundle", folder), 0)
        path = folder / "config.json"
        config = json.loads(path.read_text())
        config["process"].update(terminal=False, args=["sh", "-c", script])
        config["root"].update(path=str(self.bind(root("base"), "rootfs")), readonly=True)
        if change:
            change(config)
        path.write_text(json.dumps(config))
        return folder

    def lines_without_warning(self, result):
        """Where no group is delegated, that is said and no error."""
        return [line for line in result.err.splitlines() if "no control groups" not in line]

    def assert_runs(self, result, out):
        self.assert_ends(result, 0, out)
        self.assertEqual([], self.lines_without_warning(result))


class WithFurtherIds(Rootless):
    def test_do(self):
        self.assert_runs(self.do("--", "sh", "-c", "id -u; id -g; touch /tmp/x && chown 5:6 /tmp/x && stat -c %u:%g /tmp/x"),
                         "0\n0\n5:6\n")

    def test_do_writes_as_the_caller(self):
        self.assert_runs(self.do("--write-cwd", "--", "sh", "-c", "touch one && touch two && chown 5 two"), "")
        self.assertEqual(UID, (self.own / "one").stat().st_uid)
        self.assertEqual(FIRST + 4, (self.own / "two").stat().st_uid)

    def test_do_sees_no_file_of_others(self):
        secret = self.own / "secret"
        secret.write_text("x")
        secret.chmod(0o600)  # root's
        result = self.do("--", "cat", "secret")
        self.assertEqual(1, result.code)
        self.assertIn("Permission denied", result.err)

    def cover_file(self, path, text):
        """Mounts a file of ours over `path`, as container managers do with /etc/resolv.conf."""
        source = self.folder / "covering"
        source.write_text(text)
        source.chmod(0o644)
        pathlib.Path(path).touch()
        self.assert_ends(run(["mount", "--bind", source, path]), 0)
        self.addCleanup(run, ["umount", "--lazy", path])

    def test_do_with_a_mount_below_etc(self):
        self.cover_file("/etc/moat-covered", "covered\n")
        script = ("cat /etc/moat-covered; grep -c ^root: /etc/passwd; ls -d /etc/shadow 2>/dev/null; readlink /etc/mtab >/dev/null && echo link; "
                  "echo x > /etc/moat-covered && cat /etc/moat-covered")
        self.assert_runs(self.do("--", "sh", "-c", script), "covered\n1\nlink\nx\n")
        self.assertEqual("covered\n", pathlib.Path("/etc/moat-covered").read_text())

    def test_do_with_a_mount_below_usr(self):
        self.assert_ends(run(["mount", "-t", "tmpfs", "tmpfs", "/usr/local"]), 0)
        self.addCleanup(run, ["umount", "--lazy", "/usr/local"])
        result = self.do("--", "true")
        self.assertEqual(1, result.code)
        said = self.lines_without_warning(result)
        self.assertEqual(1, len(said), said)
        for words in ("/usr/local is mounted below /usr", "--rootfs"):
            self.assertIn(words, said[0])

    def test_run(self):
        bundle = self.bundle("cat /proc/self/uid_map | tr -s ' '; setpriv --reuid 7 --clear-groups id -u", lambda c: [
            names.extend(["CAP_SETUID", "CAP_SETGID"]) for names in c["process"]["capabilities"].values()])
        self.assert_runs(self.moat("run", "--bundle", bundle, ID), f" 0 0 1\n 1 1 {COUNT}\n7\n")

    def test_life(self):
        bundle = self.bundle("trap 'exit 3' TERM; while :; do sleep 0.05; done")
        self.delete_at_end(ID)
        with open(self.folder / "out", "wb") as out:
            made = subprocess.run(list(map(str, self.command("create", "--bundle", bundle, ID))), stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=out, timeout=60).returncode
        self.assertEqual(0, made, (self.folder / "out").read_text())
        self.assertEqual("created", self.status(ID))
        self.assert_ends(self.moat("start", ID), 0)
        self.assertEqual("running", self.status(ID))
        self.assert_runs(self.moat("exec", ID, "sh", "-c", "echo in; id -u; cat /proc/1/comm"), "in\n0\nsh\n")
        self.assert_runs(self.moat("exec", "--user", "7", ID, "id", "-u"), "7\n")
        listed = json.loads(self.moat("list", "--format", "json").out)
        self.assertEqual([(ID, NAME)], [(one["id"], one["owner"]) for one in listed])
        self.assert_ends(self.moat("kill", ID, "TERM"), 0)
        self.assertTrue(sandbox.wait_until(lambda: self.status(ID) == "stopped"))
        self.assert_ends(self.moat("delete", ID), 0)

    def test_other_users_container_is_out_of_reach(self):
        # Root's state directory.
        result = run(self.command("list"), cwd="/")
        self.assert_ends(result, 0)
        self.state = pathlib.Path("/run/moat-of-root")
        self.assert_refused(self.moat("list"), "/run/moat-of-root")

    def test_limits_need_a_group(self):
        bundle = self.bundle("true", lambda c: c["linux"].update(resources={"pids": {"limit": 10}}))
        self.assert_refused(self.moat("run", "--bundle", bundle, ID), "cgroup", "EACCES")


class WithOneId(Rootless):
    sub_ids = ""

    def test_do_with_one_id(self):
        self.assert_runs(self.do("--", "sh", "-c", "id -u; echo x > /tmp/x; cat /tmp/x; grep -c . /proc/self/uid_map"), "0\nx\n1\n")

    def test_do_with_one_id_has_no_other(self):
        result = self.do("--", "sh", "-c", "touch /tmp/x; chown 5 /tmp/x")
        self.assertEqual(1, result.code)
        self.assertIn("Invalid argument", result.err)

    def test_run_and_exec_with_one_id(self):
        bundle = self.bundle("exec sleep 600", lambda c: [m["options"].remove("gid=5") for m in c["mounts"]
                                                     if "gid=5" in m.get("options", [])])
        self.delete_at_end(ID)
        with open(self.folder / "out", "wb") as out:
            made = subprocess.run(list(map(str, self.command("run", "-d", "--bundle", bundle, ID))), stdin=subprocess.DEVNULL,
                                  stdout=out, stderr=out, timeout=60).returncode
        self.assertEqual(0, made, (self.folder / "out").read_text())
        self.assert_runs(self.moat("exec", ID, "sh", "-c", "id -u; cat /proc/1/comm"), "0\nsleep\n")


if __name__ == "__main__":
    main()
