#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policies/container/builtin.h"
#include "policies/container/parse_policy.h"
#include "runtime/policy/choose.h"
#include "runtime/policy/explain.h"

namespace moat::policy {
namespace {

using testing::HasSubstr;
using testing::Not;

policies::Policy Example() {
  auto layer = policies::ParseLayer("web.json", R"({"name": "web", "extends": "strict",
    "files": [{"hide": "/etc/shadow", "reason": "secret"}],
    "exec": [{"allow": "/usr/bin", "reason": "r"}],
    "egress": {"otherwise": "deny", "rules": [
      {"deny": "10.0.0.1", "reason": "the gateway"},
      {"allow": "10.0.0.0/8:80/tcp", "reason": "services"},
      {"allow": "pypi.example:443", "reason": "packages"}]},
    "listen": {"otherwise": "deny", "rules": [{"allow": "*:8080/tcp", "reason": "its service"}]},
    "devices": {"otherwise": "allow", "rules": [{"deny": "c 10:232 w", "reason": "kvm"}]},
    "limits": {"memory": "64M", "pids": 10, "open_files": 100}})");
  EXPECT_TRUE(layer.ok()) << layer.status();
  auto policy = policies::WithLayersBelow(*layer, [](const std::string& name) {
    return absl::StatusOr<policies::Layer>(policies::PolicyOfName(name)->top());
  });
  EXPECT_TRUE(policy.ok()) << policy.status();
  return *policy;
}

std::string Answer(const std::vector<std::string>& question) {
  const auto text = Explain(Example(), question);
  return text.ok() ? *text : std::string(text.status().message());
}

TEST(Explain, CallsByNameAndArguments) {
  EXPECT_THAT(Answer({"openat"}), HasSubstr("  sentry  (table)"));
  EXPECT_THAT(Answer({"ioctl", "0x5412"}), HasSubstr("  ENOTTY  (table)"));
  EXPECT_THAT(Answer({"ioctl", "TCGETS"}), HasSubstr("native if argument 1 is 0x5401"));
  EXPECT_THAT(Answer({"mprotect", "_", "_", "7"}), HasSubstr("EACCES if argument 2"));
  EXPECT_THAT(Answer({"mprotect", "_", "_", "PROT_READ"}), Not(HasSubstr("EACCES")));
  EXPECT_THAT(Answer({"bpf"}), HasSubstr("killed  (strict:"));
  EXPECT_THAT(Answer({"opne"}), HasSubstr("is no system call"));
}

TEST(Explain, Destinations) {
  EXPECT_THAT(Answer({"connect", "to", "10.0.0.1:80"}), HasSubstr("EPERM  (web.json:5:7"));
  EXPECT_THAT(Answer({"connect", "to", "10.0.0.2:80/tcp"}), HasSubstr("allowed  (web.json:6:7"));
  EXPECT_THAT(Answer({"connect", "to", "8.8.8.8:443"}),
              HasSubstr("or allowed while \"pypi.example\" has"));
  EXPECT_THAT(Answer({"connect", "to", "192.168.1.1:443"}),
              HasSubstr("not even if \"pypi.example\" has this address: it is not public"));
  EXPECT_THAT(Answer({"connect", "to", "pypi.example:443"}), HasSubstr("allowed  (web.json:7:7"));
  EXPECT_THAT(Answer({"connect", "to", "pypi.example:22"}), HasSubstr("the port is not opened"));
  EXPECT_THAT(Answer({"connect", "to", "evil.example:443"}), HasSubstr("there is no such name"));
  EXPECT_THAT(Answer({"connect", "to", "1.2.3.4:22"}), HasSubstr("otherwise"));
}

TEST(Explain, WhatIsListenedOnAndDevices) {
  EXPECT_THAT(Answer({"listen", "on", "0.0.0.0:8080/tcp"}), HasSubstr("allowed  (web.json:8:"));
  EXPECT_THAT(Answer({"listen", "on", "0.0.0.0:80/tcp"}), HasSubstr("EPERM  (web.json:8:15: oth"));
  EXPECT_THAT(Answer({"device", "c", "10:232", "rw"}), HasSubstr("EPERM  (web.json:9:"));
  EXPECT_THAT(Answer({"device", "c", "10:232", "r"}), HasSubstr("allowed  (web.json:9:16: oth"));
  EXPECT_THAT(Answer({"device", "c", "10"}), HasSubstr("not MAJOR:MINOR"));
}

TEST(Explain, FilesAndPrograms) {
  EXPECT_THAT(Answer({"read", "/etc/shadow"}), HasSubstr("not there  (web.json:2:15"));
  EXPECT_THAT(Answer({"read", "/etc/shadows"}), HasSubstr("no rule"));
  EXPECT_THAT(Answer({"write", "/usr/bin/x"}), HasSubstr("EROFS"));
  EXPECT_THAT(Answer({"exec", "/tmp/x"}), HasSubstr("EACCES"));
}

TEST(Diff, ShowsWhatChanges) {
  const auto strict = *policies::PolicyOfName("strict");
  const auto text = Diff(*policies::PolicyOfName("default"), strict);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, HasSubstr("+ splice: EINVAL"));
  EXPECT_EQ(*Diff(strict, strict), "");
}

TEST(Choose, ByOptionThenAnnotation) {
  EXPECT_EQ(Choose("", {})->top().name, "default");
  EXPECT_EQ(Choose("", {{kAnnotation, "strict"}})->top().name, "strict");
  EXPECT_EQ(Choose("compat", {{kAnnotation, "strict"}})->top().name, "compat");
  EXPECT_FALSE(Choose("", {{kAnnotation, "/tmp/x.json"}}).ok());
}

TEST(Limits, OnlyEverLower) {
  spec::Spec spec;
  spec.process.emplace();
  spec.linux_config.resources.emplace();
  spec.linux_config.resources->pids = spec::PidsLimit{5};
  ApplyLimits(Example().limits(), spec);
  EXPECT_EQ(spec.linux_config.resources->pids->limit, 5);
  EXPECT_EQ(*spec.linux_config.resources->memory->limit, 64 << 20);
  ASSERT_EQ(spec.process->rlimits.size(), 1u);
  EXPECT_EQ(spec.process->rlimits[0].hard, 100u);
}

}  // namespace
}  // namespace moat::policy
