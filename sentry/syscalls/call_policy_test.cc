#include "sentry/syscalls/call_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>
#include <string>

#include "policies/compiler/filter_compiler.h"
#include "policies/container/builtin.h"
#include "policies/container/parse_policy.h"

namespace moat::sentry {
namespace {

using policies::Action;
using testing::HasSubstr;

// A policy with one rule on top of the table.
absl::StatusOr<CallPolicy> WithRule(const std::string& rule) {
  policies::Policy policy;
  auto layer = policies::ParseLayer("p", R"({"name": "p", "calls": [)" + rule + "]}");
  EXPECT_TRUE(layer.ok()) << layer.status();
  if (!layer.ok()) return layer.status();
  policy.layers.push_back(*layer);
  return CallPolicy::Create(policy);
}

CallPolicy Builtin(const std::string& name) {
  return *CallPolicy::Create(*policies::PolicyOfName(name));
}

TEST(CallPolicy, NumbersOfTheIssueHold) {
  EXPECT_LE(Builtin("default").Count().native, 110);
  EXPECT_LE(Builtin("strict").Count().native, 80);
}

TEST(CallPolicy, EveryBuiltinOneCompiles) {
  for (const std::string& name : policies::BuiltinNames()) {
    const auto calls = CallPolicy::Create(*policies::PolicyOfName(name));
    ASSERT_TRUE(calls.ok()) << calls.status();
    for (const Refusals refusals : {Refusals::kInKernel, Refusals::kTold, Refusals::kAll}) {
      EXPECT_TRUE(policies::Compile(calls->ToFilterSpec(refusals)).ok()) << name;
    }
  }
}

TEST(CallPolicy, TightensByArguments) {
  const auto calls =
      WithRule(R"({"calls": ["mprotect"], "action": "errno", "errno": "EACCES", "reason": "r",
                   "when": [{"argument": 2, "has": ["PROT_WRITE", "PROT_EXEC"]}]})");
  ASSERT_TRUE(calls.ok()) << calls.status();
  EXPECT_EQ(calls->Decide(SYS_mprotect, {0, 0, 7})->action, Action::Error(EACCES));
  EXPECT_EQ(calls->Decide(SYS_mprotect, {0, 0, 7})->rule, "p:1:25");
  EXPECT_EQ(calls->Decide(SYS_mprotect, {0, 0, 5})->action, Action::Allow());
}

TEST(CallPolicy, LooseningWantsAReason) {
  EXPECT_THAT(std::string(WithRule(R"({"calls": ["preadv2"], "action": "native", "reason": "r"})")
                              .status()
                              .message()),
              HasSubstr("p:1:36: preadv2: allows more"));
  const auto loose = WithRule(R"({"calls": ["preadv2"], "action": "native", "loosen": "r"})");
  ASSERT_TRUE(loose.ok()) << loose.status();
  EXPECT_EQ(loose->Decide(SYS_preadv2, {})->action, Action::Allow());
}

TEST(CallPolicy, WhatMoatRestsOnIsNeverLoosened) {
  for (const char* name : {"io_uring_setup", "ptrace", "bpf", "clone", "clone3", "mount", "openat",
                           "execve", "userfaultfd", "socket", "seccomp", "unshare", "setns",
                           "process_vm_writev", "perf_event_open"}) {
    const auto calls = WithRule(std::string(R"({"calls": [")") + name +
                                R"("], "action": "native", "loosen": "r"})");
    EXPECT_FALSE(calls.ok()) << name;
  }
  EXPECT_FALSE(WithRule(R"({"calls": ["moat_plan"], "action": "kill", "reason": "r"})").ok());
}

TEST(CallPolicy, IoctlIsLoosenedByRequestOnly) {
  EXPECT_TRUE(WithRule(R"({"calls": ["ioctl"], "action": "native", "loosen": "r",
                           "when": [{"argument": 1, "is": ["0x1234"]}]})")
                  .ok());
  for (const char* when :
       {R"([{"argument": 1, "is": ["TIOCSTI"]}])", R"([{"argument": 1, "at_least": 0}])",
        R"([{"argument": 0, "is": [1]}])", R"([{"argument": 1, "is": ["0x5412"]}])"}) {
    EXPECT_FALSE(WithRule(std::string(R"({"calls": ["ioctl"], "action": "native", "loosen": "r",
                           "when": )") +
                          when + "}")
                     .ok())
        << when;
  }
}

TEST(CallPolicy, SocketIsLoosenedByHarmlessKindsOnly) {
  const auto loosen = [](const std::string& when) {
    return WithRule(R"({"calls": ["socket"], "action": "native", "loosen": "r", "when": )" + when +
                    "}")
        .ok();
  };
  EXPECT_TRUE(loosen(R"([{"argument": 0, "is": ["AF_NETLINK"]}, {"argument": 2, "is": [4]}])"));
  EXPECT_TRUE(loosen(R"([{"argument": 0, "is": ["AF_INET6"]}, {"argument": 2, "is": [136]}])"));
  for (const char* when :
       {R"([{"argument": 0, "is": ["AF_NETLINK"]}])", R"([{"argument": 2, "is": [136]}])",
        R"([{"argument": 0, "is": ["AF_NETLINK"]}, {"argument": 2, "is": [4, 12]}])",
        R"([{"argument": 0, "is": ["AF_INET"]}, {"argument": 2, "is": [255]}])",
        R"([{"argument": 0, "is": [17]}, {"argument": 2, "is": [136]}])"}) {
    EXPECT_FALSE(loosen(when)) << when;
  }
}

TEST(CallPolicy, UnknownCallsAreFaults) {
  EXPECT_THAT(
      std::string(
          WithRule(R"({"calls": ["opne"], "action": "kill", "reason": "r"})").status().message()),
      HasSubstr("\"opne\" is no system call"));
}

TEST(CallPolicy, RefusalsCanBeToldByTheSentry) {
  const CallPolicy calls = Builtin("default");
  const auto action_of = [&](Refusals refusals, int nr) {
    for (const policies::Rule& rule : calls.ToFilterSpec(refusals).rules) {
      if (rule.nr == nr) return rule.action;
    }
    return Action::KillProcess();
  };
  EXPECT_EQ(action_of(Refusals::kInKernel, SYS_io_uring_setup), Action::Error(ENOSYS));
  EXPECT_EQ(action_of(Refusals::kTold, SYS_io_uring_setup), Action::Notify());
  EXPECT_EQ(action_of(Refusals::kTold, SYS_clone3), Action::Error(ENOSYS));
  EXPECT_EQ(action_of(Refusals::kAll, SYS_clone3), Action::Notify());
}

}  // namespace
}  // namespace moat::sentry
