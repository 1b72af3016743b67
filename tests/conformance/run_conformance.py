#!/usr/bin/env python3
"""Runs a family of conformance cases natively or in the sandbox, and compares.

  run_conformance.py --binary BIN --probes DIR --root DIR --results DIR native FAMILY [SUITE ...]
  run_conformance.py ... --moat MOAT moat FAMILY [SUITE ...]

A family is some of the program's test suites, by default the one of its name. Both runs see the same Debian root and get the same arguments; only who answers the system calls
differs. The results of a run go to RESULTS/{native,moat}.FAMILY.json as {"Case": "ok" | "failed" |
"hung" | "died"}. The run `moat` compares with `native`, and fails on every difference that
known_differences.json does not list, and on every one that it lists and that is gone. A case that hangs or kills the program costs only itself: the rest runs again without
it.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from known_differences import known_cases

LIMIT_SECONDS = 60  # for a run without any new line; a case takes milliseconds
MAX_RESTARTS = 25  # hung and dead cases that are tolerated before giving up
# Families whose cases gain rights by what they execute.
NEW_PRIVILEGES = ("Gain",)
STARTED = re.compile(r"^\[ RUN      \] (\S+)")
FINISHED = re.compile(
    r"^\[       OK \] (\S+)|^\[  FAILED  \] ([^\s,]+).*\(\d+ ms\)|^\[  SKIPPED \] (\S+) \(\d+ ms\)")

# Runs as the only process of new mount and pid namespaces: a copy-on-write view of the root at $2,
# as `moat do --rootfs` makes one, and the arguments from $3 in it.
NATIVE_SCRIPT = r"""
set -e
work=$1 root=$2; shift 2
mount -t tmpfs none "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay -o lowerdir="$root",upperdir="$work/upper",workdir="$work/work" none "$work/root"
for name in probes read_only bin; do
  mkdir -p "$work/root/conformance/$name"
