// Where the load segments of an ELF file go: arithmetic only, no calls, shared by the stub and its
// unit test. No C++ library in here.
//
// Follows fs/binfmt_elf.c (load_elf_interp), 6.18, except that holes between segments stay reserved
// without access.
#ifndef MOAT_PLATFORM_LOADER_ELF_LAYOUT_H_
#define MOAT_PLATFORM_LOADER_ELF_LAYOUT_H_

#include <elf.h>

#include <cstdint>

namespace moat::loader {

inline constexpr uint64_t kPage = 4096;
// The kernel takes no program headers beyond one page (elf_read_phdrs in load_elf_phdrs).
inline constexpr unsigned kMaxHeaders = kPage / sizeof(Elf64_Phdr);
inline constexpr uint64_t kAddressLimit = uint64_t{1} << 47;

constexpr uint64_t PageDown(uint64_t value) { return value & ~(kPage - 1); }
constexpr uint64_t PageUp(uint64_t value) { return PageDown(value + kPage - 1); }

// Whether this is an x86-64 program that can be mapped at all.
constexpr bool Loadable(const Elf64_Ehdr& header) {
  return header.e_ident[EI_MAG0] == ELFMAG0 && header.e_ident[EI_MAG1] == ELFMAG1 &&
         header.e_ident[EI_MAG2] == ELFMAG2 && header.e_ident[EI_MAG3] == ELFMAG3 &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_machine == EM_X86_64 &&
         (header.e_type == ET_DYN || header.e_type == ET_EXEC) &&
         header.e_phentsize == sizeof(Elf64_Phdr) && header.e_phnum > 0 &&
         header.e_phnum <= kMaxHeaders;
}

// The address range of all load segments as the file numbers it, page-rounded.
struct Extent {
  uint64_t begin = 0;
  uint64_t end = 0;        // 0: the headers make no sense
  uint64_t align = kPage;  // of `begin`; the largest p_align, a power of two
};

constexpr bool SegmentMakesSense(const Elf64_Phdr& segment) {
  return segment.p_filesz <= segment.p_memsz && segment.p_vaddr < kAddressLimit &&
         segment.p_memsz < kAddressLimit && segment.p_vaddr + segment.p_memsz < kAddressLimit &&
         segment.p_offset < kAddressLimit && segment.p_vaddr % kPage == segment.p_offset % kPage;
}

constexpr Extent ExtentOf(const Elf64_Phdr* headers, unsigned count) {
  Extent extent;
  bool first = true;
  for (unsigned i = 0; i < count; ++i) {
    const Elf64_Phdr& segment = headers[i];
    if (segment.p_type != PT_LOAD) continue;
    if (!SegmentMakesSense(segment)) return {};
    const uint64_t begin = PageDown(segment.p_vaddr);
    const uint64_t end = PageUp(segment.p_vaddr + segment.p_memsz);
    if (first || begin < extent.begin) extent.begin = begin;
    if (first || end > extent.end) extent.end = end;
    // An alignment that is no power of two is ignored, as the kernel does (maximum_alignment).
    const uint64_t align = segment.p_align;
    if (align > extent.align && (align & (align - 1)) == 0 && align < kAddressLimit)
      extent.align = align;
    first = false;
  }
  if (first || extent.end <= extent.begin) return {};
  return extent;
}

// What to do for one load segment, in addresses of the file. Empty ranges have no effect.
struct SegmentPlan {
  uint64_t file_begin, file_end;  // map the file here, from `offset`
  uint64_t offset;
  uint64_t zero_begin, zero_end;  // clear this: the rest of the file's last page
  uint64_t bss_begin, bss_end;    // map anonymous memory here
};

constexpr SegmentPlan PlanSegment(const Elf64_Phdr& segment) {
  SegmentPlan plan = {};
  const uint64_t file_end = segment.p_vaddr + segment.p_filesz;
  const uint64_t memory_end = segment.p_vaddr + segment.p_memsz;
  plan.file_begin = plan.file_end = PageDown(segment.p_vaddr);
  if (segment.p_filesz > 0) plan.file_end = PageUp(file_end);
  plan.offset = PageDown(segment.p_offset);
  plan.bss_begin = plan.file_end;
  plan.bss_end = memory_end > plan.file_end ? PageUp(memory_end) : plan.file_end;
  if (segment.p_filesz > 0 && memory_end > file_end) {
    plan.zero_begin = file_end;
    plan.zero_end = plan.file_end;
  }
  return plan;
}

}  // namespace moat::loader

#endif  // MOAT_PLATFORM_LOADER_ELF_LAYOUT_H_
