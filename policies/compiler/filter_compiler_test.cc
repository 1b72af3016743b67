#include "policies/compiler/filter_compiler.h"

#include <asm/unistd_64.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <random>
#include <vector>

namespace moat::policies {
namespace {

constexpr uint64_t kCookie = 0x1122334455667788;
constexpr uint32_t kEnosys = SECCOMP_RET_ERRNO | ENOSYS;

struct Verdict {
  uint32_t action = 0;
  bool read_arguments = false;  // the kernel's allow bitmap can't answer then
};

// The subset of classic BPF that seccomp(2) takes and the compiler emits. Anything else is a
// failure.
class Interpreter {
 public:
  Interpreter(const std::vector<sock_filter>& program, const seccomp_data& data)
      : program_(program), data_(data) {}

  Verdict Run() {
    for (size_t at = 0; at < program_.size(); ++at) {
      const sock_filter& step = program_[at];
      if (step.code == (BPF_RET | BPF_K)) return {step.k, read_arguments_};
      at += Execute(step);
    }
    ADD_FAILURE() << "fell off the end";
    return {};
  }

 private:
  // Returns the distance to jump.
  size_t Execute(const sock_filter& step) {
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        EXPECT_EQ(step.k % 4, 0u);
        EXPECT_LT(step.k, sizeof(data_));
        read_arguments_ |= step.k >= offsetof(seccomp_data, instruction_pointer);
        std::memcpy(&accumulator_,
                    static_cast<const char*>(static_cast<const void*>(&data_)) + step.k, 4);
        return 0;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator_ &= step.k;
        return 0;
      case BPF_JMP | BPF_JA:
        return step.k;
      case BPF_JMP | BPF_JEQ | BPF_K:
        return accumulator_ == step.k ? step.jt : step.jf;
      case BPF_JMP | BPF_JGE | BPF_K:
        return accumulator_ >= step.k ? step.jt : step.jf;
      case BPF_JMP | BPF_JGT | BPF_K:
        return accumulator_ > step.k ? step.jt : step.jf;
    }
    ADD_FAILURE() << "unexpected instruction " << step.code;
    return program_.size();
  }

