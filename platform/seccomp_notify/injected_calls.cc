#include "platform/seccomp_notify/injected_calls.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <cerrno>

#include "base/linux_abi/errno.h"

namespace moat::platform::seccomp_notify {
namespace {

constexpr uint64_t kSyscallSize = 2;  // 0f 05
constexpr int64_t kMaxErrno = 4095;

}  // namespace

bool WantsRestart(int64_t result) {
  switch (-result) {
    case linux_abi::kErestartSys:
    case linux_abi::kErestartNoIntr:
    case linux_abi::kErestartNoHand:
    case linux_abi::kErestartRestartBlock:
      return true;
  }
  return false;
}

Result<void> InjectedCalls::Prepare(int nr, const std::array<uint64_t, 6>& args) {
  user_regs_struct registers = behind_;
  registers.rip -= kSyscallSize;
  registers.rax = static_cast<uint64_t>(nr);
  registers.orig_rax = ~uint64_t{0};  // not in a call: nothing for the kernel to restart
  registers.rdi = args[0];
  registers.rsi = args[1];
  registers.rdx = args[2];
  registers.r10 = args[3];
  registers.r8 = args[4];
  registers.r9 = args[5];
  return task_.SetRegisters(registers);
}

Result<uint64_t> InjectedCalls::Call(int nr, std::array<uint64_t, 6> args) {
  // For a profile of the config that would refuse the call (runtime/seccomp); of those that are run
  // here only mmap has a sixth argument.
  if (nr != __NR_mmap) args[5] = cookie_;
  // What a signal that came in between left behind (SIGSTOP; all others are blocked) the kernel
  // would run again; so do we.
  for (int restarts = 0; restarts < kMostRestarts; ++restarts) {
    TRY(Prepare(nr, args));
    TRY_ASSIGN(const StoppedTask::StepEnd end, task_.Step());
    if (end == StoppedTask::StepEnd::kReplaced) return Errno(ECANCELED);
    TRY_ASSIGN(const user_regs_struct after, task_.Registers());
    // A sibling thread has rewritten the instruction under us, and something else ran.
    if (after.rip != behind_.rip) return Errno(EFAULT);
    const auto result = static_cast<int64_t>(after.rax);
    if (WantsRestart(result)) continue;
    if (result < 0 && result >= -kMaxErrno) return Errno(static_cast<int>(-result));
    return after.rax;
  }
  return Errno(EINTR);
}

Result<GuestAddr> InjectedCalls::MapScratch(size_t size) {
  TRY_ASSIGN(const uint64_t address,
             Call(__NR_mmap,
                  {0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~uint64_t{0}, 0}));
  return GuestAddr(address);
}

void InjectedCalls::UnmapScratch(GuestAddr address, size_t size) {
  static_cast<void>(Call(__NR_munmap, {address.value(), size, 0, 0, 0, 0}));
}

}  // namespace moat::platform::seccomp_notify
