#include "policies/compiler/condition_code.h"

#include <linux/seccomp.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace moat::policies {
namespace {

using Code = std::vector<sock_filter>;

constexpr uint32_t Low(uint64_t value) { return static_cast<uint32_t>(value); }
constexpr uint32_t High(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

// Loads one half of argument `index`; x86-64 is little-endian.
void Load(Code& code, int index, bool high, uint32_t mask) {
  const size_t offset =
      offsetof(seccomp_data, args) + static_cast<size_t>(index) * 8 + (high ? 4 : 0);
  code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)));
  if (mask != 0xffffffff) code.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
}

// A jump whose targets are not placed yet.
enum class Target { kNext, kPass, kFail };
struct Jump {
  uint16_t operation;
  Target yes, no;
};

// Comparing the high halves may decide already; comparing the low halves always does.
Jump HighJump(Compare compare) {
  switch (compare) {
    case Compare::kEqual:
      return {BPF_JEQ, Target::kNext, Target::kFail};
    case Compare::kNotEqual:
      return {BPF_JEQ, Target::kNext, Target::kPass};
    case Compare::kLess:
    case Compare::kGreaterEqual:
      break;
  }
  return {BPF_JGT, compare == Compare::kLess ? Target::kFail : Target::kPass, Target::kNext};
}

Jump LowJump(Compare compare) {
  switch (compare) {
    case Compare::kEqual:
      return {BPF_JEQ, Target::kPass, Target::kFail};
    case Compare::kNotEqual:
      return {BPF_JEQ, Target::kFail, Target::kPass};
    case Compare::kLess:
      return {BPF_JGE, Target::kFail, Target::kPass};
    case Compare::kGreaterEqual:
      break;
  }
  return {BPF_JGE, Target::kPass, Target::kFail};
}

bool Ordered(Compare compare) {
  return compare == Compare::kLess || compare == Compare::kGreaterEqual;
}

// Instructions whose jt and jf hold Targets until Place knows the distances.
void AddJump(Code& code, const Jump& jump, uint32_t value) {
  code.push_back(BPF_JUMP(static_cast<uint16_t>(BPF_JMP | jump.operation | BPF_K), value,
                          static_cast<uint8_t>(jump.yes), static_cast<uint8_t>(jump.no)));
}

Code Unplaced(const Condition& condition) {
  Code code;
  if (High(condition.mask) != 0) {
    Load(code, condition.index, /*high=*/true, High(condition.mask));
    AddJump(code, HighJump(condition.compare), High(condition.value));
    if (Ordered(condition.compare)) {  // not above: equal goes on, below decides
      const Target below = condition.compare == Compare::kLess ? Target::kPass : Target::kFail;
      AddJump(code, {BPF_JEQ, Target::kNext, below}, High(condition.value));
    }
  }
  Load(code, condition.index, /*high=*/false, Low(condition.mask));
  AddJump(code, LowJump(condition.compare), Low(condition.value));
  return code;
}

}  // namespace

std::vector<sock_filter> Guard(const Condition& condition, std::vector<sock_filter> body) {
  Code code = Unplaced(condition);
  // The way out is one unconditional jump, whose distance has 32 bits: a body may be long. It
  // stands between the test and the body.
  const size_t way_out = code.size();
  for (size_t i = 0; i < code.size(); ++i) {
    if (BPF_CLASS(code[i].code) != BPF_JMP) continue;
    const auto place = [&](uint8_t target) {
      if (target == static_cast<uint8_t>(Target::kNext)) return uint8_t{0};
      const size_t pass = target == static_cast<uint8_t>(Target::kPass) ? 1 : 0;
      return static_cast<uint8_t>(way_out + pass - i - 1);
    };
    code[i].jt = place(code[i].jt);
    code[i].jf = place(code[i].jf);
  }
  code.push_back(BPF_STMT(BPF_JMP | BPF_JA, static_cast<uint32_t>(body.size())));
  code.insert(code.end(), body.begin(), body.end());
  return code;
}

}  // namespace moat::policies
