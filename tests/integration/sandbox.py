"""What the integration and security tests share: running moat, and seeing that nothing is left.

A test program calls main(), which takes the test's name from the command line, moves into a mount
namespace of its own, and runs the test in a child while it reaps what the test's processes leave,
as containerd's shim does. So processes and mounts that a test leaves behind are found whatever else
the machine does at the same time.
"""

import ctypes
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SKIPPED = 77
TESTS = pathlib.Path(__file__).resolve().parent.parent
MOAT = os.environ.get("MOAT_BINARY", str(TESTS.parent / "build/release/bin/moat"))
PROGRAMS = os.environ.get("MOAT_TEST_PROGRAMS", str(TESTS.parent / "build/release/test_programs"))
CLEAN_UP_SECONDS = 5.0
# The container of this test. Tests run side by side with state directories of their own, but the
# default cgroup has its name from the id alone.
ID = f"test-{os.getpid()}"

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWNS = 0x00020000
_reaper = os.getpid()  # of all that the test starts
_MS_REC_PRIVATE = 0x4000 | (1 << 18)


def _check(result, call):
    if result != 0:
        raise OSError(ctypes.get_errno(), call)


def root(name):
    """The path of the Debian root `name`; ends the test program when it cannot be had."""
    made = subprocess.run([TESTS / "rootfs/build_rootfs.sh", name], capture_output=True, text=True)
    if made.returncode != 0:
        print(made.stderr, file=sys.stderr)
        sys.exit(made.returncode)
    return made.stdout.strip()


@dataclasses.dataclass
class Result:
    code: int  # exit code; 128+n as a shell says for a signal
    out: str
    err: str


def run(command, *, limit=60, stdin=None, **options):
    """Runs to the end, at most `limit` seconds; then everything is killed and code is 124."""
    # A process group of its own, as `timeout` without --foreground makes one.
    full = ["timeout", "-k", "5", str(limit), *map(str, command)]
    process = subprocess.Popen(full, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               errors="replace", **options)
    try:
        out, err = process.communicate(stdin, timeout=limit + 15)
    except subprocess.TimeoutExpired:
        # Something that outlived moat still holds the pipe.
        process.kill()
        kill_all(descendants(os.getpid()))
        out, err = process.communicate()
    return Result(process.returncode, out, err)


def state_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return ""


def descendants(pid):
    """All processes below `pid`, nearest first."""
    found, waiting = [], [pid]
    while waiting:
        parent = waiting.pop(0)
        try:
            text = "".join(p.read_text() for p in pathlib.Path(f"/proc/{parent}/task").glob("*/children"))
        except OSError:
            continue
        below = [int(p) for p in text.split()]
        found += below
        waiting += below
    return found


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def kill_all(pids):
    for pid in reversed(pids):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def running():
    """Pids of all that this test started and that has not ended, orphans among them."""
    started = [pid for pid in descendants(_reaper) if pid != os.getpid()]
    return [pid for pid in started if state_of(pid) not in ("Z", "X", "")]


def nothing_runs():
    return not running()


def is_of_another_test(group, folder):
    """Whether a container with a state elsewhere holds the group: others may be about to fill it or remove it."""
    try:
        state = os.getxattr(group, "user.moat.container").decode()
    except OSError:
        return False
    # /run is the test's own where clients run.
    return os.path.isdir(state) and not state.startswith((f"{folder}/", "/run/"))


def empty_moat_cgroups(folder):
    """Cgroups of our containers without any process: those of running ones have some."""
    found = set()
    for group, _, _ in os.walk("/sys/fs/cgroup"):
        if "/moat/" not in group:
            continue
        try:
            populated = any((pathlib.Path(below) / "cgroup.procs").read_text().strip()
                            for below, _, _ in os.walk(group))
        except OSError:
            continue
        if not populated and not is_of_another_test(group, folder):
            found.add(group)
    return found


