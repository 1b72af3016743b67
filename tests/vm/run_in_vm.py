#!/usr/bin/env python3
"""Runs test programs in a virtual machine with cgroup v2 and systemd.

  run_in_vm.py [--limit SECONDS] [--console FILE] PROGRAM[:TEST] ...

PROGRAM is a path below tests/ (vm/unified_test.py), TEST one of its tests. Ends as they do: 0 when
all pass, 77 when the machine cannot be had here. The programs find moat, installed, and the base root.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import machine

TESTS = machine.HERE.parent
MOAT = os.environ.get("MOAT_BINARY", str(TESTS.parent / "build/release/bin/moat"))
PROGRAMS = os.environ.get("MOAT_TEST_PROGRAMS", str(TESTS.parent / "build/release/test_programs"))
SKIPPED = 77
RUN = r"""#!/bin/bash
# Written by run_in_vm.py.
failed=0
mkdir -p /roots /var/cache/moat
mount -o ro LABEL=base /roots
ln -s /roots "/var/cache/moat/{base}"
export MOAT_BINARY=/payload/moat/bin/moat MOAT_TEST_PROGRAMS=/payload/programs MOAT_CACHE=/var/cache/moat
export PYTHONPATH=/payload/tests/integration:/payload/tests/clients PYTHONDONTWRITEBYTECODE=1 HOME=/root
uname -srv
for one in {programs}; do
  program=${{one%%:*}} test=${{one#"$program"}}
  echo "== $one"
  python3 "/payload/tests/$program" ${{test#:}} </dev/null 2>&1 || failed=1
done
echo "== end $failed"
"""


def fill(payload, programs):
    """Lays out in `payload` what the machine needs."""
    build = pathlib.Path(MOAT).parent.parent
    subprocess.run(["cmake", "--install", build, "--prefix", payload / "moat"], check=True, stdout=subprocess.DEVNULL)
    for folder in ("clients", "integration", "rootfs", "vm"):
        shutil.copytree(TESTS / folder, payload / "tests" / folder)
    if os.path.isdir(PROGRAMS):
        shutil.copytree(PROGRAMS, payload / "programs")
    run = payload / "run"
    run.write_text(RUN.format(base=machine.root("base").name, programs=" ".join(programs)))
    run.chmod(0o755)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=1500, help="seconds for the life of the machine")
    parser.add_argument("--console", default=os.devnull, help="what kernel and systemd write goes to this file")
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args()
    missing = [tool for tool in machine.TOOLS if not shutil.which(tool)]
    if missing:
        print(f"skipped: {', '.join(missing)} not installed (scripts/install_deps.sh --vm installs them)")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="moat-payload.") as payload:
        try:
            fill(pathlib.Path(payload), options.programs)
            output = machine.boot(payload, limit=options.limit, console=options.console)
        except machine.CannotRun as reason:
            print(f"skipped: {reason}")
            return SKIPPED
    print(output)
    end = re.search(r"^== end (\d+)$", output, re.MULTILINE)
    return int(end[1]) if end else "the machine ended before the tests did"


if __name__ == "__main__":
    sys.exit(main())
