#!/usr/bin/env python3
"""policies/schema.json says of policies what moat's own reader says.

The schema cannot say everything (docs/policy.md), so the policies in bad/ are those that both must
refuse, by what is wrong in their shape; those in good/, and all that come with moat, both take.

usage: schema_test.py MOAT
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
POLICIES = HERE.parent.parent / "policies"
MOAT = sys.argv.pop() if len(sys.argv) > 1 else "moat"
SKIPPED = 77


def checked_by_moat(text):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        return subprocess.run([MOAT, "policy", "check", file.name], capture_output=True, text=True, timeout=60)


class Schema(unittest.TestCase):
    def setUp(self):
        schema = json.loads((POLICIES / "schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        self.validator = jsonschema.Draft202012Validator(schema)

    def faults(self, text):
        return [error.message for error in self.validator.iter_errors(json.loads(text))]

    def test_policies_that_come_with_moat_are_right(self):
        for name in ("default", "strict", "compat"):
            with self.subTest(name):
                text = (POLICIES / f"{name}.json").read_text()
                self.assertEqual([], self.faults(text))
                self.assertEqual(0, checked_by_moat(text).returncode)

    def test_good_policies_are_taken_by_both(self):
        files = sorted((HERE / "good").glob("*.json"))
        self.assertTrue(files)
        for file in files:
            with self.subTest(file.name):
                self.assertEqual([], self.faults(file.read_text()))
                result = checked_by_moat(file.read_text())
                self.assertEqual((0, ""), (result.returncode, result.stderr))

    def test_bad_policies_are_refused_by_both(self):
        files = sorted((HERE / "bad").glob("*.json"))
        self.assertTrue(files)
        for file in files:
            with self.subTest(file.name):
                self.assertNotEqual([], self.faults(file.read_text()))
                result = checked_by_moat(file.read_text())
                self.assertEqual((1, 1), (result.returncode, len(result.stderr.strip().splitlines())), result.stderr)

    def test_the_published_schema_is_this_one(self):
        said = subprocess.run([MOAT, "policy", "schema"], capture_output=True, text=True, check=True, timeout=60)
        self.assertEqual((POLICIES / "schema.json").read_text(), said.stdout)


if __name__ == "__main__":
    try:
        import jsonschema
    except ImportError:
        print("skipped: python3-jsonschema is not installed")
        sys.exit(SKIPPED)
    unittest.main()