def wait_until(condition, limit=CLEAN_UP_SECONDS):
    """Whether `condition` came true within `limit` seconds."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class SandboxTest(unittest.TestCase):
    """Every test has a folder and a state directory of its own, and must leave nothing behind."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="moat-test."))
        self.folder.chmod(0o755)
        self.state = self.folder / "state"
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self._mounts = self._mount_points()
        self._cgroups = empty_moat_cgroups(self.folder)
        self.addCleanup(self._see_that_nothing_is_left)

    @staticmethod
    def _mount_points():
        lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
        return sorted(line.split()[4] for line in lines)

    def _see_that_nothing_is_left(self):
        try:
            left = [] if wait_until(nothing_runs) else [f"{p} {name_of(p)}" for p in running()]
            self.assertEqual([], left, "processes left behind")
            self.assertEqual(self._mounts, self._mount_points(), "mounts left behind")
            self.assertEqual(set(), self._cgroups_left(), "cgroups left behind")
            self.assertEqual([], self.containers_in_state(), "state left behind")
        finally:
            kill_all(running())

    def _cgroups_left(self):
        """Those that are empty whenever we look; others may be about to be filled or removed."""
        left = empty_moat_cgroups(self.folder) - self._cgroups

        def gone():
            nonlocal left
            left &= empty_moat_cgroups(self.folder)
            return not left
        wait_until(gone)
        return left

    def containers_in_state(self):
        return sorted(p.name for p in self.state.iterdir()) if self.state.is_dir() else []

    def moat(self, *arguments, **options):
        return run([MOAT, "--root", self.state, *arguments], **options)

    def end(self, process):
        """Ends a moat that was started by hand, and deletes what it could not."""
        process.kill()
        process.wait()
        for container in self.containers_in_state():
            self.assert_ends(self.moat("delete", "--force", container), 0)

    def do(self, *arguments, **options):
        """moat do --no-tty ARGUMENTS: flags, `--`, and the command."""
        return self.moat("do", "--no-tty", *arguments, **options)

    def assert_ends(self, result, code, out=None):
        said = f"exit code {result.code}, output:\n{result.out}\nerrors:\n{result.err}"
        self.assertEqual(code, result.code, said)
        if out is not None:
            self.assertEqual(out, result.out, said)

    def assert_refused(self, result, *words, code=None):
        """A one-line error that names the thing, a non-zero exit code."""
        said = f"exit code {result.code}, output:\n{result.out}\nerrors:\n{result.err}"
        if code is None:
            self.assertNotIn(result.code, (0, 124, 137), said)
        else:
            self.assertEqual(code, result.code, said)
        self.assertEqual(1, len(result.err.strip().splitlines()), f"not one line; {said}")
        for word in words:
            self.assertIn(word, result.err, said)

    # Bundles.

    def writable(self, rootfs):
        """A copy-on-write view of `rootfs`, seen by this test and what it starts alone."""
        upper, work, merged = (self.folder / name for name in ("upper", "work", "rootfs"))
        for folder in (upper, work, merged):
            folder.mkdir()
        options = f"lowerdir={rootfs},upperdir={upper},workdir={work}"
        self.assert_ends(run(["mount", "-t", "overlay", "-o", options, "overlay", merged]), 0)
        # Lazily: a container that the test leaves is ended only after this.
        self.addCleanup(run, ["umount", "--lazy", merged])
        return merged

    def bundle(self, rootfs, change=None, name="bundle"):
        """A bundle with the default config; `change` is called with config.json as a dict."""
        folder = self.folder / name
        folder.mkdir()
        made = run([MOAT, "spec", "--bundle", folder])
        self.assert_ends(made, 0)
        config = json.loads((folder / "config.json").read_text())
        config["process"]["terminal"] = False
        config["root"]["path"] = str(rootfs)
        if change:
            change(config)
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    def delete_at_end(self, container):
        self.addCleanup(self.moat, "delete", "--force", container)

    def status(self, container):
        result = self.moat("state", container)
        return json.loads(result.out)["status"] if result.code == 0 else None


def _become_reaper():
    """Returns in a child only; this process reaps orphans, and ends as the child does."""
    global _reaper
    _reaper = os.getpid()
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")
    child = os.fork()
    if child == 0:
        _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
        return
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def enter_test_namespace():
    """Goes on in a child with a mount namespace of its own, whose orphans are reaped."""
    if os.geteuid() != 0:
        print("skipped: needs root")
        sys.exit(SKIPPED)
    if not os.access(MOAT, os.X_OK):
        sys.exit(f"there is no {MOAT}: build moat first")
    _check(_libc.unshare(_CLONE_NEWNS), "unshare")
    _check(_libc.mount(None, b"/", None, _MS_REC_PRIVATE, None), "mount")
    _become_reaper()


def main():
    """Runs the one test that the command line names, or all."""
    enter_test_namespace()
    arguments = [sys.argv[0]]
    for name in sys.argv[1:]:
        arguments += [name] if name.startswith("-") else ["-k", f"*.{name}"]
    runner = unittest.main(module="__main__", argv=arguments, exit=False, verbosity=2)
    if not runner.result.wasSuccessful():
        sys.exit(1)
    if runner.result.testsRun == 0:
        sys.exit("no such test")
    sys.exit(SKIPPED if len(runner.result.skipped) == runner.result.testsRun else 0)