  const std::vector<sock_filter>& program_;
  const seccomp_data data_;
  uint32_t accumulator_ = 0;
  bool read_arguments_ = false;
};

Verdict Ask(const std::vector<sock_filter>& program, int nr, std::vector<uint64_t> args = {},
            uint32_t arch = AUDIT_ARCH_X86_64) {
  seccomp_data data = {nr, arch, 0, {}};
  for (size_t i = 0; i < args.size(); ++i) data.args[i] = args[i];
  return Interpreter(program, data).Run();
}

std::vector<sock_filter> MustCompile(const FilterSpec& spec) {
  auto program = Compile(spec);
  EXPECT_TRUE(program.ok()) << program.status();
  return program.ok() ? *program : std::vector<sock_filter>();
}

uint32_t Expected(const Action& action) {
  switch (action.kind) {
    case Action::Kind::kAllow:
      return SECCOMP_RET_ALLOW;
    case Action::Kind::kErrno:
      return SECCOMP_RET_ERRNO | static_cast<uint32_t>(action.error);
    case Action::Kind::kNotify:
      return SECCOMP_RET_USER_NOTIF;
    case Action::Kind::kLog:
      return SECCOMP_RET_LOG;
    case Action::Kind::kTrap:
      return SECCOMP_RET_TRAP;
    case Action::Kind::kKillThread:
      return SECCOMP_RET_KILL_THREAD;
    case Action::Kind::kKillProcess:
      return SECCOMP_RET_KILL_PROCESS;
  }
  return 0;
}

bool IsCookieCall(int nr) {
  const std::vector<int> calls = FilterSpec().cookie_calls;
  return std::find(calls.begin(), calls.end(), nr) != calls.end();
}

// As many rules as the real table has, every third of a kind, some with cases.
FilterSpec LargeSpec() {
  FilterSpec spec;
  for (int nr = 0; nr < 480; ++nr) {
    if (nr > 335 && nr < 424) continue;
    const Action action = nr % 3 == 0 || IsCookieCall(nr)
                              ? Action::Notify()
                              : (nr % 3 == 1 ? Action::Allow() : Action::Error(EPERM));
    spec.rules.push_back({nr, action});
    if (nr % 8 == 0) spec.rules.back().cases = {{{Arg32(1, Compare::kEqual, 7)}, Action::Allow()}};
  }
  spec.rules.push_back({0x6d6f61, Action::Notify()});
  spec.cookie = kCookie;
  return spec;
}

TEST(FilterCompiler, AnswersEveryNumberAsItsRuleSays) {
  const FilterSpec spec = LargeSpec();
  const auto program = MustCompile(spec);
  std::vector<bool> known(1000);
  for (const Rule& rule : spec.rules) {
    const Verdict verdict = Ask(program, rule.nr);
    EXPECT_EQ(verdict.action, Expected(rule.action)) << rule.nr;
    EXPECT_EQ(verdict.read_arguments, !rule.cases.empty() || IsCookieCall(rule.nr)) << rule.nr;
    if (!rule.cases.empty()) {
      EXPECT_EQ(Ask(program, rule.nr, {0, 7}).action, SECCOMP_RET_ALLOW);
    }
    if (rule.nr < 1000) known[static_cast<size_t>(rule.nr)] = true;
  }
  for (int nr = 0; nr < 1000; ++nr) {
    if (known[static_cast<size_t>(nr)]) continue;
    EXPECT_EQ(Ask(program, nr).action, kEnosys) << nr;
  }
}

TEST(FilterCompiler, RefusesOtherArchitecturesAndX32) {
  const auto program = MustCompile(LargeSpec());
  for (const int nr : {0, 1, 59, 0x6d6f61}) {
    EXPECT_EQ(Ask(program, nr, {}, AUDIT_ARCH_I386).action, kEnosys);
    EXPECT_EQ(Ask(program, nr, {}, AUDIT_ARCH_AARCH64).action, kEnosys);
    EXPECT_EQ(Ask(program, nr | 0x40000000).action, kEnosys);
  }
  EXPECT_EQ(Ask(program, -1).action, kEnosys);
}

TEST(FilterCompiler, OpensTheCookieDoorOnlyForTheWholeCookie) {
  const auto program = MustCompile(LargeSpec());
  for (const int nr : FilterSpec().cookie_calls) {
    EXPECT_EQ(Ask(program, nr, {0, 0, 0, 0, 0, kCookie}).action, SECCOMP_RET_ALLOW);
    EXPECT_NE(Ask(program, nr, {0, 0, 0, 0, 0, kCookie ^ 1}).action, SECCOMP_RET_ALLOW);
    EXPECT_NE(Ask(program, nr, {0, 0, 0, 0, 0, kCookie ^ (uint64_t{1} << 63)}).action,
              SECCOMP_RET_ALLOW);
    EXPECT_NE(Ask(program, nr, {kCookie, kCookie, kCookie, kCookie, kCookie, 0}).action,
              SECCOMP_RET_ALLOW);
  }
  EXPECT_EQ(Ask(program, __NR_execve, {0, 0, 0, 0, 0, kCookie}).action, SECCOMP_RET_ERRNO | EPERM);
}

TEST(FilterCompiler, HasNoDoorWithoutACookie) {
  FilterSpec spec;
  const auto program = MustCompile(spec);
  EXPECT_EQ(Ask(program, __NR_execveat).action, kEnosys);
  EXPECT_FALSE(Ask(program, __NR_execveat).read_arguments);
}

TEST(FilterCompiler, TakesTheFirstCaseThatApplies) {
  FilterSpec spec;
  spec.rules = {{__NR_socket,
                 Action::Error(EAFNOSUPPORT),
                 {{{Arg32(0, Compare::kEqual, AF_INET), Arg32(1, Compare::kEqual, SOCK_RAW)},
                   Action::KillProcess()},
                  {{Arg32(0, Compare::kEqual, AF_INET)}, Action::Allow()},
                  {{Arg32(0, Compare::kEqual, AF_UNIX)}, Action::Notify()}}}};
  const auto program = MustCompile(spec);
  EXPECT_EQ(Ask(program, __NR_socket, {AF_INET, SOCK_RAW}).action, SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Ask(program, __NR_socket, {AF_INET, SOCK_STREAM}).action, SECCOMP_RET_ALLOW);
  EXPECT_EQ(Ask(program, __NR_socket, {AF_UNIX, SOCK_RAW}).action, SECCOMP_RET_USER_NOTIF);
  EXPECT_EQ(Ask(program, __NR_socket, {AF_PACKET}).action, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
  // An int argument: the upper half is the workload's to choose and means nothing.
  EXPECT_EQ(Ask(program, __NR_socket, {0xdead00000000 | AF_INET, SOCK_RAW}).action,
            SECCOMP_RET_KILL_PROCESS);
}

bool Holds(const Condition& condition, uint64_t argument) {
  const uint64_t masked = argument & condition.mask;
  switch (condition.compare) {
    case Compare::kEqual:
      return masked == condition.value;
    case Compare::kNotEqual:
      return masked != condition.value;
    case Compare::kLess:
      return masked < condition.value;
    case Compare::kGreaterEqual:
      return masked >= condition.value;
  }
  return false;
}

// Values whose halves meet, miss and cross each other.
std::vector<uint64_t> InterestingValues() {
  std::vector<uint64_t> values;
  for (const uint64_t high : {0u, 1u, 2u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    for (const uint64_t low : {0u, 1u, 2u, 0x7fffffffu, 0x80000000u, 0xffffffffu})
      values.push_back(high << 32 | low);
  }
  return values;
}

TEST(FilterCompiler, ComparesBothHalves) {
  const auto values = InterestingValues();
  for (const Compare compare :
       {Compare::kEqual, Compare::kNotEqual, Compare::kLess, Compare::kGreaterEqual}) {
    for (const uint64_t mask : {~uint64_t{0}, uint64_t{0xffffffff}, uint64_t{0xff0000000000ff01},
                                uint64_t{1} << 40, uint64_t{0xffffffff00000000}}) {
      for (const uint64_t value : values) {
        const Condition condition = {3, mask, compare, value & mask};
        FilterSpec spec;
        spec.rules = {{5, Action::Notify(), {{{condition}, Action::Allow()}}}};
        const auto program = MustCompile(spec);
        for (const uint64_t argument : values) {
          ASSERT_EQ(Ask(program, 5, {0, 0, 0, argument}).action,
                    Holds(condition, argument) ? SECCOMP_RET_ALLOW : SECCOMP_RET_USER_NOTIF)
              << mask << " " << value << " " << argument << " " << static_cast<int>(compare);
        }
      }
    }
  }
}

TEST(FilterCompiler, AgreesWithThePlainReadingOfRandomSpecs) {
  std::mt19937 random(7);
  const auto values = InterestingValues();
  const auto pick = [&] { return values[random() % values.size()]; };
  for (int round = 0; round < 100; ++round) {
    FilterSpec spec;
    for (int nr = 0; nr < 60; nr += 1 + static_cast<int>(random() % 3)) {
      Rule rule = {nr, random() % 2 ? Action::Notify() : Action::Allow()};
      for (unsigned i = random() % 4; i > 0; --i) {
        Case one = {{}, Action::Error(static_cast<int>(i))};
        for (unsigned j = random() % 4; j > 0; --j)
          one.all.push_back(
              Arg64(static_cast<int>(random() % 6), static_cast<Compare>(random() % 4), pick()));
        rule.cases.push_back(one);
      }
      spec.rules.push_back(rule);
    }
    const auto program = MustCompile(spec);
    for (const Rule& rule : spec.rules) {
      const std::vector<uint64_t> args = {pick(), pick(), pick(), pick(), pick(), pick()};
      Action action = rule.action;
      for (auto one = rule.cases.rbegin(); one != rule.cases.rend(); ++one) {
        bool all = true;
        for (const Condition& c : one->all) all &= Holds(c, args[static_cast<size_t>(c.index)]);
        if (all) action = one->action;
      }
      ASSERT_EQ(Ask(program, rule.nr, args).action, Expected(action)) << rule.nr;
    }
  }
}

TEST(FilterCompiler, JumpsFartherThanAByte) {
  FilterSpec spec;
  for (int nr = 0; nr < 100; ++nr) {
    Rule rule = {nr, Action::Error(1 + nr)};
    for (uint32_t i = 0; i < 4; ++i)
      rule.cases.push_back({{Arg64(0, Compare::kEqual, i)}, Action::Error(1000 + nr)});
    spec.rules.push_back(rule);
  }
  const auto program = MustCompile(spec);
  EXPECT_GT(program.size(), 1000u);
  for (int nr = 0; nr < 100; ++nr) {
    EXPECT_EQ(Ask(program, nr, {9}).action, SECCOMP_RET_ERRNO | static_cast<uint32_t>(1 + nr));
    EXPECT_EQ(Ask(program, nr, {3}).action, SECCOMP_RET_ERRNO | static_cast<uint32_t>(1000 + nr));
  }
}

TEST(FilterCompiler, RefusesWhatItCannotSay) {
  const auto refused = [](Rule rule) { return !Compile({.rules = {std::move(rule)}}).ok(); };
  EXPECT_TRUE(refused({-1, Action::Allow()}));
  EXPECT_TRUE(refused({0x40000000, Action::Allow()}));
  EXPECT_TRUE(refused({1, Action::Error(-1)}));
  EXPECT_TRUE(refused({1, Action::Error(4096)}));
  EXPECT_TRUE(refused({1, Action::Allow(), {{{Arg32(6, Compare::kEqual, 0)}, Action::Allow()}}}));
  EXPECT_TRUE(refused({1, Action::Allow(), {{{{0, 1, Compare::kEqual, 2}}, Action::Allow()}}}));
  EXPECT_FALSE(Compile({.rules = {{1, Action::Allow()}, {1, Action::Allow()}}}).ok());
  EXPECT_FALSE(Compile({.otherwise = Action::Error(-1)}).ok());
}

TEST(FilterCompiler, TellsWhatItCosts) {
  const FilterSpec spec = LargeSpec();
  const auto start = std::chrono::steady_clock::now();
  const auto program = MustCompile(spec);
  const auto took = std::chrono::steady_clock::now() - start;
  RecordProperty(
      "microseconds",
      static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  RecordProperty("instructions", static_cast<int>(program.size()));
  EXPECT_LT(program.size(), 1500u);
}

}  // namespace
}  // namespace moat::policies
