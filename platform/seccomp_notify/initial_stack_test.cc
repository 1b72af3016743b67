#include "platform/seccomp_notify/initial_stack.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace moat::platform::seccomp_notify {
namespace {

constexpr uint64_t kStart = 0x7ffd00000000;

// Memory that starts at kStart, and nothing behind it.
class Memory {
 public:
  explicit Memory(const std::vector<uint64_t>& words) : bytes_(words.size() * sizeof(uint64_t)) {
    std::memcpy(bytes_.data(), words.data(), bytes_.size());
  }
  Result<size_t> operator()(GuestAddr from, absl::Span<std::byte> to) const {
    if (from.value() < kStart || from.value() >= kStart + bytes_.size()) return Errno(EFAULT);
    const size_t offset = from.value() - kStart;
    const size_t size = std::min(to.size(), bytes_.size() - offset);
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), size, to.begin());
    return size;
  }

 private:
  std::vector<std::byte> bytes_;
};

TEST(InitialStack, AuxiliaryVectorIsBehindTheEnvironment) {
  const Memory memory({2, 10, 11, 0, 20, 0, AT_PAGESZ, 4096, AT_SYSINFO_EHDR, 0x5000, AT_EXECFN,
                       0x6000, AT_SECURE, 0, AT_NULL, 0});
  const auto found = FindAuxiliaryVector(GuestAddr(kStart), memory);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->vdso.value(), 0x5000u);
  EXPECT_EQ(found->exec_name_entry.value(), kStart + 11 * 8);
  EXPECT_EQ(found->secure_entry.value(), kStart + 13 * 8);
}

TEST(InitialStack, ManyArgumentsAreWalkedOver) {
  std::vector<uint64_t> words = {1000};
  words.resize(1001, 1);
  words.insert(words.end(), {0, 0, AT_EXECFN, 7, AT_NULL, 0});
  const auto found = FindAuxiliaryVector(GuestAddr(kStart), Memory(words));
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->vdso.null());
  EXPECT_EQ(found->exec_name_entry.value(), kStart + 1004 * 8);
}

TEST(InitialStack, AStackWithoutAnEndIsAFault) {
  EXPECT_EQ(FindAuxiliaryVector(GuestAddr(kStart), Memory({1, 2, 0, 3, 4})).error(), Errno(EFAULT));
  EXPECT_EQ(FindAuxiliaryVector(GuestAddr(kStart), Memory({0, 0, 0, AT_EXECFN})).error(),
            Errno(EFAULT));
  EXPECT_EQ(FindAuxiliaryVector(GuestAddr(8), Memory({0, 0, 0})).error(), Errno(EFAULT));
}

TEST(InitialStack, SyscallInstructionIsFoundWhereverItLies) {
  const Memory memory({0, 0x0f00000000000000, 0x05, 0x050f00});
  EXPECT_EQ(FindSyscallInstruction(GuestAddr(kStart), memory)->value(), kStart + 15);
  EXPECT_EQ(FindSyscallInstruction(GuestAddr(kStart), Memory({1, 2})).error(), Errno(ENOENT));
  EXPECT_EQ(FindSyscallInstruction(GuestAddr(), memory).error(), Errno(ENOENT));
}

}  // namespace
}  // namespace moat::platform::seccomp_notify
