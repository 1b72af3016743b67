#!/usr/bin/env python3
"""A container that joins the pid namespace of another one (docs/adr/011-shared-pids.md)."""

import json
import os
import pathlib
import signal
import subprocess

from sandbox import ID, MOAT, SandboxTest, main, root, run, state_of, wait_until

OWNER, GUEST = f"{ID}-owner", f"{ID}-guest"
EVERYTHING = "while :; do sleep 0.05; done"


class SharedPids(SandboxTest):
    def start(self, name, script, change=None, command="run", code=0):
        """A container that runs on its own; what it writes goes to a file of its name."""
        self.delete_at_end(name)

        def whole(config):
            config["process"]["args"] = ["sh", "-c", script]
            config["root"]["readonly"] = True
            if change:
                change(config)
        bundle = self.bundle(root("base"), whole, name=f"bundle-{name}")
        detach = ["-d"] if command == "run" else []
        with open(self.folder / name, "wb") as out:
            done = subprocess.run(["timeout", "-k", "5", "60", MOAT, "--root", self.state, command, *detach, "--bundle", bundle, name],
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.assertEqual(code, done.returncode, self.said(name))

    def said(self, name):
        return (self.folder / name).read_text()

    def record(self, name):
        return json.loads((self.state / name / "state.json").read_text())

    def join(self, change=None):
        pid = self.record(OWNER)["init"]["pid"]

        def whole(config):
            spaces = [n for n in config["linux"]["namespaces"] if n["type"] != "pid"]
            config["linux"]["namespaces"] = spaces + [{"type": "pid", "path": f"/proc/{pid}/ns/pid"}]
            if change:
                change(config)
        return whole

    def start_both(self, guest, owner="exec sleep 1000", change=None):
        self.start(OWNER, owner)
        self.start(GUEST, guest, self.join(change))

    def assert_stops(self, name):
        self.assertTrue(wait_until(lambda: self.status(name) == "stopped", 10), self.status(name))

    def assert_says(self, name, text):
        self.assertTrue(wait_until(lambda: text in self.said(name), 10), self.said(name))

    def test_sees_the_processes_of_the_other(self):
        self.start_both("cat /proc/1/comm; cat /proc/1/cmdline | tr '\\0' ' '; ps -e -o comm= | sort | tr '\\n' ' '; echo $(($$ > 1)); exec sleep 500")
        self.assert_says(GUEST, "1\n")
        self.assertEqual("sleep\nsleep 1000 ps sh sleep sort tr 1\n", self.said(GUEST))
        self.assertEqual(os.readlink(f"/proc/{self.record(OWNER)['init']['pid']}/ns/pid"),
                         os.readlink(f"/proc/{self.record(GUEST)['init']['pid']}/ns/pid"))
        listed = self.moat("exec", OWNER, "sh", "-c", "ps -e -o args= | grep -c '^sleep 500'")
        self.assert_ends(listed, 0, "1\n")

    def test_supervisors_are_not_seen(self):
        self.start_both("for p in /proc/[0-9]*; do cat $p/comm; done; echo end; exec sleep 500")
        self.assert_says(GUEST, "end")
        self.assertNotIn("moat", self.said(GUEST))

    def test_files_and_memory_of_the_other_are_out_of_reach(self):
        script = ("for f in exe cwd root; do readlink /proc/1/$f || echo no $f; done; ls /proc/1/root/ >/dev/null 2>&1 || echo no tree; "
                  "grep -q . /proc/1/environ 2>/dev/null || echo no environ; cat /proc/1/maps 2>&1 | grep -q sleep || echo no maps; "
                  "readlink /proc/1/fd/0 || echo no fd; strace -p 1 2>&1 | grep -c 'not permitted'; echo end; exec sleep 500")

        def all_capabilities(config):
            for names in config["process"]["capabilities"].values():
                names.extend(["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN"])
        self.start_both(script, change=all_capabilities)
        self.assert_says(GUEST, "end")
        said = self.said(GUEST)
        for line in ("no exe", "no cwd", "no root", "no tree", "no environ", "no maps", "no fd"):
            self.assertIn(f"{line}\n", said)

    def test_the_owner_is_as_far_from_the_guest(self):
        self.start_both("exec sleep 500", owner="sleep 1000 & exec sleep 1001")
        script = ("p=$(ps -e -o pid=,args= | sed -n 's/ *\\([0-9]*\\) sleep 500$/\\1/p'); readlink /proc/$p/exe || echo no exe; "
                  "grep -q . /proc/$p/environ 2>/dev/null || echo no environ; ls /proc/$p/root/ >/dev/null 2>&1 || echo no tree")
        self.assert_ends(self.moat("exec", OWNER, "sh", "-c", script), 0, "no exe\nno environ\nno tree\n")

    def test_signals_between_the_containers(self):
        self.start_both("kill -TERM $(ps -e -o pid=,args= | sed -n 's/ *\\([0-9]*\\) sleep 1000$/\\1/p') && echo sent; exec sleep 500",
                        owner="sleep 1000; echo woken; exec sleep 1001")
        self.assert_says(GUEST, "sent")
        self.assert_says(OWNER, "woken")

    def test_own_files_programs_and_exec(self):
        self.start_both("exec sleep 500")
        result = self.moat("exec", GUEST, "sh", "-c", "cat /etc/debian_version >/dev/null && python3 -c 'import os; print(os.getpid() > 1)'; cat /proc/self/comm")
        self.assert_ends(result, 0, "True\ncat\n")

    def test_the_end_of_the_guest_leaves_the_owner(self):
        self.start_both("sleep 501 & exec sleep 0.3")
        self.assert_stops(GUEST)
        # Its other processes, too, are gone, as those of a pid namespace of its own would be.
        self.assertTrue(wait_until(lambda: self.moat("exec", OWNER, "sh", "-c", "ps -e -o args= | grep -c '^sleep 501'").out == "0\n", 10))
        self.assert_ends(self.moat("delete", GUEST), 0)
        self.assertEqual("running", self.status(OWNER))

    def test_delete_of_a_running_guest_leaves_the_owner(self):
        self.start_both(f"setsid sh -c '{EVERYTHING}' & sh -c '{EVERYTHING}' & {EVERYTHING}")
        self.assert_ends(self.moat("delete", "--force", GUEST), 0)
        self.assertEqual("running", self.status(OWNER))
        self.assert_ends(self.moat("exec", OWNER, "sh", "-c", "ps -e -o args= | grep -c '[s]leep 0'"), 1, "0\n")

    def test_processes_of_other_users_end_with_the_guest(self):
        def may_change_users(config):
            for names in config["process"]["capabilities"].values():
                names.extend(["CAP_SETUID", "CAP_SETGID"])
        self.start_both("setpriv --reuid 7 --regid 7 --clear-groups sleep 502 & exec sleep 0.5", change=may_change_users)
        self.assert_stops(GUEST)
        self.assertTrue(wait_until(lambda: self.moat("exec", OWNER, "sh", "-c", "ps -e -o args= | grep -c '^sleep 502'").out == "0\n", 10))
        self.assertEqual("running", self.status(OWNER))

    def test_the_end_of_the_owner_ends_both(self):
        self.start_both("exec sleep 500")
        self.assert_ends(self.moat("kill", OWNER, "KILL"), 0)
        self.assert_stops(OWNER)
        self.assert_stops(GUEST)
        self.assert_ends(self.moat("delete", OWNER), 0)
        self.assert_ends(self.moat("delete", GUEST), 0)

    def test_a_killed_sentry_of_the_guest_ends_both(self):
        self.start_both(EVERYTHING)
        guest = self.record(GUEST)
        os.kill(guest["sentry"]["pid"], signal.SIGKILL)
        self.assert_stops(GUEST)
        self.assert_stops(OWNER)
        self.assertTrue(wait_until(lambda: state_of(guest["init"]["pid"]) in ("", "Z"), 10))

    def test_a_killed_gofer_of_the_guest_ends_the_guest(self):
        self.start_both(EVERYTHING)
        os.kill(self.record(GUEST)["gofer"]["pid"], signal.SIGKILL)
        self.assert_stops(GUEST)
        self.assertEqual("running", self.status(OWNER))

    def test_a_failing_create_leaves_the_owner(self):
        self.start(OWNER, "exec sleep 1000")

        def no_program(config):
            config["process"]["args"] = ["/no/such/program"]
        self.start(GUEST, "", self.join(no_program), command="create", code=127)
        self.assertEqual("running", self.status(OWNER))

    def test_a_third_joins_by_the_second(self):
        self.start_both("exec sleep 500")
        pid = self.record(GUEST)["init"]["pid"]

        def by_guest(config):
            spaces = [n for n in config["linux"]["namespaces"] if n["type"] != "pid"]
            config["linux"]["namespaces"] = spaces + [{"type": "pid", "path": f"/proc/{pid}/ns/pid"}]
        third = f"{ID}-third"
        self.start(third, "ps -e -o args= | grep -c '^sleep'; exec sleep 400", by_guest)
        self.assert_says(third, "2\n")
        self.assert_ends(self.moat("delete", "--force", GUEST), 0)
        self.assertEqual(("running", "running"), (self.status(OWNER), self.status(third)))

    def test_other_pid_namespaces_are_refused(self):
        holder = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", "echo ready; exec sleep 1000"],
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        holder.stdout.readline()
        for number, path in enumerate(("/proc/self/ns/pid", f"/proc/{holder.pid}/ns/pid_for_children", "/no/such/pid")):
            def change(config, path=path):
                spaces = [n for n in config["linux"]["namespaces"] if n["type"] != "pid"]
                config["linux"]["namespaces"] = spaces + [{"type": "pid", "path": path}]
            bundle = self.bundle(root("base"), change, name=f"bundle{number}")
            self.assert_refused(self.moat("create", "--bundle", bundle, ID), "linux.namespaces (pid)", path)
        self.assertEqual([], self.containers_in_state())


if __name__ == "__main__":
    main()
