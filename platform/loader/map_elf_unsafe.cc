#include "platform/loader/map_elf_unsafe.h"

#include <asm/unistd_64.h>
#include <linux/mman.h>

#include "platform/loader/elf_layout.h"
#include "platform/loader/raw_syscall_unsafe.h"

namespace moat::loader {
namespace {

bool Failed(long result) { return result < 0 && result >= -4095; }

bool ReadAt(int fd, void* to, uint64_t size, uint64_t offset) {
  return Syscall(__NR_pread64, fd, to, size, offset) == static_cast<long>(size);
}

int Protection(uint32_t flags) {
  return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
         (flags & PF_X ? PROT_EXEC : 0);
}

// Reserves room for `extent` where the kernel likes, aligned; returns its address or 0.
uint64_t ReserveAnywhere(const Extent& extent) {
  const uint64_t size = extent.end - extent.begin;
  const uint64_t slack = extent.align - kPage;
  const long got = Syscall(__NR_mmap, 0L, size + slack, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);
  if (Failed(got)) return 0;
  const auto begin = static_cast<uint64_t>(got);
  // The first segment keeps the remainder that its own address has.
  const uint64_t remainder = extent.begin & (extent.align - 1);
  const uint64_t aligned =
      ((begin - remainder + extent.align - 1) & ~(extent.align - 1)) + remainder;
  if (aligned > begin) Syscall(__NR_munmap, begin, aligned - begin);
  if (begin + slack > aligned) Syscall(__NR_munmap, aligned + size, begin + slack - aligned);
  return aligned;
}

// An ET_EXEC goes where it says or nowhere.
bool ReserveFixed(const Extent& extent) {
  return Syscall(__NR_mmap, extent.begin, extent.end - extent.begin, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
                 0L) == static_cast<long>(extent.begin);
}

// Plain stores would become a call of memset, which nobody provides.
void Clear(uint64_t begin, uint64_t end) {
  for (auto at = begin; at < end; ++at) *reinterpret_cast<volatile char*>(at) = 0;
}

bool MapSegment(int fd, const Elf64_Phdr& segment, uint64_t bias) {
  const SegmentPlan plan = PlanSegment(segment);
  const int protection = Protection(segment.p_flags);
  if (plan.file_end > plan.file_begin &&
      Failed(Syscall(__NR_mmap, bias + plan.file_begin, plan.file_end - plan.file_begin, protection,
                     MAP_PRIVATE | MAP_FIXED, fd, plan.offset)))
    return false;
  // The rest of a page that may not be written is left as the file has it, as the kernel does.
  if (segment.p_flags & PF_W) Clear(bias + plan.zero_begin, bias + plan.zero_end);
  return plan.bss_end <= plan.bss_begin ||
         !Failed(Syscall(__NR_mmap, bias + plan.bss_begin, plan.bss_end - plan.bss_begin,
                         protection, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0L));
}

}  // namespace

MappedElf MapElf(int fd) {
  const MappedElf failed = {false, 0, 0};
  Elf64_Ehdr header = {};
  Elf64_Phdr segments[kMaxHeaders];
  if (!ReadAt(fd, &header, sizeof(header), 0) || !Loadable(header)) return failed;
  if (!ReadAt(fd, segments, sizeof(segments[0]) * header.e_phnum, header.e_phoff)) return failed;
  const Extent extent = ExtentOf(segments, header.e_phnum);
  if (extent.end == 0) return failed;
  uint64_t bias = 0;
  if (header.e_type == ET_EXEC) {
    if (!ReserveFixed(extent)) return failed;
  } else {
    const uint64_t at = ReserveAnywhere(extent);
    if (at == 0) return failed;
    bias = at - extent.begin;
  }
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    if (segments[i].p_type == PT_LOAD && !MapSegment(fd, segments[i], bias)) return failed;
  }
  return {true, bias, header.e_entry + bias};
}

}  // namespace moat::loader
