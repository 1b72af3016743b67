#include "sentry/syscalls/table.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <set>
#include <string>

#include "base/read_file.h"
#include "platform/loader/plan.h"
#include "sentry/syscalls/document.h"

namespace moat::sentry {
namespace {

constexpr int kFirstGap = 337;  // never given out on x86-64
constexpr int kEndOfGap = 424;

bool IsNative(const Verdict& verdict) { return verdict.kind == Verdict::Kind::kNative; }

TEST(SyscallTable, HoldsEveryNumberOnceInOrder) {
  int expected = 0;
  for (const Entry& entry : SyscallTable()) {
    if (expected == kFirstGap) expected = kEndOfGap;
    if (entry.nr == loader::kPlanCall) break;
    EXPECT_EQ(entry.nr, expected) << entry.name;
    ++expected;
  }
  EXPECT_EQ(expected, kLastSyscall + 1);
  EXPECT_EQ(SyscallTable().back().nr, loader::kPlanCall);
}

TEST(SyscallTable, NamesAreUnique) {
  std::set<std::string> names;
  for (const Entry& entry : SyscallTable()) {
    EXPECT_TRUE(names.insert(std::string(entry.name)).second) << entry.name;
  }
}

TEST(SyscallTable, EveryLineIsComplete) {
  for (const Entry& entry : SyscallTable()) {
    EXPECT_FALSE(entry.note.empty()) << entry.name;
    EXPECT_EQ(entry.Notifies(), entry.handler != nullptr) << entry.name;
    EXPECT_LT(entry.otherwise.error, 4096) << entry.name;
    EXPECT_TRUE(entry.continue_reason.empty() || entry.Notifies()) << entry.name;
    for (const Check& check : entry.checks) {
      EXPECT_FALSE(check.conditions.empty()) << entry.name;
      for (const Condition& condition : check.conditions) {
        EXPECT_EQ(condition.value & ~condition.mask, 0u) << entry.name;
      }
    }
  }
}

// A path in the hands of the kernel would be walked from the empty root: only lines that were
// thought about may let one through.
TEST(SyscallTable, PathCallsAreNeverPlainlyNative) {
  for (const Entry& entry : SyscallTable()) {
    if (entry.group != Group::kPaths) continue;
    EXPECT_FALSE(IsNative(entry.otherwise)) << entry.name;
  }
}

TEST(SyscallTable, FindsByNumber) {
  ASSERT_NE(FindSyscall(SYS_openat), nullptr);
  EXPECT_EQ(FindSyscall(SYS_openat)->name, "openat");
  EXPECT_EQ(FindSyscall(loader::kPlanCall)->name, "moat_plan");
  EXPECT_EQ(FindSyscall(kFirstGap), nullptr);
  EXPECT_EQ(FindSyscall(-1), nullptr);
  EXPECT_EQ(FindSyscall(kLastSyscall + 1), nullptr);
}

// The numbers of this machine's headers agree with the table.
TEST(SyscallTable, AgreesWithTheHeaders) {
  EXPECT_EQ(FindSyscall(SYS_read)->name, "read");
  EXPECT_EQ(FindSyscall(SYS_uname)->name, "uname");
  EXPECT_EQ(FindSyscall(SYS_getdents64)->name, "getdents64");
  EXPECT_EQ(FindSyscall(SYS_fchownat)->name, "fchownat");
  EXPECT_EQ(FindSyscall(SYS_rseq)->name, "rseq");
  EXPECT_EQ(FindSyscall(SYS_pidfd_send_signal)->name, "pidfd_send_signal");
  EXPECT_EQ(FindSyscall(SYS_faccessat2)->name, "faccessat2");
  EXPECT_EQ(FindSyscall(SYS_set_mempolicy_home_node)->name, "set_mempolicy_home_node");
}

// `ninja table_doc` mends it.
TEST(SyscallDocument, CommittedPageIsFresh) {
  const auto committed = ReadFile(MOAT_SYSCALLS_PAGE, 1 << 20);
  ASSERT_TRUE(committed.ok()) << committed.status();
  EXPECT_TRUE(*committed == SyscallDocument())
      << "run `ninja table_doc` and commit docs/syscalls.md";
}

}  // namespace
}  // namespace moat::sentry
