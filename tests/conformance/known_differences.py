#!/usr/bin/env python3
"""The known differences from Linux: known_differences.json, and docs/compatibility.md made from it.

  known_differences.py          writes docs/compatibility.md
  known_differences.py --check  fails when it is stale, or an entry of the list is not whole
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
LIST = HERE / "known_differences.json"
PAGE = HERE.parent.parent / "docs/compatibility.md"
FIELDS = {"cases", "linux", "moat", "why"}
HEAD = """\
# Differences from Linux

What a program inside moat can see to be unlike Linux, beyond what the container forbids by design
([syscalls.md](syscalls.md) says what each system call does). Every line stands for cases of
`tests/conformance`, which run on the plain kernel first and then in moat. A difference that is not in this
table fails the tests, and so does a line whose difference is gone.

Made from `tests/conformance/known_differences.json` by `tests/conformance/known_differences.py`.

| On Linux | In moat | Why | Cases |
|---|---|---|---|
"""


def entries():
    return json.loads(LIST.read_text(encoding="utf-8"))


def known_cases():
    return {case for entry in entries() for case in entry["cases"]}


def page():
    lines = []
    for entry in entries():
        cases = ", ".join(f"`{case}`" for case in sorted(entry["cases"]))
        lines.append(f"| {entry['linux']} | {entry['moat']} | {entry['why']} | {cases} |\n")
    return HEAD + "".join(lines)


def faults():
    seen = set()
    for number, entry in enumerate(entries(), 1):
        if set(entry) != FIELDS or not all(entry.values()):
            yield f"{LIST.name}: entry {number} needs exactly {', '.join(sorted(FIELDS))}"
        for case in entry.get("cases", []):
            if case in seen:
                yield f"{LIST.name}: {case} is listed twice"
            seen.add(case)


def main():
    found = list(faults())
    if not found and sys.argv[1:] != ["--check"]:
        PAGE.write_text(page(), encoding="utf-8")
    elif not found and (not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page()):
        found = [f"docs/{PAGE.name} is stale: run tests/conformance/{pathlib.Path(__file__).name}"]
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
