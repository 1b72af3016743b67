"""What the benchmarks share: runtimes, and bundles with runc's default config on one root."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LIMIT_SECONDS = 180
# For bundles and state: a tmpfs, as /run is, where runtimes keep their state.
WORK = "/dev/shm"


class Runtime:
    """A way to run `arguments` on the root file system. `why_not` says why it cannot be used."""

    def __init__(self, name, command, options):
        self.name, self.command, self.options = name, command, options
        self.why_not = None if shutil.which(command[0]) else "not installed"
        self.count = 0

    def next_id(self):
        self.count += 1
        return f"bench-{os.getpid()}-{self.name.replace(' ', '-')}-{self.count}"

    def call(self, *words):
        """The command line that has the runtime do something."""
        return [*self.command, "--root", f"{self.options.work}/{self.name}", *words]

    def invocation(self, arguments):
        bundle = make_bundle(self.options, arguments)
        return self.call("run", "--bundle", bundle, self.next_id())

    def run(self, arguments):
        done = subprocess.run(["timeout", "-k", "5", str(LIMIT_SECONDS), *self.invocation(arguments)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"exit {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}")
        return done.stdout


def runc_config(options):
    folder = pathlib.Path(options.work) / "spec"
    folder.mkdir(exist_ok=True)
    if not (folder / "config.json").exists():
        maker = ["runc"] if shutil.which("runc") else [options.moat]
        subprocess.run([*maker, "spec", "--bundle", folder], check=True)
    return json.loads((folder / "config.json").read_text())


def make_bundle(options, arguments):
    config = runc_config(options)
    config["process"].update(args=arguments, terminal=False)
    config["root"] = {"path": options.rootfs, "readonly": True}
    if options.guest_folder:
        config["mounts"].append({"destination": "/mnt", "type": "bind", "source": options.guest_folder,
                                 "options": ["bind", "ro"]})
    bundle = tempfile.mkdtemp(prefix="bundle.", dir=options.work)
    (pathlib.Path(bundle) / "config.json").write_text(json.dumps(config))
    return bundle


def add_common_options(parser):
    parser.add_argument("--only", help="names of runtimes, with commas")
    parser.add_argument("--json", help="also write all figures to this file")
    parser.add_argument("--smoke", action="store_true", help="one short round: that it works")
    parser.add_argument("--moat", default=str(HERE.parent / "build/release/bin/moat"))
    parser.add_argument("--rootfs", help="default: the Debian root of the tests")


def find_rootfs():
    return subprocess.run([HERE.parent / "tests/rootfs/build_rootfs.sh", "base"], check=True, capture_output=True,
                          text=True).stdout.strip()


def below(pid):
    """Pids of all processes below `pid`, as text."""
    tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    for child in " ".join(t.read_text() for t in tasks).split():
        yield child
        yield from below(child)


def memory_of(pid):
    """Private bytes and the proportional share of all memory of a process."""
    private = shared = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_"):
            private += int(line.split()[1]) * 1024
        elif line.startswith("Pss:"):
            shared = int(line.split()[1]) * 1024
    return private, shared


def in_words(nanoseconds):
    for unit, size in (("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.2f} {unit}"
    return f"{nanoseconds:.0f} ns"


def ratio_in_words(ours, theirs):
    ratios = [a / b for a, b in zip(ours, theirs)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
