// System calls of our choice, made by a stopped task at a `syscall` instruction of its own.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_INJECTED_CALLS_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_INJECTED_CALLS_H_

#include <sys/user.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "platform/platform.h"
#include "platform/seccomp_notify/stopped_task.h"

namespace moat::platform::seccomp_notify {

// Borrows the task.
class InjectedCalls {
 public:
  // `behind`: registers whose instruction pointer stands behind a `syscall` instruction; the calls
  // are made with them. `cookie`: for the filters of the task (policies/compiler/filter_spec.h).
  InjectedCalls(StoppedTask& task, const user_regs_struct& behind, uint64_t cookie)
      : task_(task), behind_(behind), cookie_(cookie) {}

  const user_regs_struct& behind() const { return behind_; }
  void MoveTo(const user_regs_struct& behind) { behind_ = behind; }

  // Puts the task onto its `syscall` instruction, with this call in its registers.
  Result<void> Prepare(int nr, const std::array<uint64_t, 6>& args);
  // As Session::Call. ECANCELED: the call was an exec and has replaced the program.
  Result<uint64_t> Call(int nr, std::array<uint64_t, 6> args);
  // As Session::MapScratch and UnmapScratch.
  Result<GuestAddr> MapScratch(size_t size);
  void UnmapScratch(GuestAddr address, size_t size);

 private:
  StoppedTask& task_;
  user_regs_struct behind_;
  const uint64_t cookie_;
};

// Whether `result` is what a call leaves behind that the kernel would run again after a signal.
// How often a call is made again. Each time has a stop behind it, unless a filter of the program's
// own answers with such a number: it would keep a thread of ours for ever.
inline constexpr int kMostRestarts = 1000;

bool WantsRestart(int64_t result);

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_INJECTED_CALLS_H_
