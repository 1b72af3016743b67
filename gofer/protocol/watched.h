// What the reply to kResolve says about its own life: the names that the walk looked up, each in a
// directory that an inotify watch stands on.
#ifndef MOAT_GOFER_PROTOCOL_WATCHED_H_
#define MOAT_GOFER_PROTOCOL_WATCHED_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "absl/strings/string_view.h"

namespace moat::gofer {

// One step of the walk. It holds until `watch` reports something about a name with this hash, or
// about the directory itself.
struct Watched {
  int32_t watch;  // inotify's watch descriptor of the directory
  uint32_t name;  // HashName; 0: no name in it was looked up, but its parent was entered ("..")

  friend bool operator==(const Watched&, const Watched&) = default;
};
static_assert(sizeof(Watched) == 8 && std::is_trivially_copyable_v<Watched>);

inline constexpr size_t kMaxWatched = 128;

// What kResolve is asked for.
enum class LookFor : uint8_t {
  kName,       // what the last name is, a symlink too
  kTarget,     // what it leads to
  kDirectory,  // as kTarget: a directory, in which the caller may look names up. "." and "/" are
               // paths like any other, and the walk says how long the caller may
};
inline constexpr LookFor kLastLookFor = LookFor::kDirectory;

// What stands for all names that are not plain ASCII.
inline constexpr uint32_t kForeignName = 1;

// FNV-1a of a name, never 0. Two names of one hash only cost a needless forgetting, and so do names
// that differ in case: some directories do not tell those apart (casefold, which nothing short of
// opening the directory tells). Such a directory knows still other spellings of a name, with other
// characters, so all names with those are one.
constexpr uint32_t HashName(absl::string_view name) {
  uint32_t hash = 2166136261u;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) return kForeignName;
    const bool capital = byte >= 'A' && byte <= 'Z';
    hash = (hash ^ static_cast<unsigned char>(capital ? byte - 'A' + 'a' : byte)) * 16777619u;
  }
  return hash <= kForeignName ? kForeignName + 1 : hash;
}

}  // namespace moat::gofer

#endif  // MOAT_GOFER_PROTOCOL_WATCHED_H_
