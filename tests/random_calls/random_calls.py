#!/usr/bin/env python3
"""Random system calls inside a container: by the program beside this one, or by Debian's trinity.

  random_calls.py [--seconds N] [--policy NAME] [--callers N] [--seed N] [--moat PROGRAM]
  random_calls.py --trinity /usr/bin/trinity ...

Passes when the same sentry and gofer are there at the end, the busy container can be deleted and
leaves no process behind, and the kernel's log has no new warning; with our own program also when
every call of docs/syscalls.md was made. Prints what was made. Needs root.
"""

import argparse
import collections
import dataclasses
import errno
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILT = HERE.parent.parent / "build/release"
SYSCALLS = HERE.parent.parent / "docs/syscalls.md"
SUPERVISORS = {"moat-sentry", "moat-gofer"}
# Of the kernel itself: a program that crashes is "traps: NAME[PID] general protection fault ip:".
ALARMS = re.compile(r"WARNING:|BUG:|Oops|general protection fault, |KASAN|UBSAN|lockdep|hung task|blocked for more than|"
                    r"soft lockup|rcu.*stall|type=1326.*comm=\"moat")


LAST = 511  # record.h: higher numbers are counted together


class KernelLog:
    """What the kernel says from now on."""

    def __init__(self):
        self.file = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.file, 0, os.SEEK_END)
        self.lines = []

    def read(self):
        while True:
            try:
                self.lines.append(os.read(self.file, 8192).decode(errors="replace").rstrip())
            except BlockingIOError:
                return
            except BrokenPipeError:
                self.lines.append("WARNING: lines were lost before they were read")


@dataclasses.dataclass
class Outcome:
    survived: bool
    deleted: bool
    descriptors: dict
    said: str


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


def supervisors(pid):
    """Name to pid."""
    found = {}
    for process in below(pid):
        try:
            name = pathlib.Path(f"/proc/{process}/comm").read_text().strip()
            status = pathlib.Path(f"/proc/{process}/status").read_text()
        except OSError:  # gone meanwhile
            continue
        # What a task of the container calls itself is no matter: those have no seccomp listener, and are deeper down.
        depth = status.split("NSpid:")[1].split("\n")[0].split()
        if name in SUPERVISORS and len(depth) == 2:
            found[name] = process
    return found


def command(options, work):
    if options.trinity:
        shutil.copy(options.trinity, f"{work}/program")
        # Trinity ends itself now and then: when it thinks that the kernel is tainted, or when its parts kill each other.
        # At the end of a round it says how many calls it made. It would try for ever to open a performance counter, and
        # fails where it can't open sockets of all families.
        return ["sh", "-c", "cd /tmp && while :; do timeout 120 /t/program -l off -C 8 -N 50000 --disable-fds=perf,sockets "
                            "2>&1 | grep -a '^.main. Ran '; done"], ["--user", "nobody"]
    shutil.copy(options.program, f"{work}/program")
    return ["/t/program", options.seconds, options.callers, options.seed], []


def watch(options, process, log, out):
    """Until the time is over and our own program has reported, or the container ends."""
    end = time.monotonic() + options.seconds
    last = end + 120
    while process.poll() is None and time.monotonic() < last:
        time.sleep(1)
        log.read()
        if time.monotonic() >= end and (options.trinity or out.read_bytes().endswith(b"}}\n")):
            return


