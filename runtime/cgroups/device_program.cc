#include "runtime/cgroups/device_program.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/match.h"
#include "runtime/cgroups/bpf_program.h"

namespace moat::cgroups {
namespace {

using bpf::And;
using bpf::Copy;
using bpf::Exit;
using bpf::Set;
using bpf::ShiftRight;
using bpf::SkipIf;

// The registers of the program; r1 is the context, struct bpf_cgroup_dev_ctx.
constexpr int kResult = BPF_REG_0, kContext = BPF_REG_1;
constexpr int kWanted = BPF_REG_2;  // accesses not answered yet
constexpr int kType = BPF_REG_3, kMajor = BPF_REG_4, kMinor = BPF_REG_5;

int32_t AccessBits(const std::string& access) {
  if (access.empty()) return BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
  int32_t bits = 0;
  if (absl::StrContains(access, "m")) bits |= BPF_DEVCG_ACC_MKNOD;
  if (absl::StrContains(access, "r")) bits |= BPF_DEVCG_ACC_READ;
  if (absl::StrContains(access, "w")) bits |= BPF_DEVCG_ACC_WRITE;
  return bits;
}

// What is done once the device is known to be the rule's.
std::vector<bpf_insn> Decide(const spec::DeviceRule& rule) {
  const int32_t bits = AccessBits(rule.access);
  if (rule.allow) {
    return {And(kWanted, ~bits), SkipIf(BPF_JNE, kWanted, 0, 2), Set(kResult, 1), Exit()};
  }
  return {Copy(kResult, kWanted), And(kResult, bits), SkipIf(BPF_JEQ, kResult, 0, 2),
          Set(kResult, 0), Exit()};
}

void AddRule(const spec::DeviceRule& rule, std::vector<bpf_insn>& program) {
  const std::vector<bpf_insn> decide = Decide(rule);
  struct Test {
    int reg;
    int64_t value;
  };
  std::vector<Test> tests;
  if (rule.type != 'a') {
    tests.push_back({kType, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR});
    // The numbers of an "a" rule say nothing, as in v1.
    if (rule.major.value_or(-1) >= 0) tests.push_back({kMajor, *rule.major});
    if (rule.minor.value_or(-1) >= 0) tests.push_back({kMinor, *rule.minor});
  }
  for (size_t i = 0; i < tests.size(); ++i) {
    const size_t rest = tests.size() - i - 1 + decide.size();
    program.push_back(SkipIf(BPF_JNE, tests[i].reg, static_cast<int32_t>(tests[i].value), rest));
  }
  program.insert(program.end(), decide.begin(), decide.end());
}

}  // namespace

std::vector<bpf_insn> CompileDeviceRules(const std::vector<spec::DeviceRule>& rules) {
  std::vector<bpf_insn> program = {
      bpf::Load(kWanted, kContext, offsetof(bpf_cgroup_dev_ctx, access_type)),
      Copy(kType, kWanted),
      And(kType, 0xffff),
      ShiftRight(kWanted, 16),
      bpf::Load(kMajor, kContext, offsetof(bpf_cgroup_dev_ctx, major)),
      bpf::Load(kMinor, kContext, offsetof(bpf_cgroup_dev_ctx, minor)),
  };
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) AddRule(*rule, program);
  program.push_back(Set(kResult, 0));
  program.push_back(Exit());
  return program;
}

absl::StatusOr<Fd> LoadDeviceProgram(const std::vector<bpf_insn>& program) {
  return bpf::LoadProgram(BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, program, "device rules");
}

absl::Status AttachDeviceProgram(const Fd& program, const std::string& directory) {
  return bpf::AttachProgram(program, BPF_CGROUP_DEVICE, directory);
}

}  // namespace moat::cgroups
