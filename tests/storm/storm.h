// Many processes that call paths at the same time, each of which knows what the answers must be.
//
// A player is one process's part: it is run again and again until the time is over, and throws
// Wrong when an answer is impossible on Linux, whatever the others do meanwhile.
#ifndef MOAT_TESTS_STORM_STORM_H_
#define MOAT_TESTS_STORM_STORM_H_

#include <atomic>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>

namespace moat::storm {

struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Fails with the errno's name in the text unless `condition`.
void Require(bool condition, const std::string& what);

constexpr int kSlots = 16;
// Memory that all processes share.
struct Shared {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> rounds{0};
  std::atomic<int> holders[kSlots]{};  // of each lock file: 0 or 1
};

struct Player {
  int number;
  Shared& shared;
  std::mt19937 random;
  int Below(int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }
};

// Makes what the rounds below need; once, before all players, in the working directory.
void MakeArena();

// A file that is replaced by rename is always there and always whole.
void ReplaceRound(Player& player);
// Two names whose files are exchanged: each name always has one of the two.
void ExchangeRound(Player& player);
// A link that is replaced leads to one folder or the other, never nowhere.
void LinkRound(Player& player);
// O_EXCL, link and mkdir let one in at a time.
void LockRound(Player& player);
// A folder that others rename is still the working directory and the base of what lies in it.
void MovingRound(Player& player);
// A Unix socket whose name is replaced is always reached.
void SocketRound(Player& player);
// A folder of one's own, where every answer is known from a model in memory.
void ModelRound(Player& player);

}  // namespace moat::storm

#endif  // MOAT_TESTS_STORM_STORM_H_
