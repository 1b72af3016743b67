#include "runtime/seccomp/profile.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "policies/compiler/filter_compiler.h"
#include "policies/compiler/filter_spec.h"

namespace moat::seccomp {
namespace {

using policies::Action;
using policies::Case;
using policies::Compare;
using policies::Condition;
using policies::Rule;

constexpr char kField[] = "linux.seccomp.";
constexpr uint32_t kMaxErrno = 4095;  // MAX_ERRNO of the kernel

// What sessions run besides their own execveat (platform/platform.h): by x86-64 number.
constexpr int kSessionCalls[] = {SYS_execveat, SYS_chroot, SYS_close, SYS_munmap,  SYS_recvmsg,
                                 SYS_dup3,     SYS_fchdir, SYS_fcntl, SYS_connect, SYS_sendmsg,
                                 SYS_capget,   SYS_capset, SYS_prctl};

absl::Status Fault(absl::string_view field, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(kField, field, ": ", problem));
}

struct ActionName {
  absl::string_view name;
  Action action;
};
constexpr ActionName kActions[] = {
    {"SCMP_ACT_KILL", Action::KillThread()},
    {"SCMP_ACT_KILL_THREAD", Action::KillThread()},
    {"SCMP_ACT_KILL_PROCESS", Action::KillProcess()},
    {"SCMP_ACT_TRAP", Action::Trap()},
    {"SCMP_ACT_ERRNO", Action::Error(EPERM)},
    {"SCMP_ACT_TRACE", Action::Error(ENOSYS)},
    {"SCMP_ACT_ALLOW", Action::Allow()},
    {"SCMP_ACT_LOG", Action::Log()},
};

absl::StatusOr<Action> ParseAction(const std::string& field, const std::string& name,
                                   const std::optional<uint32_t>& error) {
  if (name == "SCMP_ACT_NOTIFY") {
    return absl::UnimplementedError(absl::StrCat(kField, field,
                                                 ": SCMP_ACT_NOTIFY can't be used: a process has "
                                                 "one seccomp listener, and moat's supervisor "
                                                 "is it; use SCMP_ACT_ERRNO or SCMP_ACT_ALLOW"));
  }
  const auto* known = std::find_if(std::begin(kActions), std::end(kActions),
                                   [&](const ActionName& entry) { return entry.name == name; });
  if (known == std::end(kActions)) {
    return Fault(field, absl::StrCat("\"", name, "\" is not an action of seccomp"));
  }
  if (!error) return known->action;
  if (name == "SCMP_ACT_TRACE") return known->action;
  if (name != "SCMP_ACT_ERRNO") return Fault(field, absl::StrCat(name, " takes no errno"));
  if (*error > kMaxErrno) return Fault(field, absl::StrCat(*error, " is not an errno"));
  return Action::Error(static_cast<int>(*error));
}

// Empty: it never holds. A condition that always holds is left out of `all` by the caller.
struct Translated {
  enum class Kind { kAlways, kNever, kCondition } kind = Kind::kCondition;
  Condition condition;
};

absl::StatusOr<Translated> TranslateArgument(const std::string& field,
                                             const spec::SeccompArg& argument) {
  if (argument.index > 5) return Fault(field + ".index", "is not in 0 to 5");
  const int index = static_cast<int>(argument.index);
  const uint64_t value = argument.value;
  const auto whole = [&](Compare compare, uint64_t number) {
    return Translated{Translated::Kind::kCondition, policies::Arg64(index, compare, number)};
  };
  if (argument.op == "SCMP_CMP_EQ") return whole(Compare::kEqual, value);
  if (argument.op == "SCMP_CMP_NE") return whole(Compare::kNotEqual, value);
  if (argument.op == "SCMP_CMP_LT") return whole(Compare::kLess, value);
  if (argument.op == "SCMP_CMP_GE") return whole(Compare::kGreaterEqual, value);
  const bool highest = value == ~uint64_t{0};
  if (argument.op == "SCMP_CMP_LE") {
    return highest ? Translated{Translated::Kind::kAlways, {}} : whole(Compare::kLess, value + 1);
  }
  if (argument.op == "SCMP_CMP_GT") {
    return highest ? Translated{Translated::Kind::kNever, {}}
                   : whole(Compare::kGreaterEqual, value + 1);
  }
  if (argument.op != "SCMP_CMP_MASKED_EQ") {
    return Fault(field + ".op",
                 absl::StrCat("\"", argument.op, "\" is not an operator of seccomp"));
  }
  // (argument & value) == valueTwo
  if ((argument.value_two & ~value) != 0) {
    return Fault(field + ".valueTwo", "has bits that the mask in \"value\" takes away");
  }
  if (value == 0) return Translated{Translated::Kind::kAlways, {}};
  return Translated{Translated::Kind::kCondition,
                    Condition{index, value, Compare::kEqual, argument.value_two}};
}

bool ComparesOneTwice(const std::vector<spec::SeccompArg>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (arguments[i].index == arguments[j].index) return true;
    }
  }
  return false;
}

