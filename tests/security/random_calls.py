#!/usr/bin/env python3
"""Random system calls inside a container: trinity (Debian's package), as an ordinary user.

  tests/security/random_calls.py [--moat PROGRAM] [--trinity PROGRAM] [--seconds N] [--policy NAME]

Passes when the container still ran at the end, could be deleted, left no process behind, and the
kernel's log has no new warning. Needs root.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ALARMS = re.compile(r"WARNING:|BUG:|Oops|general protection|KASAN|UBSAN|lockdep|hung task|soft lockup|rcu.*stall")


def kernel_log():
    return subprocess.run(["dmesg"], capture_output=True, text=True, check=False).stdout.splitlines()


def below(pid):
    found, waiting = [], [pid]
    while waiting:
        try:
            text = "".join(p.read_text() for p in pathlib.Path(f"/proc/{waiting.pop()}/task").glob("*/children"))
        except OSError:
            continue
        found += map(int, text.split())
        waiting += map(int, text.split())
    return found


def names(pids):
    found = []
    for pid in pids:
        try:
            found.append(pathlib.Path(f"/proc/{pid}/comm").read_text().strip())
        except OSError:
            pass
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--moat", default=os.environ.get("MOAT_BINARY"))
    parser.add_argument("--trinity", default=shutil.which("trinity"))
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--policy", default="default")
    options = parser.parse_args()
    if not options.trinity:
        print("skipped: trinity is not installed")
        return 77
    root = subprocess.run([HERE.parent / "rootfs/build_rootfs.sh", "base"], capture_output=True, text=True,
                          check=True).stdout.strip()
    before = kernel_log()
    with tempfile.TemporaryDirectory(prefix="moat-random.") as work:
        os.chmod(work, 0o755)
        shutil.copy(options.trinity, f"{work}/trinity")
        moat = [options.moat, "--root", f"{work}/state"]
        # Trinity ends itself now and then: when it thinks that the kernel is tainted, or when its parts kill each other.
        loop = "cd /tmp && while :; do timeout 120 /t/trinity -q -l off -C 4 >/dev/null 2>&1; echo round; done"
        with open(f"{work}/out", "wb") as out:
            process = subprocess.Popen(
                [*moat, "do", "--no-tty", "--rootfs", root, "--cwd", "/", "--user", "nobody", "--volume",
                 f"{work}:/t:ro", "--memory", "1G", "--pids", "400", "--policy", options.policy, "--", "sh", "-c", loop],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        end = time.monotonic() + options.seconds
        while time.monotonic() < end and process.poll() is None:
            time.sleep(1)
        running = names(below(process.pid))
        rounds = pathlib.Path(f"{work}/out").read_text(errors="replace").count("round\n")
        survived = process.poll() is None and "moat-sentry" in running and "moat-gofer" in running
        refused = 0
        for container in os.listdir(f"{work}/state"):
            file = pathlib.Path(f"{work}/state/{container}/refusals.jsonl")
            refused = len(file.read_text().splitlines()) if file.is_file() else 0
            subprocess.run([*moat, "delete", "--force", container], timeout=60, check=False)
        deleted = not os.listdir(f"{work}/state")
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            deleted = False
        said = pathlib.Path(f"{work}/out").read_text(errors="replace").replace("round\n", "")
    new = kernel_log()[len(before):]
    alarms = [line for line in new if ALARMS.search(line)]
    print(f"{options.seconds} s of trinity under {options.policy}: {rounds} rounds ended; {refused} kinds of refusal; "
          f"supervisors {'still there' if survived else 'GONE'}; container {'deleted' if deleted else 'NOT deleted'}; "
          f"{len(alarms)} alarms in {len(new)} new lines of the kernel's log")
    for line in alarms[:20]:
        print("  " + line)
    if said.strip():
        print("said: " + said.strip()[:500])
    return 0 if survived and deleted and not alarms else 1


if __name__ == "__main__":
    sys.exit(main())
