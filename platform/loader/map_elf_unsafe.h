// Maps an ELF interpreter from a descriptor.
#ifndef MOAT_PLATFORM_LOADER_MAP_ELF_UNSAFE_H_
#define MOAT_PLATFORM_LOADER_MAP_ELF_UNSAFE_H_

#include <cstdint>

namespace moat::loader {

struct MappedElf {
  bool ok;
  uint64_t bias;   // what the file's addresses were moved by: AT_BASE
  uint64_t entry;  // where to jump
};

// Reads `fd` by position and leaves it open. On failure the address space may be half-made: the
// process must end.
MappedElf MapElf(int fd);

}  // namespace moat::loader

#endif  // MOAT_PLATFORM_LOADER_MAP_ELF_UNSAFE_H_
