#include "runtime/cgroups/device_program.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "absl/strings/match.h"
#include "base/status.h"

namespace moat::cgroups {
namespace {

// The registers of the program; r1 is the context, struct bpf_cgroup_dev_ctx.
constexpr int kResult = BPF_REG_0, kContext = BPF_REG_1;
constexpr int kWanted = BPF_REG_2;  // accesses not answered yet
constexpr int kType = BPF_REG_3, kMajor = BPF_REG_4, kMinor = BPF_REG_5;

bpf_insn Instruction(int code, int to, int from, int offset, int32_t immediate) {
  bpf_insn instruction = {};
  instruction.code = static_cast<uint8_t>(code);
  instruction.dst_reg = static_cast<uint8_t>(to) & 0xf;
  instruction.src_reg = static_cast<uint8_t>(from) & 0xf;
  instruction.off = static_cast<int16_t>(offset);
  instruction.imm = immediate;
  return instruction;
}

bpf_insn Load(int to, int offset) {
  return Instruction(BPF_LDX | BPF_MEM | BPF_W, to, kContext, offset, 0);
}
bpf_insn Copy(int to, int from) { return Instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0); }
bpf_insn Set(int to, int32_t value) {
  return Instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}
bpf_insn And(int to, int32_t mask) {
  return Instruction(BPF_ALU64 | BPF_AND | BPF_K, to, 0, 0, mask);
}
bpf_insn ShiftRight(int to, int32_t bits) {
  return Instruction(BPF_ALU64 | BPF_RSH | BPF_K, to, 0, 0, bits);
}
// Jumps over the `distance` next instructions.
bpf_insn SkipIf(int operation, int left, int32_t right, size_t distance) {
  return Instruction(BPF_JMP | operation | BPF_K, left, 0, static_cast<int>(distance), right);
}
bpf_insn Exit() { return Instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

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

long Bpf(int command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof(attributes));
}

}  // namespace

std::vector<bpf_insn> CompileDeviceRules(const std::vector<spec::DeviceRule>& rules) {
  std::vector<bpf_insn> program = {
      Load(kWanted, offsetof(bpf_cgroup_dev_ctx, access_type)),
      Copy(kType, kWanted),
      And(kType, 0xffff),
      ShiftRight(kWanted, 16),
      Load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
      Load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
  };
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) AddRule(*rule, program);
  program.push_back(Set(kResult, 0));
  program.push_back(Exit());
  return program;
}

absl::StatusOr<Fd> LoadDeviceProgram(const std::vector<bpf_insn>& program) {
  static constexpr char kLicense[] = "Apache-2.0";
  bpf_attr attributes = {};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = std::bit_cast<uint64_t>(program.data());
  attributes.insn_cnt = static_cast<uint32_t>(program.size());
  attributes.license = std::bit_cast<uint64_t>(&kLicense[0]);
  Fd fd(static_cast<int>(Bpf(BPF_PROG_LOAD, attributes)));  // close-on-exec always
  if (!fd) return ErrnoStatus(errno, "bpf BPF_PROG_LOAD", "device rules");
  return fd;
}

absl::Status AttachDeviceProgram(const Fd& program, const std::string& directory) {
  const Fd group(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!group) return ErrnoStatus(errno, "open", directory);
  bpf_attr attributes = {};
  attributes.target_fd = static_cast<uint32_t>(group.get());
  attributes.attach_bpf_fd = static_cast<uint32_t>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (Bpf(BPF_PROG_ATTACH, attributes) < 0) {
    return ErrnoStatus(errno, "bpf BPF_PROG_ATTACH", directory);
  }
  return absl::OkStatus();
}

}  // namespace moat::cgroups