// All conditions of an entry hold together; but where one argument is compared more than once, each
// stands alone (as runc reads it, libseccomp having no other way: clone flags, personalities).
absl::StatusOr<std::vector<Case>> Cases(const std::string& field, const spec::SeccompSyscall& entry,
                                        const Action& action) {
  const bool alternatives = ComparesOneTwice(entry.args);
  std::vector<Case> cases;
  if (!alternatives) cases.push_back({{}, action});
  for (size_t i = 0; i < entry.args.size(); ++i) {
    ASSIGN_OR_RETURN(const Translated translated,
                     TranslateArgument(absl::StrCat(field, ".args[", i, "]"), entry.args[i]));
    if (translated.kind == Translated::Kind::kNever) {
      if (!alternatives) return std::vector<Case>();
      continue;
    }
    if (alternatives) cases.push_back({{}, action});
    if (translated.kind == Translated::Kind::kCondition) {
      cases.back().all.push_back(translated.condition);
    }
  }
  return cases;
}

void TakeStronger(std::optional<Action>& action, const Action& other) {
  if (!action || action->kind < other.kind) action = other;
}

// What the profile says of one call.
struct CallRules {
  std::optional<Action> always;
  std::vector<Case> cases;
};

// The first case that holds decides, so the strongest goes first. An entry without arguments takes
// the place of the default, and of the cases that are not stronger than it.
Rule RuleOf(int nr, const CallRules& call, const Action& default_action) {
  Rule rule{.nr = nr, .action = call.always.value_or(default_action), .cases = call.cases};
  if (call.always) {
    std::erase_if(rule.cases,
                  [&](const Case& one) { return one.action.kind <= call.always->kind; });
  }
  std::stable_sort(rule.cases.begin(), rule.cases.end(),
                   [](const Case& a, const Case& b) { return a.action.kind > b.action.kind; });
  return rule;
}

class Compiler {
 public:
  Compiler(const spec::Seccomp& config, const Surroundings& moat) : config_(config), moat_(moat) {}

  absl::StatusOr<Profile> Compile();

 private:
  absl::Status ReadEntries();
  absl::Status CheckArchitectures() const;
  absl::StatusOr<unsigned> Flags() const;
  policies::FilterSpec ToFilterSpec() const;

  const spec::Seccomp& config_;
  const Surroundings& moat_;
  Action default_action_;
  std::map<int, CallRules> calls_;
};

absl::Status Compiler::ReadEntries() {
  for (size_t i = 0; i < config_.syscalls.size(); ++i) {
    const spec::SeccompSyscall& entry = config_.syscalls[i];
    const std::string field = absl::StrCat("syscalls[", i, "]");
    if (entry.names.empty()) return Fault(field + ".names", "is empty");
    ASSIGN_OR_RETURN(const Action action,
                     ParseAction(field + ".action", entry.action, entry.errno_ret));
    ASSIGN_OR_RETURN(const std::vector<Case> cases, Cases(field, entry, action));
    for (const std::string& name : entry.names) {
      const std::optional<int> number = moat_.number_of(name);
      if (!number) continue;
      CallRules& rules = calls_[*number];
      for (const Case& one : cases) {
        if (one.all.empty()) {
          TakeStronger(rules.always, one.action);
        } else {
          rules.cases.push_back(one);
        }
      }
    }
  }
  return absl::OkStatus();
}

