#!/usr/bin/env python3
"""What `cmake --install` gives works from wherever it was put."""

import os
import pathlib
import subprocess

from sandbox import MOAT, SandboxTest, main, run


class Installed(SandboxTest):
    def setUp(self):
        super().setUp()
        self.prefix = self.folder / "prefix"
        build = pathlib.Path(MOAT).parent.parent
        done = run(["cmake", "--install", build, "--prefix", self.prefix], limit=120)
        self.assert_ends(done, 0)

    def test_tree_is_what_is_promised(self):
        self.assertTrue(os.access(self.prefix / "bin/moat", os.X_OK))
        self.assertEqual(["moat-gofer", "moat-loader", "moat-resolver", "moat-sentry", "moat-systemd"],
                         sorted(os.listdir(self.prefix / "libexec/moat")))

    def test_installed_moat_finds_its_parts(self):
        result = run([self.prefix / "bin/moat", "--root", self.state, "do", "--no-tty", "--", "echo", "installed"])
        self.assert_ends(result, 0, "installed\n")

    def test_moved_moat_finds_its_parts(self):
        moved = self.folder / "moved"
        self.prefix.rename(moved)
        (self.folder / "link").symlink_to(moved / "bin/moat")
        result = run([self.folder / "link", "--root", self.state, "do", "--no-tty", "--", "echo", "moved"])
        self.assert_ends(result, 0, "moved\n")

    def test_installed_moat_bench_finds_its_parts_and_moat(self):
        results = self.folder / "results.json"
        result = run([self.prefix / "bin/moat-bench", "speed", "--quick", "--only", "life", "--json", results,
                      "--runtime", f"moat={self.prefix}/bin/moat"], limit=120)
        self.assertEqual(0, result.code, result)
        self.assertIn('"create"', results.read_text())

    def test_missing_part_is_named(self):
        (self.prefix / "libexec/moat/moat-gofer").unlink()
        result = run([self.prefix / "bin/moat", "--root", self.state, "do", "--no-tty", "--", "true"])
        self.assert_refused(result, "moat-gofer")


if __name__ == "__main__":
    main()
