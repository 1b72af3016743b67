// The mark that the matrix puts into the sixth argument of each call.
#ifndef MOAT_BENCH_MOAT_BENCH_GUEST_CALL_TAG_H_
#define MOAT_BENCH_MOAT_BENCH_GUEST_CALL_TAG_H_

namespace moat::bench {

constexpr int kDoors = 3;
constexpr const char* kDoorNames[kDoors] = {"x86-64", "i386", "x32"};
// One more than the highest number tried. Linux 6.18 ends at 469 (x32's own at 547); what is above
// must be refused or unknown.
constexpr int kNumbers[kDoors] = {480, 480, 560};
constexpr unsigned kSeedLimit = 1u << 17;

// Fits into 32 bits for the i386 door; never zero.
constexpr unsigned CallTag(unsigned seed, int door, int number) {
  return (1u << 31) | (seed << 14) | (static_cast<unsigned>(door) << 12) |
         static_cast<unsigned>(number);
}

}  // namespace moat::bench

#endif  // MOAT_BENCH_MOAT_BENCH_GUEST_CALL_TAG_H_
