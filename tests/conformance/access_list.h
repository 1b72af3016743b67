// The value of system.posix_acl_access (acl(5)).
#ifndef MOAT_TESTS_CONFORMANCE_ACCESS_LIST_H_
#define MOAT_TESTS_CONFORMANCE_ACCESS_LIST_H_

#include <cstdint>
#include <string>

namespace moat::conformance {

// The rights (of 7) of one user by name, of group and others, and of the owner: struct
// posix_acl_xattr_header, entries of tag, permissions and id (linux/posix_acl_xattr.h).
inline std::string AccessList(uint32_t user, uint16_t rights, uint16_t others = 0,
                              uint16_t owner = 6) {
  struct Entry {
    uint16_t tag, rights;
    uint32_t id;
  };
  constexpr uint32_t kNone = 0xffffffff;
  const Entry entries[] = {{1, owner, kNone},
                           {2, rights, user},
                           {4, others, kNone},
                           {16, 7, kNone},
                           {32, others, kNone}};
  std::string bytes("\2\0\0\0", 4);
  for (const Entry& entry : entries) {
    for (int i = 0; i < 2; ++i) bytes += static_cast<char>(entry.tag >> (8 * i));
    for (int i = 0; i < 2; ++i) bytes += static_cast<char>(entry.rights >> (8 * i));
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(entry.id >> (8 * i));
  }
  return bytes;
}

}  // namespace moat::conformance

#endif  // MOAT_TESTS_CONFORMANCE_ACCESS_LIST_H_
