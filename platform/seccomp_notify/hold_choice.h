// Whether it pays to hold a task and ourselves on one CPU while a descriptor is handed over
// (task_cpu.h), learnt by doing both.
//
// The four calls that it takes cost 2 to 7 us. A wake-up of an idle CPU, which they avoid, costs
// 3 us on bare metal and 40 and more on a virtual machine; on a busy machine there is no idle CPU,
// and nothing to avoid. None of that can be asked for, and all of it changes while we run. So each
// way is timed, and one call in kTrial takes the way that was slower lately.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_HOLD_CHOICE_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_HOLD_CHOICE_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace moat::platform::seccomp_notify {

// Thread-safe; threads that report at once may lose one of their reports, which is harmless.
class HoldChoice {
 public:
  static constexpr uint32_t kTrial = 32;

  // Which way the next hand-over is to take.
  bool Hold();
  // Whether holding was the faster way lately.
  bool Pays() const;
  // How long one took, the calls for holding included.
  void Took(bool held, std::chrono::nanoseconds time);

 private:
  // Moving averages in nanoseconds, by `held`. Holding is believed to pay until it is seen not to.
  std::array<std::atomic<int64_t>, 2> average_ = {30'000, 20'000};
  std::atomic<uint32_t> count_ = 0;
};

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_HOLD_CHOICE_H_
