#!/usr/bin/env python3
"""Checks that dependencies point one way.

  base <- platform, policies <- gofer, resolver <- sentry <- runtime

* A folder includes only folders below it (and itself).
* The sentry knows platforms and the gofer by their interfaces alone (INTERFACES); only its main,
  tests and runtime/ name what is behind them. The gofer's client and server do not know each
  other.
* Includes of ours are by full path from the root, and the file is there.
* reinterpret_cast stands only in *_unsafe.cc.

usage: check_includes.py [ROOT]      (no output and exit 0 when all is well)
"""

import pathlib
import re
import sys

LEVELS = {"base": 0, "platform": 1, "policies": 1, "gofer": 2, "resolver": 2, "sentry": 3, "runtime": 4}
# What of a lower folder the sentry may include.
INTERFACES = {
    "platform": re.compile(r"platform/[a-z_]+\.h|platform/loader/plan\.h"),
    "gofer": re.compile(r"gofer/client/[a-z_]+\.h"),
}
STRANGERS = [("gofer/client/", "gofer/server/"), ("gofer/server/", "gofer/client/")]
OUTSIDE = ("absl/", "gtest/", "gmock/", "benchmark/", "nlohmann/", "CLI/", "capstone/")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def is_test(path):
    return path.endswith("_test.cc") or bool(set(path.split("/")) & {"tests", "system_test"})


def may_name_concrete_classes(path):
    return path.endswith(("_main.cc", "/main.cc"))


def include_fault(path, included):
    """Why the file at `path` may not include `included`, or None. Both are relative to the root."""
    top, target = path.split("/")[0], included.split("/")[0]
    if top in LEVELS and target == "tests" and not is_test(path):
        return "code does not include tests"
    if top not in LEVELS or target not in LEVELS or is_test(path):
        return None  # tests and benchmarks may look at everything
    if top == target:
        for one, other in STRANGERS:
            if path.startswith(one) and included.startswith(other):
                return f"{one} and {other} know each other only through gofer/protocol/"
        return None
    if LEVELS[target] >= LEVELS[top]:
        return f"{top}/ lies below {target}/ and may not include it"
    if top == "sentry" and not may_name_concrete_classes(path):
        allowed = INTERFACES.get(target)
        if allowed and not allowed.fullmatch(included):
            return f"the sentry sees of {target}/ only its interface ({allowed.pattern})"
    return None


def file_faults(root, path):
    text = (root / path).read_text(encoding="utf-8")
    for included in INCLUDE.findall(text):
        fault = include_fault(path, included)
        if fault is None and not included.startswith(OUTSIDE) and not (root / included).is_file():
            fault = "no such file: includes are by full path from the root"
        if fault:
            yield f'{path}: #include "{included}": {fault}'
    if not path.endswith("_unsafe.cc") and "reinterpret_cast" in COMMENT.sub("", text):
        yield f"{path}: reinterpret_cast outside a *_unsafe.cc"


def sources(root):
    for top in (*LEVELS, "tests", "bench"):
        for suffix in ("*.cc", "*.h", "*.c"):
            yield from (str(p.relative_to(root)) for p in sorted((root / top).rglob(suffix)))


def main():
    default = pathlib.Path(__file__).resolve().parent.parent
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    faults = [fault for path in sources(root) for fault in file_faults(root, path)]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
