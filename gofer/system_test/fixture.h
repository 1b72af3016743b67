// The files that the comparison works on: every mode, owner and kind that decides about access.
#ifndef MOAT_GOFER_SYSTEM_TEST_FIXTURE_H_
#define MOAT_GOFER_SYSTEM_TEST_FIXTURE_H_

#include <cstdint>
#include <string>

namespace moat::gofer {

inline constexpr uint32_t kAlice = 1000;  // owns most things; her group has the same number
inline constexpr uint32_t kBob = 1001;    // named in an ACL
inline constexpr uint32_t kStaff = 50;    // a group

// Removes what is in `tree` (a directory descriptor) but for mounts, and makes it anew. Aborts the
// test program on failure: nothing could be said then.
void BuildFixture(int tree);

// Everything in the tree that a call could have changed, as text: names, kinds, modes, owners,
// sizes, link counts, targets, times before 2000, extended attributes.
std::string Snapshot(int tree);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_SYSTEM_TEST_FIXTURE_H_