done
mount --bind "$PROBES" "$work/root/conformance/probes"
mount --bind "$BIN" "$work/root/conformance/bin"
mount --bind "$READ_ONLY" "$work/root/conformance/read_only"
mount -o remount,ro,bind "$work/root/conformance/read_only"
mount -t proc none "$work/root/proc"
mount --bind /dev "$work/root/dev"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 none "$work/root/dev/pts"
mount -t tmpfs -o mode=1777 none "$work/root/dev/shm"
[ ! -d "$work/root/dev/mqueue" ] || mount -t mqueue none "$work/root/dev/mqueue"
mount -t sysfs -o ro none "$work/root/sys"
mkdir -p "$work/root/tmp/scratch"
exec chroot "$work/root" "$@"
"""


def arguments(test_filter):
    return [
        "/conformance/bin/conformance",
        "--scratch=/tmp/scratch",
        "--probes=/conformance/probes",
        "--read_only=/conformance/read_only",
        f"--gtest_filter={test_filter}",
        "--gtest_color=no",
    ]


class Place:
    """Folders that a run needs: the read-only one, and a mount point."""

    def __init__(self, options):
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="moat-conformance."))
        read_only = self.folder / "read_only"
        (read_only / "dir").mkdir(parents=True)
        (read_only / "file").write_text("read only\n")
        (self.folder / "mount").mkdir()
        # The binary alone in a folder, so that nothing else of the build is seen.
        (self.folder / "bin").mkdir()
        shutil.copy2(options.binary, self.folder / "bin/conformance")
        for path in (self.folder, read_only, self.folder / "bin"):
            path.chmod(0o755)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def native_command(self, test_filter):
        return [
            "unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc",
            "env", f"PROBES={self.options.probes}", f"BIN={self.folder}/bin",
            f"READ_ONLY={self.folder}/read_only",
            "bash", "-c", NATIVE_SCRIPT, "native", f"{self.folder}/mount", self.options.root,
            *arguments(test_filter),
        ]

    def moat_command(self, test_filter):
        flags = ["--new-privileges"] if self.options.family in NEW_PRIVILEGES else []
        return [
            self.options.moat, "do", "--no-tty", *flags, "--rootfs", self.options.root, "--cwd", "/",
            "--volume", f"{self.options.probes}:/conformance/probes:ro",
            "--volume", f"{self.folder}/bin:/conformance/bin:ro",
            "--volume", f"{self.folder}/read_only:/conformance/read_only:ro",
            "--", "sh", "-c", 'mkdir -p /tmp/scratch && exec "$@"', "sh", *arguments(test_filter),
        ]

    def command(self, test_filter):
        make = self.native_command if self.options.where == "native" else self.moat_command
        return ["timeout", "-k", "5", str(LIMIT_SECONDS), *make(test_filter)]


class Run:
    """What one start of the program said."""

    def __init__(self, command):
        self.results, self.output, self.current = {}, [], None
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, errors="replace")
        for line in process.stdout:
            self.output.append(line)
            self.note(line)
        self.code = process.wait()

    def note(self, line):
        if match := STARTED.match(line):
            self.current = match.group(1)
        elif match := FINISHED.match(line):
            name = next(group for group in match.groups() if group)
            kind = "ok" if match.group(1) else "failed" if match.group(2) else "skipped"
            self.results[name] = kind
            self.current = None


def listed_cases(options):
    command = [options.binary, *arguments(options.filter)[1:], "--gtest_list_tests"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    cases, suite = [], ""
    for line in output.splitlines():
        if line.startswith("  "):
            cases.append(suite + line.split("#")[0].strip())
        else:
            suite = line.split("#")[0].strip()
    return cases


def run_all(options, place):
    """Results by case, and the output of all runs."""
    cases, results, output = listed_cases(options), {}, []
    for _ in range(MAX_RESTARTS):
        missing = [case for case in cases if case not in results]
        if not missing:
            break
        test_filter = options.filter
        done = ":".join(results)
        if done:
            test_filter += ("-" if "-" not in test_filter else ":") + done
        run = Run(place.command(test_filter))
        output += run.output
        results.update(run.results)
        if run.current:
            results[run.current] = "hung" if run.code in (124, 137) else "died"
        elif not run.results:
            sys.stdout.writelines(output)
            sys.exit(f"{options.where}: the conformance program did not start (exit {run.code})")
    if not cases:
        sys.exit(f"no case matches {options.filter}")
    for case in cases:
        results.setdefault(case, "not run")
    return results, output


def native_results(options):
    file = pathlib.Path(options.results) / f"native.{options.family}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def differences(native, results, known):
    """Lines that say how `results` differs from the native run, or not, against what is known."""
    for case, result in sorted(results.items()):
        expected = native.get(case, "ok")
        if case in known and (expected, result) == ("ok", "failed"):
            continue
        if case in known and result == expected:
            yield f"{case}: as on Linux now: take it out of known_differences.json"
        elif result != expected:
            yield f"{case}: {expected} natively, {result} in the sandbox"
        elif result not in ("ok", "skipped"):
            yield f"{case}: {result}"


def parse_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--probes", required=True)
    parser.add_argument("--root", help="a Debian root; default: what tests/rootfs makes")
    parser.add_argument("--results", required=True)
    parser.add_argument("--moat")
    parser.add_argument("--filter", dest="only", help="GoogleTest filter; default: all of the suites")
    parser.add_argument("where", choices=("native", "moat"))
    parser.add_argument("family")
    parser.add_argument("suites", nargs="*", metavar="suite")
    options = parser.parse_args()
    options.suites = options.suites or [options.family]
    options.filter = options.only or ":".join(f"{suite}.*:*/{suite}.*" for suite in options.suites)
    return options


def main():
    options = parse_options()
    if os.geteuid() != 0:
        print("skipped: needs root")
        return 77
    if not options.root:
        build = pathlib.Path(__file__).resolve().parent.parent / "rootfs/build_rootfs.sh"
        made = subprocess.run([build, "base"], capture_output=True, text=True)
        if made.returncode != 0:
            print(made.stderr)
            return made.returncode
        options.root = made.stdout.strip()
    place = Place(options)
    try:
        results, output = run_all(options, place)
    finally:
        place.remove()
    pathlib.Path(options.results).mkdir(parents=True, exist_ok=True)
    result_file = pathlib.Path(options.results) / f"{options.where}.{options.family}.json"
    result_file.write_text(json.dumps(results, indent=1, sort_keys=True))
    if options.where == "moat":
        faults = list(differences(native_results(options), results, known_cases()))
        faults += [f"{c}: no such case: take it out of known_differences.json" for c in known_cases()
                   if c.split(".")[0].split("/")[-1] in options.suites and c not in results
                   and not options.only]
    else:
        faults = [f"{c}: {r}" for c, r in sorted(results.items()) if r not in ("ok", "skipped")]
    if faults:
        sys.stdout.writelines(output)
        print("\n".join(faults))
    known = sorted(known_cases() & set(results)) if options.where == "moat" else []
    for case in known:
        print(f"{case}: a known difference, see docs/compatibility.md")
    print(f"{options.family}: {len(results) - len(faults)} of {len(results)} cases as expected")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
