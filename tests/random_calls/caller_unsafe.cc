#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "platform/loader/plan.h"
#include "tests/random_calls/arguments.h"
#include "tests/random_calls/caller.h"
#include "tests/random_calls/shapes.h"

namespace moat::random_calls {
namespace {

constexpr int kCallsOfALife = 2000, kCallsOfAChild = 8;
constexpr uid_t kNobody = 65534;
constexpr long kX32Bit = 0x40000000;
// Linux 6.18 has numbers up to 336 and from 424 to 470.
constexpr uint64_t kFirstRange = 340, kSecondBegin = 424, kSecondRange = 50, kI386Range = 472;

using Six = std::array<long, 6>;

// Without errno: whatever a call does to the thread's own memory, this still works.
long Native(long number, const Six& a) {
  long result = number;
  register long r10 asm("r10") = a[3];
  register long r8 asm("r8") = a[4];
  register long r9 asm("r9") = a[5];
  asm volatile("syscall"
               : "+a"(result), "+r"(r10), "+r"(r8), "+r"(r9)
               : "D"(a[0]), "S"(a[1]), "d"(a[2])
               : "rcx", "r11", "memory");
  return result;
}

long I386(long number, const Six& a) {
  long result = number;
  asm volatile("int $0x80"
               : "+a"(result)
               : "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
               : "r8", "r9", "r10", "r11", "memory");
  return static_cast<int>(result);
}

struct Choice {
  Door door;
  long number;
};

Choice Choose(Arguments& arguments) {
  if (arguments.OneIn(64)) {
    return {Door::kI386, static_cast<long>(arguments.Below(kI386Range))};
  }
  if (arguments.OneIn(64)) return {Door::kX32, static_cast<long>(arguments.Below(kNumbers + 64))};
  if (arguments.OneIn(64)) {
    return {Door::kNative,
            arguments.OneIn(2) ? loader::kPlanCall : static_cast<long>(arguments.Any())};
  }
  for (;;) {
    const auto place = arguments.Below(kFirstRange + kSecondRange);
    const auto number =
        static_cast<long>(place < kFirstRange ? place : place - kFirstRange + kSecondBegin);
    if (!EndsItsCaller(number) || arguments.OneIn(16)) return {Door::kNative, number};
  }
}

Six Fill(Arguments& arguments, long number) {
  Six values{};
  size_t at = 0;
  for (const char letter : ShapeOf(number)) values[at++] = arguments.Make(letter);
  while (at < values.size()) values[at++] = static_cast<long>(arguments.Any());
  return values;
}

long Make(const Choice& choice, const Six& values) {
  switch (choice.door) {
    case Door::kNative:
      return Native(choice.number, values);
    case Door::kX32:
      return Native(choice.number | kX32Bit, values);
    case Door::kI386:
      return I386(choice.number, values);
  }
  return 0;
}

void Prepare(const Life& life) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};  // interrupts what blocks; without SA_RESTART
  sigaction(SIGALRM, &action, nullptr);
  signal(SIGXFSZ, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  constexpr rlim_t kFile = 1 << 20, kMemory = 256 << 20;
  const rlimit none = {0, 0}, file = {kFile, kFile}, memory = {kMemory, kMemory};
  setrlimit(RLIMIT_CORE, &none);
  setrlimit(RLIMIT_FSIZE, &file);
  setrlimit(RLIMIT_AS, &memory);
  // Half of them with the container's capabilities.
  if (life.slot % 2 != 0 &&
      (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
       setresuid(kNobody, kNobody, kNobody) != 0)) {
    _exit(1);
  }
  prctl(PR_SET_DUMPABLE, 1);  // they may trace each other
}

}  // namespace

void MakeCalls(const Life& life) {
  Prepare(life);
  void* pages =
      mmap(nullptr, kPages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (pages == MAP_FAILED) _exit(1);
  Arguments arguments(life.seed, life.arena, pages);
  const long self = Native(SYS_getpid, {});
  int left = kCallsOfALife;
  bool born_here = false;
  while (left-- > 0) {
    const Choice choice = Choose(arguments);
    const Six values = Fill(arguments, choice.number);
    const auto number = std::min<size_t>(static_cast<size_t>(choice.number), kNumbers - 1);
    Tally& tally = life.record.calls[static_cast<size_t>(choice.door)][number];
    if (!born_here) {
      ++tally.issued;
      ++life.record.progress[life.slot];
    }
    const long result = Make(choice, values);
    if (!born_here && Native(SYS_getpid, {}) != self) {
      born_here = true;
      left = kCallsOfAChild;
    }
    if (born_here) continue;
    const bool failed = result < 0 && result > -4096;
    ++tally.ended[failed ? std::min<size_t>(static_cast<size_t>(-result), kErrors - 1) : 0];
  }
  _exit(0);
}

}  // namespace moat::random_calls
