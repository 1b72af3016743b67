#include "bench/moat_bench/security/call_names.h"

#include <seccomp.h>

#include <cstdlib>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"

namespace moat::bench {
namespace {

// Younger than Debian 12's libseccomp, and the same number for every door: Linux's syscall_64.tbl
// and syscall_32.tbl.
constexpr int kFirstYoung = 451;
constexpr const char* kYoung[] = {
    "cachestat",         "fchmodat2",         "map_shadow_stack", "futex_wake",
    "futex_wait",        "futex_requeue",     "statmount",        "listmount",
    "lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mseal",
    "setxattrat",        "getxattrat",        "listxattrat",      "removexattrat",
    "open_tree_attr",    "file_getattr",      "file_setattr"};
constexpr uint32_t kArchitectures[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32};
constexpr int kX32Bit = 0x40000000;

}  // namespace

std::string CallName(int door, int number) {
  const int young = number - kFirstYoung;
  if (young >= 0 && young < static_cast<int>(std::size(kYoung))) return kYoung[young];
  if (door == 0 && number == 335) return "uretprobe";
  if (door == 0 && number == 336) return "uprobe";
  const int asked = door == 2 ? number | kX32Bit : number;
  const std::unique_ptr<char, void (*)(void*)> name(
      seccomp_syscall_resolve_num_arch(kArchitectures[door], asked), std::free);
  return name == nullptr ? absl::StrCat("number ", number) : name.get();
}

}  // namespace moat::bench
