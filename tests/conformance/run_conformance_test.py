#!/usr/bin/env python3
"""Tests of how run_conformance.py compares."""

import unittest

from run_conformance import differences


class Differences(unittest.TestCase):
    def assert_says(self, words, native, sandboxed, known=()):
        found = list(differences({"F.x": native}, {"F.x": sandboxed}, set(known)))
        self.assertEqual(1 if words else 0, len(found), found)
        if words:
            self.assertIn(words, found[0])

    def test_the_same_is_no_difference(self):
        self.assert_says(None, "ok", "ok")
        self.assert_says(None, "skipped", "skipped")

    def test_a_difference_that_is_not_known(self):
        for result in ("failed", "hung", "died", "skipped", "not run"):
            self.assert_says("ok natively", "ok", result)

    def test_a_known_difference(self):
        self.assert_says(None, "ok", "failed", known=["F.x"])

    def test_a_known_difference_that_is_gone(self):
        self.assert_says("known_differences.json", "ok", "ok", known=["F.x"])

    def test_only_a_failure_can_be_known(self):
        for result in ("hung", "died", "skipped", "not run"):
            self.assert_says("ok natively", "ok", result, known=["F.x"])

    def test_what_fails_on_both_sides(self):
        self.assert_says("failed", "failed", "failed")


if __name__ == "__main__":
    unittest.main()
