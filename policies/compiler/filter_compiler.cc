#include "policies/compiler/filter_compiler.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policies/compiler/condition_code.h"

// Why not libseccomp: its rules can't say "otherwise" for one number. A rule without conditions
// drops those with conditions, a rule can't compare one argument twice, and no rule may repeat the
// default action (2.5.4), so "these socket families, else EAFNOSUPPORT" has no form. And adding and
// exporting 360 rules took 2.7 ms, this compiler takes under 0.2 ms.
namespace moat::policies {
namespace {

using Code = std::vector<sock_filter>;

constexpr uint32_t kFirstX32Number = 0x40000000;
constexpr size_t kMaxConditionalJump = 255;  // 8 bits

// Numbers from `first` up to the next range's share `code`.
struct Range {
  uint32_t first;
  Code code;
};

void Append(Code& code, const Code& more) { code.insert(code.end(), more.begin(), more.end()); }

sock_filter Return(const Action& action) {
  switch (action.kind) {
    case Action::Kind::kAllow:
      return BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    case Action::Kind::kErrno:
      return BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(action.error));
    case Action::Kind::kNotify:
      return BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    case Action::Kind::kLog:
      return BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_LOG);
    case Action::Kind::kTrap:
      return BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    case Action::Kind::kKillThread:
      return BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD);
    case Action::Kind::kKillProcess:
      break;
  }
  return BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
}

absl::Status CheckAction(int nr, const Action& action) {
  if (action.kind == Action::Kind::kErrno && (action.error < 0 || action.error > 4095))
    return absl::InvalidArgumentError(
        absl::StrCat("filter rule ", nr, ": ", action.error, " is no errno"));
  return absl::OkStatus();
}

absl::Status CheckRule(const Rule& rule) {
  if (rule.nr < 0 || static_cast<uint32_t>(rule.nr) >= kFirstX32Number)
    return absl::InvalidArgumentError(absl::StrCat("filter rule ", rule.nr, ": no such number"));
  if (auto status = CheckAction(rule.nr, rule.action); !status.ok()) return status;
  for (const Case& one : rule.cases) {
    if (auto status = CheckAction(rule.nr, one.action); !status.ok()) return status;
    for (const Condition& condition : one.all) {
      if (condition.index < 0 || condition.index > 5)
        return absl::InvalidArgumentError(
            absl::StrCat("filter rule ", rule.nr, ": argument ", condition.index, " of 0 to 5"));
      if (condition.value & ~condition.mask)
        return absl::InvalidArgumentError(absl::StrCat(
            "filter rule ", rule.nr, ": value ", condition.value, " can never be under its mask"));
    }
  }
  return absl::OkStatus();
}

Code CompileRule(const Rule& rule) {
  Code code;
  for (const Case& one : rule.cases) {
    Code body = {Return(one.action)};
    for (auto condition = one.all.rbegin(); condition != one.all.rend(); ++condition)
      body = Guard(*condition, std::move(body));
    Append(code, body);
  }
  code.push_back(Return(rule.action));
  return code;
}

// The rules by number, with the cookie's door in front.
absl::StatusOr<std::map<uint32_t, Rule>> RulesByNumber(const FilterSpec& spec) {
  std::map<uint32_t, Rule> rules;
  for (const Rule& rule : spec.rules) {
    if (auto status = CheckRule(rule); !status.ok()) return status;
    if (!rules.emplace(rule.nr, rule).second)
      return absl::InvalidArgumentError(absl::StrCat("filter rule ", rule.nr, ": given twice"));
  }
  if (spec.cookie == 0) return rules;
  for (const int nr : spec.cookie_calls) {
    Rule& rule = rules.try_emplace(nr, Rule{nr, spec.otherwise}).first->second;
    rule.cases.insert(rule.cases.begin(),
                      Case{{Arg64(5, Compare::kEqual, spec.cookie)}, Action::Allow()});
  }
  return rules;
}

bool SameCode(const Code& a, const Code& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const sock_filter& x, const sock_filter& y) {
                      return x.code == y.code && x.jt == y.jt && x.jf == y.jf && x.k == y.k;
                    });
}

void AddRange(std::vector<Range>& ranges, uint32_t first, Code code) {
  if (!ranges.empty() && SameCode(ranges.back().code, code)) return;
  ranges.push_back({first, std::move(code)});
}

std::vector<Range> Ranges(const std::map<uint32_t, Rule>& rules, const FilterSpec& spec) {
  const Code gap = {Return(spec.otherwise)};
  std::vector<Range> ranges;
  uint32_t next = 0;
  for (const auto& [nr, rule] : rules) {
    if (nr != next) AddRange(ranges, next, gap);
    AddRange(ranges, nr, CompileRule(rule));
    next = nr + 1;
  }
  AddRange(ranges, next, gap);
  AddRange(ranges, kFirstX32Number, {Return(spec.foreign)});
  return ranges;
}

// A binary search for the range of the number in the accumulator. Code is position-independent:
// every jump is relative and every leaf returns.
Code Search(const std::vector<Range>& ranges, size_t begin, size_t end) {
  if (end - begin == 1) return ranges[begin].code;
  const size_t middle = begin + (end - begin) / 2;
  const Code below = Search(ranges, begin, middle);
  const auto distance = static_cast<uint32_t>(below.size());
  Code code;
  if (distance <= kMaxConditionalJump) {
    code = {BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[middle].first,
                     static_cast<uint8_t>(distance), 0)};
  } else {
    code = {BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[middle].first, 0, 1),
            BPF_STMT(BPF_JMP | BPF_JA, distance)};
  }
  Append(code, below);
  Append(code, Search(ranges, middle, end));
  return code;
}

}  // namespace

absl::StatusOr<std::vector<sock_filter>> Compile(const FilterSpec& spec) {
  for (const Action& action : {spec.otherwise, spec.foreign}) {
    if (auto status = CheckAction(-1, action); !status.ok()) return status;
  }
  auto rules = RulesByNumber(spec);
  if (!rules.ok()) return rules.status();
  Code program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
      Return(spec.foreign),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
  const std::vector<Range> ranges = Ranges(*rules, spec);
  Append(program, Search(ranges, 0, ranges.size()));
  if (program.size() > BPF_MAXINSNS)
    return absl::InvalidArgumentError(
        absl::StrCat("filter: ", program.size(), " instructions, the kernel takes ", BPF_MAXINSNS));
  return program;
}

}  // namespace moat::policies
