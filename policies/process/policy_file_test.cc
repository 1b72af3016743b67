#include "policies/process/policy_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/turns.h"
#include "policies/compiler/filter_compiler.h"
#include "policies/process/names.h"
#include "policies/process/process_filter.h"

namespace moat::policies {
namespace {

using testing::HasSubstr;

constexpr size_t kMaxFile = size_t{1} << 20;

std::string FileOf(const std::string& rules) {
  return absl::StrCat(R"({"program": "p", "rules": [)", rules, "]}");
}

std::string FaultOf(const std::string& rules) {
  const auto policy = ParseProcessPolicy(FileOf(rules), false);
  return policy.ok() ? "" : std::string(policy.status().message());
}

ProcessPolicy Parsed(const std::string& name) {
  const auto text = ReadFile(absl::StrCat(MOAT_SOURCE_DIR "/policies/", name), kMaxFile);
  EXPECT_TRUE(text.ok()) << text.status();
  const auto policy = ParseProcessPolicy(*text, false);
  EXPECT_TRUE(policy.ok()) << policy.status();
  return policy.value_or(ProcessPolicy());
}

TEST(ProcessPolicy, KillsForAllThatIsNotListed) {
  const auto policy =
      ParseProcessPolicy(FileOf(R"({"allow": ["read", "write"], "reason": "r"})"), false);
  ASSERT_TRUE(policy.ok()) << policy.status();
  EXPECT_EQ(policy->spec.otherwise, Action::KillProcess());
  EXPECT_EQ(policy->spec.foreign, Action::KillProcess());
  EXPECT_EQ(policy->allowed, 2);
  EXPECT_EQ(policy->conditional, 0);
}

TEST(ProcessPolicy, CombinesTheValuesOfConditions) {
  const auto policy = ParseProcessPolicy(FileOf(R"({"allow": ["fcntl"], "reason": "r", "when": [
        {"argument": 1, "is": ["F_GETFL", "F_SETFL"]}, {"argument": 2, "lacks": ["PROT_EXEC"]}]})"),
                                         false);
  ASSERT_TRUE(policy.ok()) << policy.status();
  ASSERT_EQ(policy->spec.rules.size(), 1u);
  const Rule& rule = policy->spec.rules[0];
  EXPECT_EQ(rule.action, Action::KillProcess());
  ASSERT_EQ(rule.cases.size(), 2u);
  EXPECT_EQ(rule.cases[0].all.size(), 2u);
  EXPECT_EQ(policy->conditional, 1);
}

TEST(ProcessPolicy, CountsRulesForSanitizersOnlyThere) {
  const std::string file =
      FileOf(R"({"allow": ["sigaltstack"], "build": "sanitized", "reason": "r"})");
  EXPECT_EQ(ParseProcessPolicy(file, false)->allowed, 0);
  EXPECT_EQ(ParseProcessPolicy(file, true)->allowed, 1);
}

TEST(ProcessPolicy, NamesWhatIsWrong) {
  EXPECT_THAT(FaultOf(R"({"allow": ["read"]})"), HasSubstr("rules[0]: has no \"reason\""));
  EXPECT_THAT(FaultOf(R"({"allow": ["raed"], "reason": "r"})"), HasSubstr("unknown call raed"));
  EXPECT_THAT(FaultOf(R"({"allow": [], "reason": "r"})"), HasSubstr("\"allow\""));
  EXPECT_THAT(FaultOf(R"({"allow": ["read"], "reason": "r", "wen": []})"), HasSubstr("\"wen\""));
  EXPECT_THAT(FaultOf(R"({"allow": ["read"], "reason": "r", "when": [
      {"argument": 0, "is": ["F_NONE"]}]})"),
              HasSubstr("unknown constant F_NONE"));
  EXPECT_THAT(FaultOf(R"({"allow": ["read"], "reason": "r"},
                         {"allow": ["read"], "reason": "r"})"),
              HasSubstr("rules[1]: read"));
  EXPECT_THAT(FaultOf(R"({"refuse": ["clone3"], "errno": "EFOO", "reason": "r"})"),
              HasSubstr("\"errno\""));
  EXPECT_FALSE(ParseProcessPolicy("{", false).ok());
  EXPECT_FALSE(ParseProcessPolicy("[]", false).ok());
}

TEST(ProcessPolicy, KnowsTheCallsOfTurns) {
  EXPECT_EQ(CallNumber("moat_pass_turn"), kPassTurnCall);
  EXPECT_EQ(CallNumber("read"), SYS_read);
  EXPECT_EQ(CallNumber("no_such_call"), std::nullopt);
}

// What must never get into the lists: ways to other programs, other identities, other machines.
TEST(ProcessPolicy, OwnFilesGiveNothingAway) {
  for (const char* name : {"sentry.json", "gofer.json", "resolver.json"}) {
    const ProcessPolicy policy = Parsed(name);
    for (const Rule& rule : policy.spec.rules) {
      for (const char* forbidden : {"execve",
                                    "execveat",
                                    "fork",
                                    "vfork",
                                    "socket",
                                    "setns",
                                    "unshare",
                                    "mount",
                                    "umount2",
                                    "pivot_root",
                                    "open_by_handle_at",
                                    "bpf",
                                    "perf_event_open",
                                    "io_uring_setup",
                                    "init_module",
                                    "finit_module",
                                    "keyctl",
                                    "add_key",
                                    "userfaultfd",
                                    "memfd_secret"}) {
        if (rule.nr != CallNumber(forbidden)) continue;
        EXPECT_TRUE(rule.action.kind == Action::Kind::kKillProcess && !rule.cases.empty())
            << forbidden << " of " << name << " is free of conditions";
      }
    }
  }
}

// docs/THREAT_MODEL.md tells the sizes of the lists.
TEST(ProcessPolicy, PublishedNumbersAreTrue) {
  const auto page = ReadFile(MOAT_SOURCE_DIR "/docs/THREAT_MODEL.md", kMaxFile);
  ASSERT_TRUE(page.ok()) << page.status();
  for (const char* name : {"sentry.json", "gofer.json", "resolver.json"}) {
    const ProcessPolicy policy = Parsed(name);
    EXPECT_THAT(*page, HasSubstr(absl::StrCat("| `", policy.program, "` | ", policy.allowed, " | ",
                                              policy.conditional, " |")));
  }
}

TEST(ProcessFilter, IsThere) {
  const struct {
    const char* file;
    absl::Span<const sock_filter> program;
  } filters[] = {{"sentry.json", SentryFilter()},
                 {"gofer.json", GoferFilter()},
                 {"resolver.json", ResolverFilter()}};
  for (const auto& [file, program] : filters) {
    EXPECT_GT(program.size(), 20u) << file;
    EXPECT_LT(program.size(), 1000u) << file;
  }
}

void UseAForbiddenCall() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || !ConfineProcess(GoferFilter()).ok()) {
    ::_exit(2);
  }
  ::syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
  ::_exit(0);
}

TEST(ProcessFilterDeathTest, ForbiddenCallKillsTheProcess) {
  EXPECT_EXIT(UseAForbiddenCall(), testing::KilledBySignal(SIGSYS), "");
}

}  // namespace
}  // namespace moat::policies
