#!/usr/bin/env python3
"""Fails when a suite of the cases is in no family of CMakeLists.txt, or one that is named has no cases.

  check_families.py SUITE ...
"""

import pathlib
import re
import sys

CASE = re.compile(r"^TEST(?:_F|_P)?\((\w+),", re.MULTILINE)
here = pathlib.Path(__file__).resolve().parent
found = {suite for file in here.glob("*_test.cc") for suite in CASE.findall(file.read_text())}
named = sys.argv[1:]
faults = [f"{suite}: is in no family of CMakeLists.txt" for suite in sorted(found - set(named))]
faults += [f"{suite}: has no cases" for suite in sorted(set(named) - found)]
faults += [f"{suite}: is in two families" for suite in sorted(set(named)) if named.count(suite) > 1]
print("\n".join(faults) or f"{len(found)} suites")
sys.exit(1 if faults else 0)