def run(options, root, log):
    with tempfile.TemporaryDirectory(prefix="moat-random.") as work:
        os.chmod(work, 0o755)
        words, flags = command(options, work)
        moat, out = [options.moat, "--root", f"{work}/state"], pathlib.Path(f"{work}/out")
        with open(out, "wb") as file:
            process = subprocess.Popen(
                [*moat, "do", "--no-tty", "--rootfs", root, "--cwd", "/", "--volume", f"{work}:/t:ro", "--memory", "1G",
                 "--pids", "400", "--policy", options.policy, *flags, "--", *map(str, words)],
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        at_start = {}
        while process.poll() is None and at_start.keys() != SUPERVISORS:
            at_start = supervisors(process.pid)
        watch(options, process, log, out)
        survived = process.poll() is None and supervisors(process.pid) == at_start
        descriptors = {name: len(os.listdir(f"/proc/{pid}/fd")) for name, pid in at_start.items()} if survived else {}
        left = below(process.pid)
        for container in os.listdir(f"{work}/state"):
            subprocess.run([*moat, "delete", "--force", container], timeout=60, check=False)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        deleted = not os.listdir(f"{work}/state") and not any(os.path.exists(f"/proc/{pid}") for pid in left)
        return Outcome(survived, deleted, descriptors, out.read_text(errors="replace"))


def table():
    """Number to name and disposition, as docs/syscalls.md has them."""
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (\w+)", SYSCALLS.read_text(), re.M)
    return {int(number): (name, kind if kind in ("native", "checked", "sentry", "skipped") else "errno")
            for number, name, kind in rows}


def tell_calls(report):
    """Prints what was made, by disposition; true when it was every call of the table."""
    known, calls = table(), {int(n): entry for n, entry in report["calls"]["x86-64"].items()}
    print(f"{report['lives']} processes, {report['stuck']} killed because a call did not end; ended by signals: {report['signals']}")
    print("| disposition | calls | made | made (times) | succeeded at least once | succeeded (times) | errors seen |")
    for kind in ("native", "checked", "sentry", "skipped", "errno"):
        numbers = [n for n in known if known[n][1] == kind]
        if not numbers:
            continue
        made = [calls[n] for n in numbers if n in calls]
        errors = {e for _, ends in made for e in ends if e != "0"}
        print(f"| {kind} | {len(numbers)} | {len(made)} | {sum(m[0] for m in made)} | {sum('0' in m[1] for m in made)} | "
              f"{sum(m[1].get('0', 0) for m in made)} | {len(errors)} |")
    for door, of in report["calls"].items():
        strangers = {n: entry for n, entry in of.items() if door != "x86-64" or int(n) not in known}
        ends = collections.Counter()
        for _, counts in strangers.values():
            ends.update({errno.errorcode.get(int(e), e) if e != "0" else "success": n for e, n in counts.items()})
        print(f"{door}, numbers that are not in the table: {len(strangers)}, made {sum(s[0] for s in strangers.values())} times: {dict(ends)}")
    missing = [known[n][0] for n in known if n < LAST and n not in calls]
    if missing:
        print("never made: " + " ".join(missing))
    return not missing


def tell_rounds(said):
    """Prints what trinity says that it made; false when that is nothing."""
    rounds = re.findall(r"Ran (\d+) syscalls. Successes: (\d+) +Failures: (\d+)", said)
    made, succeeded, failed = (sum(map(int, column)) for column in zip(*rounds)) if rounds else (0, 0, 0)
    print(f"trinity: {len(rounds)} rounds that came to their end made {made} calls; {succeeded} succeeded, {failed} failed")
    return made > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--moat", default=os.environ.get("MOAT_BINARY", f"{BUILT}/bin/moat"))
    parser.add_argument("--program", default=os.path.join(os.environ.get("MOAT_TEST_PROGRAMS", f"{BUILT}/test_programs"),
                                                          "random_calls/random_calls"))
    parser.add_argument("--trinity", help="the program to make the calls in place of our own")
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--callers", type=int, default=24)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--policy", default="default")
    parser.add_argument("--report", help="a file for our own program's whole report, as JSON")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: needs root")
        return 77
    root = subprocess.run([HERE.parent / "rootfs/build_rootfs.sh", "base"], capture_output=True, text=True,
                          check=True).stdout.strip()
    log = KernelLog()
    outcome = run(options, root, log)
    log.read()
    alarms = [line for line in log.lines if ALARMS.search(line)]
    print(f"{options.seconds} s under {options.policy}, seed {options.seed}: "
          f"supervisors {'still there' if outcome.survived else 'GONE'}, with so many descriptors: {outcome.descriptors}; "
          f"container {'deleted' if outcome.deleted else 'NOT deleted'}; "
          f"{len(alarms)} alarms in {len(log.lines)} new lines of the kernel's log")
    for line in alarms[:20]:
        print("  " + line)
    passed = outcome.survived and outcome.deleted and not alarms
    lines = outcome.said.splitlines()
    if options.trinity:
        return 0 if tell_rounds(outcome.said) and passed else 1
    reports = [line for line in lines if line.startswith('{"lives"')]
    if not reports:
        print("it reported nothing, but said: " + outcome.said.strip()[:2000])
        return 1
    if options.report:
        pathlib.Path(options.report).write_text(reports[0])
    return 0 if tell_calls(json.loads(reports[0])) and passed else 1


if __name__ == "__main__":
    sys.exit(main())