// Unknown to nobody is refused: a profile lists what it was written for.
absl::Status Compiler::CheckArchitectures() const {
  for (size_t i = 0; i < config_.architectures.size(); ++i) {
    if (absl::StartsWith(config_.architectures[i], "SCMP_ARCH_")) continue;
    return Fault(absl::StrCat("architectures[", i, "]"),
                 absl::StrCat("\"", config_.architectures[i], "\" is not an architecture"));
  }
  return absl::OkStatus();
}

absl::StatusOr<unsigned> Compiler::Flags() const {
  // As runc: without the key, speculation is as the kernel has it anyway.
  if (config_.flags.empty()) return SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  unsigned flags = 0;
  for (size_t i = 0; i < config_.flags.size(); ++i) {
    const std::string& flag = config_.flags[i];
    if (flag == "SECCOMP_FILTER_FLAG_LOG") {
      flags |= SECCOMP_FILTER_FLAG_LOG;
    } else if (flag == "SECCOMP_FILTER_FLAG_SPEC_ALLOW") {
      flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    } else if (flag != "SECCOMP_FILTER_FLAG_TSYNC" &&
               flag != "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV") {
      // The last two have nothing to say here: one thread, no listener.
      return Fault(absl::StrCat("flags[", i, "]"),
                   absl::StrCat("\"", flag, "\" is not a flag of seccomp"));
    }
  }
  return flags;
}

// Calls that are newer than every call of the profile fail with ENOSYS instead of a refusing
// default: programs then fall back to an older call (runc does so, too).
policies::FilterSpec Compiler::ToFilterSpec() const {
  policies::FilterSpec filter;
  const bool refuses = default_action_.kind >= Action::Kind::kErrno;
  filter.otherwise = refuses && !calls_.empty() ? Action::Error(ENOSYS) : default_action_;
  const int last = calls_.empty() ? -1 : calls_.rbegin()->first;
  for (int nr = 0; nr <= last; ++nr) {
    const auto found = calls_.find(nr);
    filter.rules.push_back(found == calls_.end() ? Rule{.nr = nr, .action = default_action_}
                                                 : RuleOf(nr, found->second, default_action_));
  }
  if (moat_.plan_call >= 0) filter.rules.push_back({moat_.plan_call, Action::Allow()});
  filter.cookie = moat_.cookie;
  // No door where none is needed: the kernel answers a plain "allow" without running the program.
  filter.cookie_calls.clear();
  for (const int nr : kSessionCalls) {
    const bool allowed = nr <= last && filter.rules[static_cast<size_t>(nr)].cases.empty() &&
                         filter.rules[static_cast<size_t>(nr)].action == Action::Allow();
    if (!allowed) filter.cookie_calls.push_back(nr);
  }
  return filter;
}

absl::StatusOr<Profile> Compiler::Compile() {
  ASSIGN_OR_RETURN(default_action_,
                   ParseAction("defaultAction", config_.default_action, config_.default_errno_ret));
  RETURN_IF_ERROR(CheckArchitectures());
  RETURN_IF_ERROR(ReadEntries());
  Profile profile;
  ASSIGN_OR_RETURN(profile.flags, Flags());
  absl::StatusOr<std::vector<sock_filter>> program = policies::Compile(ToFilterSpec());
  if (!program.ok()) return Annotate(program.status(), "linux.seccomp");
  profile.program = std::move(*program);
  return profile;
}

}  // namespace

absl::StatusOr<Profile> CompileProfile(const spec::Seccomp& config, const Surroundings& moat) {
  return Compiler(config, moat).Compile();
}

bool AlwaysAllows(const spec::Seccomp& config, absl::string_view call) {
  constexpr char kAllow[] = "SCMP_ACT_ALLOW";
  bool named = config.default_action == kAllow;
  for (const spec::SeccompSyscall& entry : config.syscalls) {
    if (std::find(entry.names.begin(), entry.names.end(), call) == entry.names.end()) continue;
    if (entry.action != kAllow) return false;
    named = named || entry.args.empty();
  }
  return named;
}

absl::Status InstallProfile(const Profile& profile) {
  if (profile.program.empty()) return absl::OkStatus();
  const sock_fprog program = {static_cast<unsigned short>(profile.program.size()),
                              const_cast<sock_filter*>(profile.program.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, profile.flags, &program) < 0) {
    return ErrnoStatus(errno, "seccomp", "linux.seccomp");
  }
  return absl::OkStatus();
}

}  // namespace moat::seccomp
