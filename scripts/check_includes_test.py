#!/usr/bin/env python3
"""Tests of the rules in check_includes.py."""

import unittest

from check_includes import include_fault


class IncludeFault(unittest.TestCase):
    def allowed(self, path, included):
        self.assertIsNone(include_fault(path, included))

    def refused(self, path, included):
        self.assertIsNotNone(include_fault(path, included))

    def test_a_folder_may_include_what_lies_below(self):
        self.allowed("runtime/launch/launch.cc", "sentry/boot.h")
        self.allowed("gofer/server/server.cc", "base/fd.h")
        self.allowed("base/log.cc", "base/log.h")

    def test_a_folder_may_not_include_what_lies_above_or_beside(self):
        self.refused("base/log.cc", "platform/platform.h")
        self.refused("gofer/server/server.cc", "sentry/call.h")
        self.refused("platform/platform.h", "policies/compiler/emit.h")
        self.refused("sentry/call.h", "tests/guests/guest.h")

    def test_the_sentry_sees_only_interfaces(self):
        self.allowed("sentry/call.h", "platform/platform.h")
        self.allowed("sentry/exec/stub.cc", "platform/loader/plan.h")
        self.allowed("sentry/call.h", "gofer/client/client.h")
        self.refused("sentry/call.cc", "platform/seccomp_notify/notify.h")
        self.refused("sentry/call.cc", "gofer/server/server.h")
        self.refused("sentry/call.cc", "gofer/protocol/wire.h")

    def test_mains_and_tests_name_concrete_classes(self):
        self.allowed("sentry/sentry_main.cc", "platform/seccomp_notify/notify.h")
        self.allowed("sentry/fs/walk_test.cc", "gofer/server/server.h")
        self.allowed("platform/tests/sandbox.cc", "policies/compiler/emit.h")

    def test_client_and_server_are_strangers(self):
        self.refused("gofer/client/client.cc", "gofer/server/server.h")
        self.refused("gofer/server/server.cc", "gofer/client/client.h")
        self.allowed("gofer/client/client.cc", "gofer/protocol/wire.h")


if __name__ == "__main__":
    unittest.main()
