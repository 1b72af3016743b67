"""What the tests with real clients share: a small image, and daemons that live as long as a test.

Everything of a client lies in the test's folder, and /run is a tmpfs of the test's own mount
namespace: a daemon of the machine is neither seen nor disturbed.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import time

import sandbox
from sandbox import SKIPPED, SandboxTest, root, run, wait_until

IMAGE = "moat-test"
DEPLOY = sandbox.TESTS.parent / "deploy"
START_SECONDS = 60
# Programs of the Debian root that are in the image besides busybox: dynamic ones.
DYNAMIC = ["bash", "env", "stat"]


def main(*programs):
    """As sandbox.main, but skips when a client is not installed."""
    for program in programs:
        if not shutil.which(program):
            print(f"skipped: {program} is not installed (scripts/install_deps.sh --clients installs it)")
            sys.exit(SKIPPED)
    sandbox.main()


def _libraries(base, program):
    """Paths below `base` of what the dynamic `program` of that root loads, its interpreter too."""
    listed = run(["chroot", base, "ldd", f"/bin/{program}"])
    words = " ".join(listed.out.split()).split(" ")
    return [word for word in words if word.startswith("/")]


def make_layer(folder):
    """A tar file with a small root file system, made of files of the Debian root."""
    base = pathlib.Path(root("base"))
    top = folder / "image-root"
    for name in ("bin", "etc", "tmp", "root", "proc", "sys", "dev", "var", "usr/bin", "work"):
        (top / name).mkdir(parents=True)
    (top / "tmp").chmod(0o1777)
    for name in ("passwd", "group"):
        shutil.copy(base / "etc" / name, top / "etc")
    for program in DYNAMIC:
        shutil.copy(base / "usr/bin" / program, top / "bin")
        for library in _libraries(base, program):
            target = top / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(base / library.lstrip("/"), target)
    shutil.copy(base / "usr/bin/busybox", top / "bin")
    for applet in run([base / "usr/bin/busybox", "--list"]).out.split():
        if not (top / "bin" / applet).exists():
            (top / "bin" / applet).symlink_to("busybox")
    layer = folder / "layer.tar"
    made = run(["tar", "--numeric-owner", "-C", top, "-cf", layer, "."])
    assert made.code == 0, made.err
    shutil.rmtree(top)
    return layer


def make_archive(folder, tag, command):
    """An OCI archive with the image `tag`, whose command is `command`."""
    layout, archive = folder / f"oci-{tag}", folder / f"{tag}.tar"
    image = f"{layout}:{tag}"
    words = [word for argument in command for word in ("--config.cmd", argument)]
    for step in (["init", "--layout", layout], ["new", "--image", image],
                 ["raw", "add-layer", "--image", image, make_layer(folder)],
                 ["config", "--image", image, "--config.env", "PATH=/bin", *words]):
        done = run(["umoci", *step])
        assert done.code == 0, done.err
    done = run(["tar", "-C", layout, "-cf", archive, "."])
    assert done.code == 0, done.err
    return archive


class ClientTest(SandboxTest):
    """One test with clients. Subclasses start their daemon in setUp."""

    @classmethod
    def setUpClass(cls):
        made = run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"])
        assert made.code == 0, made.err

    def start_daemon(self, command, ready, **options):
        """Starts a daemon, to be ended with the test, and waits until ready() is true."""
        log = self.folder / f"{pathlib.Path(command[0]).name}.log"
        with open(log, "wb") as out:
            daemon = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out,
                                      stderr=out, **options)
        self.addCleanup(self._end_daemon, daemon)

        def is_ready():
            if daemon.poll() is not None:
                self.fail(f"{command[0]} ended:\n{log.read_text()[-3000:]}")
            return ready()
        if not wait_until(is_ready, START_SECONDS):
            self.fail(f"{command[0]} did not come up:\n{log.read_text()[-3000:]}")

    @staticmethod
    def _end_daemon(daemon):
        daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def client(self, *arguments, code=0, **options):
        """Runs the client; its output. Fails unless it ends with `code` (None: any)."""
        result = run([*self.command, *arguments], limit=options.pop("limit", 90), **options)
        if code is not None:
            self.assert_ends(result, code)
        return result
