#include "platform/seccomp_notify/hold_choice.h"

#include <algorithm>

namespace moat::platform::seccomp_notify {
namespace {

constexpr int64_t kWeight = 8;         // a report counts for an eighth
constexpr int64_t kLongest = 200'000;  // what took longer waited for something else

}  // namespace

bool HoldChoice::Pays() const {
  return average_[1].load(std::memory_order_relaxed) <= average_[0].load(std::memory_order_relaxed);
}

bool HoldChoice::Hold() {
  const bool trial = count_.fetch_add(1, std::memory_order_relaxed) % kTrial == kTrial - 1;
  return Pays() != trial;
}

void HoldChoice::Took(bool held, std::chrono::nanoseconds time) {
  std::atomic<int64_t>& average = average_[held ? 1 : 0];
  const int64_t before = average.load(std::memory_order_relaxed);
  const int64_t now = std::min<int64_t>(time.count(), kLongest);
  average.store(before + (now - before) / kWeight, std::memory_order_relaxed);
}

}  // namespace moat::platform::seccomp_notify
