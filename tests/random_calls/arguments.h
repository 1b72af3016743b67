// Values for system calls: mostly what a call could mean, now and then anything.
//
// What pointers lead to lies in an arena that several processes write to at the same time, so that
// it changes while calls read it. Not thread-safe.
#ifndef MOAT_TESTS_RANDOM_CALLS_ARGUMENTS_H_
#define MOAT_TESTS_RANDOM_CALLS_ARGUMENTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>

namespace moat::random_calls {

inline constexpr size_t kArena = 256 << 10;  // bytes; whoever maps it puts a guard behind it
inline constexpr size_t kPages = 1 << 20;    // of memory that calls may map, unmap and protect

// Descriptors that callers have: from kFirstFile on, so many.
inline constexpr int kFirstFile = 3, kFiles = 40;

class Arguments {
 public:
  // `arena` may be shared. `pages` should be the process's own.
  Arguments(uint64_t seed, void* arena, void* pages);

  // By a letter of shapes.cc; '0' is 0.
  long Make(char letter);

  uint64_t Any() { return random_(); }
  uint64_t Below(uint64_t n) { return random_() % n; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  long Sensible(char letter);
  long Wild();
  char* Place(size_t room);  // in the arena, aligned to 8
  long Descriptor();
  long Process();
  long Signal();
  long Flags(unsigned bits);  // a few of the lowest `bits`
  uint64_t Word();            // of a structure
  long Words(size_t count);   // a structure of any kind
  long Path();
  long List();  // of strings, as argv
  long Vectors();
  long MessageHeader();
  long OpenHow();
  long SocketAddress();
  long Time();
  long PageAddress();
  void Put(char* place, uint64_t word);

  std::mt19937_64 random_;
  char* arena_;
  char* pages_;
};

}  // namespace moat::random_calls

#endif  // MOAT_TESTS_RANDOM_CALLS_ARGUMENTS_H_
