// What the processes of a run share: who is doing what, and how each call ended.
#ifndef MOAT_TESTS_RANDOM_CALLS_RECORD_H_
#define MOAT_TESTS_RANDOM_CALLS_RECORD_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace moat::random_calls {

// The ways into the kernel: syscall, syscall with the bit of x32, int 0x80.
enum class Door : uint8_t { kNative, kX32, kI386 };
inline constexpr size_t kDoors = 3;

// One more than the highest number that is counted by itself; what is above counts as kNumbers - 1.
inline constexpr size_t kNumbers = 512;
inline constexpr size_t kErrors = 134;  // errno values; 0 is success
inline constexpr size_t kMaxCallers = 256;

struct Tally {
  std::atomic<uint32_t> issued{0};
  std::array<std::atomic<uint32_t>, kErrors> ended{};  // by errno; what is missing never came back
};

struct Record {
  std::array<std::array<Tally, kNumbers>, kDoors> calls;
  std::array<std::atomic<uint64_t>, kMaxCallers> progress;  // calls of each caller, ever
};

}  // namespace moat::random_calls

#endif  // MOAT_TESTS_RANDOM_CALLS_RECORD_H_
