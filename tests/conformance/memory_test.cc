// mmap(2), mremap(2), madvise(2), mprotect(2), memfd_create(2) with seals.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <iterator>
#include <tuple>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

constexpr size_t kPage = 4096;

class Memory : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    WriteFile("file", std::string(2 * kPage, 'a'));
  }
  static Fd Open(int flags) { return Fd(open("file", flags | O_CLOEXEC)); }
};
char* Map(size_t size, int protection, int flags, int fd = -1, off_t offset = 0) {
  return static_cast<char*>(mmap(nullptr, size, protection, flags, fd, offset));
}
char* Anonymous(size_t pages) {
  return Map(pages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
}
int MapError(size_t size, int protection, int flags, int fd, off_t offset = 0) {
  return Map(size, protection, flags, fd, offset) == MAP_FAILED ? errno : 0;
}

// What may be mapped by the access mode of the descriptor (mmap(2), EACCES).
struct Mapping {
  const char* name;
  int open, protection, flags, error;
};
constexpr Mapping kMappings[] = {
    {"read_shared_of_read", O_RDONLY, PROT_READ, MAP_SHARED, 0},
    {"write_shared_of_read", O_RDONLY, PROT_READ | PROT_WRITE, MAP_SHARED, EACCES},
    {"write_private_of_read", O_RDONLY, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0},
    {"exec_private_of_read", O_RDONLY, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0},
    {"exec_shared_of_read", O_RDONLY, PROT_READ | PROT_EXEC, MAP_SHARED, 0},
    {"read_shared_of_write", O_WRONLY, PROT_READ, MAP_SHARED, EACCES},
    {"write_shared_of_write", O_WRONLY, PROT_WRITE, MAP_SHARED, EACCES},
    {"read_private_of_write", O_WRONLY, PROT_READ, MAP_PRIVATE, EACCES},
    {"write_shared_of_both", O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, 0},
    {"write_shared_validate_of_both", O_RDWR, PROT_WRITE, MAP_SHARED_VALIDATE, 0},
    {"nothing_shared_of_read", O_RDONLY, PROT_NONE, MAP_SHARED, 0},
    {"all_private_of_both", O_RDWR, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, 0},
    {"of_path", O_PATH, PROT_READ, MAP_PRIVATE, EBADF},
    {"neither_shared_nor_private", O_RDONLY, PROT_READ, 0, EINVAL},
};
class MapFile : public Memory, public ::testing::WithParamInterface<Mapping> {};
INSTANTIATE_TEST_SUITE_P(As, MapFile, ::testing::ValuesIn(kMappings),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(MapFile, Gives) {
  const Mapping& mapping = GetParam();
  Fd file = Open(mapping.open);
  EXPECT_CHILD_ERRNO(mapping.error, MapError(kPage, mapping.protection, mapping.flags, file.get()));
}

TEST_F(Memory, SharedWritesReachTheFile) {
  Fd file = Open(O_RDWR);
  char* map = Map(kPage, PROT_READ | PROT_WRITE, MAP_SHARED, file.get());
  std::memcpy(map, "changed", 7);
  EXPECT_EQ("changed", ReadFile("file").substr(0, 7));
  EXPECT_SUCCESS(msync(map, kPage, MS_SYNC));
  EXPECT_SUCCESS(munmap(map, kPage));
}
TEST_F(Memory, PrivateWritesDoNot) {
  Fd file = Open(O_RDWR);
  char* map = Map(kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get());
  map[0] = 'z';
  EXPECT_EQ('a', ReadFile("file")[0]);
}
TEST_F(Memory, MappingOutlivesDescriptorAndName) {
  Fd file = Open(O_RDWR);
  char* map = Map(kPage, PROT_READ, MAP_SHARED, file.get());
  file.Reset();
  ASSERT_SUCCESS(unlink("file"));
  EXPECT_EQ('a', map[5]);
}
TEST_F(Memory, MappingIsSharedWithAChild) {
  char* map = Map(kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
  EXPECT_EQ(0, InChild([&] {
              map[0] = 'c';
              return 0;
            }));
  EXPECT_EQ('c', map[0]);
}
TEST_F(Memory, PrivateMappingIsNot) {
  char* map = Anonymous(1);
  map[0] = 'p';
  InChild([&] {
    map[0] = 'c';
    return 0;
  });
  EXPECT_EQ('p', map[0]);
}
TEST_F(Memory, PathOfAMappedFileIsInMaps) {
  Fd file = Open(O_RDONLY);
  Map(kPage, PROT_READ, MAP_PRIVATE, file.get());
  EXPECT_NE(std::string::npos, ReadFile("/proc/self/maps").find(dir() + "/file"));
}
TEST_F(Memory, ArgumentErrors) {
  EXPECT_CHILD_ERRNO(EINVAL, MapError(0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1));
  EXPECT_CHILD_ERRNO(EBADF, MapError(kPage, PROT_READ, MAP_PRIVATE, 999));
  EXPECT_CHILD_ERRNO(ENODEV,
                     MapError(kPage, PROT_READ, MAP_PRIVATE, Fd(open("/", O_RDONLY)).get()));
  EXPECT_CHILD_ERRNO(EINVAL, MapError(kPage, PROT_READ, MAP_PRIVATE, Open(O_RDONLY).get(), 100));
  EXPECT_CHILD_ERRNO(ENOMEM, MapError(size_t{1} << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1));
}
TEST_F(Memory, FixedNoReplaceOverAMappingIsEexist) {
  char* map = Anonymous(1);
  EXPECT_EQ(MAP_FAILED,
            mmap(map, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
  EXPECT_EQ(EEXIST, errno);
}
TEST_F(Memory, FixedReplaces) {
  char* map = Anonymous(2);
  map[0] = 'x';
  EXPECT_EQ(map, mmap(map, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  EXPECT_EQ(0, map[0]);
}
TEST_F(Memory, ProtectionOfASharedReadOnlyFileCannotBeRaised) {
  Fd file = Open(O_RDONLY);
  char* map = Map(kPage, PROT_READ, MAP_SHARED, file.get());
  EXPECT_ERRNO(EACCES, mprotect(map, kPage, PROT_READ | PROT_WRITE));
}
TEST_F(Memory, ProtectionOfAHoleIsEnomem) {
  char* map = Anonymous(2);
  ASSERT_SUCCESS(munmap(map + kPage, kPage));
  EXPECT_ERRNO(ENOMEM, mprotect(map, 2 * kPage, PROT_READ));
  EXPECT_ERRNO(EINVAL, mprotect(map + 1, kPage, PROT_READ));
}
TEST_F(Memory, WrittenCodeRuns) {
  char* map = Map(kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};  // mov eax, 42; ret
  std::memcpy(map, code, sizeof code);
  ASSERT_SUCCESS(mprotect(map, kPage, PROT_READ | PROT_EXEC));
  int (*function)();
  std::memcpy(&function, &map, sizeof function);
  EXPECT_EQ(42, function());
}
TEST_F(Memory, WritingReadOnlyMemoryIsSigsegv) {
  EXPECT_EQ(1000 + SIGSEGV, InChild([] {
              char* map = Map(kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
              *static_cast<volatile char*>(map) = 1;
              return 0;
            }));
}
TEST_F(Memory, MremapGrowsAndKeeps) {
  char* map = Anonymous(1);
  map[0] = 'k';
  auto* grown = static_cast<char*>(mremap(map, kPage, 64 * kPage, MREMAP_MAYMOVE));
  ASSERT_NE(MAP_FAILED, grown);
  EXPECT_EQ('k', grown[0]);
  EXPECT_EQ(0, grown[63 * kPage]);
}
TEST_F(Memory, MremapShrinksInPlace) {
  char* map = Anonymous(4);
  EXPECT_EQ(map, mremap(map, 4 * kPage, kPage, 0));
  EXPECT_EQ(1000 + SIGSEGV, InChild([&] { return static_cast<volatile char*>(map)[2 * kPage]; }));
}
TEST_F(Memory, MremapToAFixedPlace) {
  char* map = Anonymous(1);
  char* target = Anonymous(1);
  map[0] = 'm';
  EXPECT_EQ(target, mremap(map, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, target));
  EXPECT_EQ('m', target[0]);
}
TEST_F(Memory, MremapErrors) {
  char* map = Anonymous(1);
  EXPECT_EQ(MAP_FAILED, mremap(map, kPage, 0, MREMAP_MAYMOVE));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_EQ(MAP_FAILED, mremap(map, kPage, kPage, MREMAP_FIXED, map));
  EXPECT_EQ(EINVAL, errno);
  ASSERT_SUCCESS(munmap(map, kPage));
  EXPECT_EQ(MAP_FAILED, mremap(map, kPage, 2 * kPage, MREMAP_MAYMOVE));
  EXPECT_EQ(EFAULT, errno);
}
TEST_F(Memory, DontneedZeroes) {
  char* map = Anonymous(1);
  map[0] = 'x';
  ASSERT_SUCCESS(madvise(map, kPage, MADV_DONTNEED));
  EXPECT_EQ(0, map[0]);
}
TEST_F(Memory, WipeonforkWipes) {
  char* map = Anonymous(1);
  map[0] = 'x';
  ASSERT_SUCCESS(madvise(map, kPage, MADV_WIPEONFORK));
  EXPECT_EQ(0, InChild([&] { return map[0] == 0 ? 0 : 1; }));
}
TEST_F(Memory, DontforkIsNotInTheChild) {
  char* map = Anonymous(1);
  ASSERT_SUCCESS(madvise(map, kPage, MADV_DONTFORK));
  EXPECT_EQ(1000 + SIGSEGV, InChild([&] { return static_cast<volatile char*>(map)[0]; }));
}
// Advice that changes nothing that one could see: that it is taken.
class Advice : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Of, Advice,
                         ::testing::Values(MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
                                           MADV_FREE, MADV_DONTDUMP, MADV_DODUMP, MADV_HUGEPAGE,
                                           MADV_NOHUGEPAGE, MADV_COLD, MADV_DOFORK, MADV_KEEPONFORK,
                                           MADV_POPULATE_READ, MADV_POPULATE_WRITE));
TEST_P(Advice, IsTaken) {
  char* map = Anonymous(4);
  EXPECT_SUCCESS(madvise(map, 4 * kPage, GetParam()));
  munmap(map, 4 * kPage);
}
TEST_F(Memory, AdviceErrors) {
  char* map = Anonymous(1);
  EXPECT_ERRNO(EINVAL, madvise(map, kPage, 7777));
  EXPECT_ERRNO(EINVAL, madvise(map + 1, kPage, MADV_NORMAL));
  ASSERT_SUCCESS(munmap(map, kPage));
  EXPECT_ERRNO(ENOMEM, madvise(map, kPage, MADV_WILLNEED));
}
TEST_F(Memory, LockedUpToTheLimit) {
  EXPECT_CHILD_ERRNO(ENOMEM, As({}, [] {
                       const rlimit limit{4 * kPage, 4 * kPage};
                       setrlimit(RLIMIT_MEMLOCK, &limit);
                       char* map = Anonymous(16);
                       if (mlock(map, kPage) != 0) return 199;
                       return ErrnoOf(mlock(map, 16 * kPage));
                     }));
}
TEST_F(Memory, AddressSpaceLimitIsEnomem) {
  EXPECT_CHILD_ERRNO(ENOMEM, InChild([] {
                       const rlimit limit{64 << 20, 64 << 20};
                       setrlimit(RLIMIT_AS, &limit);
                       return MapError(128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
                     }));
}
TEST_F(Memory, BreakMovesAndComesBack) {
  char* start = static_cast<char*>(sbrk(0));
  ASSERT_SUCCESS(brk(start + 8 * kPage));
  start[7 * kPage] = 'b';
  EXPECT_EQ(start + 8 * kPage, sbrk(0));
  EXPECT_SUCCESS(brk(start));
}
TEST_F(Memory, GrowsDownStackOfAChildGrows) {
  EXPECT_EQ(0, InChild([] {
              volatile char deep[512 * 1024];
              deep[0] = 1;
              return Exists("file") && deep[0] == 1 ? 0 : 1;
            }));
}
TEST_F(Memory, HugePagesThatNobodySetAsideAreEnomem) {
  constexpr size_t kHuge = 2 << 20;
  EXPECT_ERRNO(ENOMEM, mmap(nullptr, kHuge, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
                            -1, 0) == MAP_FAILED
                           ? -1
                           : 0);
}
TEST_F(Memory, ZeroDeviceMapsZeros) {
  Fd zero(open("/dev/zero", O_RDWR | O_CLOEXEC));
  char* map = Map(kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero.get());
  ASSERT_NE(MAP_FAILED, map);
  EXPECT_EQ(0, map[100]);
}

// memfd_create(2): what each seal forbids.
struct Operation {
  const char* name;
  int (*run)(int fd);
};
int WriteOne(int fd) { return ErrnoOf(pwrite(fd, "x", 1, 0)); }
int Grow(int fd) { return ErrnoOf(ftruncate(fd, 2 * kPage)); }
int Shrink(int fd) { return ErrnoOf(ftruncate(fd, 10)); }
int Extend(int fd) { return ErrnoOf(pwrite(fd, "x", 1, kPage)); }
int Punch(int fd) { return ErrnoOf(fallocate(fd, 3 /* punch, keep size */, 0, kPage)); }
int MapWritable(int fd) { return MapError(kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd); }
int MapReadable(int fd) { return MapError(kPage, PROT_READ, MAP_SHARED, fd); }
int MapPrivate(int fd) { return MapError(kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd); }
int SealMore(int fd) { return ErrnoOf(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)); }
int MakeExecutable(int fd) { return ErrnoOf(fchmod(fd, 0600)); }
constexpr Operation kOperations[] = {
    {"write", WriteOne},
    {"grow", Grow},
    {"shrink", Shrink},
    {"extend", Extend},
    {"punch", Punch},
    {"map_writable", MapWritable},
    {"map_readable", MapReadable},
    {"map_private", MapPrivate},
    {"seal_more", SealMore},
    {"change_mode", MakeExecutable},
};
struct Seal {
  const char* name;
  int seal;
  int errors[std::size(kOperations)];
};
constexpr int kSealExec = 0x20;
constexpr Seal kSeals[] = {
    // write, grow, shrink, extend, punch, map_writable, map_readable, map_private, seal_more, mode
    {"none", 0, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {"seal", F_SEAL_SEAL, {0, 0, 0, 0, 0, 0, 0, 0, EPERM, 0}},
    {"shrink", F_SEAL_SHRINK, {0, 0, EPERM, 0, 0, 0, 0, 0, 0, 0}},
    {"grow", F_SEAL_GROW, {0, EPERM, 0, EPERM, 0, 0, 0, 0, 0, 0}},
    {"write", F_SEAL_WRITE, {EPERM, 0, 0, EPERM, EPERM, EPERM, 0, 0, 0, 0}},
    {"future_write", F_SEAL_FUTURE_WRITE, {EPERM, 0, 0, EPERM, EPERM, EPERM, 0, 0, 0, 0}},
    {"exec", kSealExec, {EPERM, EPERM, EPERM, EPERM, EPERM, EPERM, 0, 0, 0, EPERM}},
};
class Seals : public ::testing::TestWithParam<std::tuple<size_t, size_t>> {};
INSTANTIATE_TEST_SUITE_P(Of, Seals,
                         ::testing::Combine(::testing::Range<size_t>(0, std::size(kSeals)),
                                            ::testing::Range<size_t>(0, std::size(kOperations))),
                         [](const auto& of) {
                           return std::string(kSeals[std::get<0>(of.param)].name) + "_and_" +
                                  kOperations[std::get<1>(of.param)].name;
                         });
TEST_P(Seals, Forbid) {
  const Seal& seal = kSeals[std::get<0>(GetParam())];
  const size_t operation = std::get<1>(GetParam());
  Fd fd(memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_SUCCESS(ftruncate(fd.get(), kPage));
  ASSERT_SUCCESS(fchmod(fd.get(), 0700));
  ASSERT_SUCCESS(fcntl(fd.get(), F_ADD_SEALS, seal.seal));
  EXPECT_CHILD_ERRNO(seal.errors[operation], kOperations[operation].run(fd.get()));
}

class Memfd : public ::testing::Test {};
TEST_F(Memfd, WithoutSealingIsSealed) {
  Fd fd(memfd_create("name", MFD_CLOEXEC));
  EXPECT_EQ(F_SEAL_SEAL, fcntl(fd.get(), F_GET_SEALS));
  EXPECT_ERRNO(EPERM, fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE));
}
TEST_F(Memfd, SealsAreToldAndAddUp) {
  Fd fd(memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_SUCCESS(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_GROW));
  ASSERT_SUCCESS(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK));
  EXPECT_EQ(F_SEAL_GROW | F_SEAL_SHRINK, fcntl(fd.get(), F_GET_SEALS));
}
TEST_F(Memfd, SealOfAMappedWritableOneIsEbusy) {
  Fd fd(memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_SUCCESS(ftruncate(fd.get(), kPage));
  char* map = Map(kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get());
  EXPECT_ERRNO(EBUSY, fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE));
  munmap(map, kPage);
  EXPECT_SUCCESS(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE));
}
TEST_F(Memfd, LinkNamesIt) {
  Fd fd(memfd_create("some name", MFD_CLOEXEC));
  char target[64] = {};
  ASSERT_GT(readlink(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), target, 63), 0);
  EXPECT_STREQ("/memfd:some name (deleted)", target);
}
TEST_F(Memfd, NameOf250BytesIsEinval) {
  EXPECT_ERRNO(EINVAL, memfd_create(std::string(250, 'n').c_str(), 0));
  EXPECT_SUCCESS(Fd(memfd_create(std::string(249, 'n').c_str(), 0)).get());
}
TEST_F(Memfd, UnknownFlagIsEinval) { EXPECT_ERRNO(EINVAL, memfd_create("n", 0x4000)); }
TEST_F(Memfd, SealsOfAnOrdinaryFileAreEinval) {
  EXPECT_ERRNO(EINVAL, fcntl(Fd(open("/etc/passwd", O_RDONLY)).get(), F_GET_SEALS));
}
TEST_F(Memfd, ReopenedReadOnlyCannotWrite) {
  Fd fd(memfd_create("name", MFD_CLOEXEC));
  Fd again(open(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(again.valid()) << NameOfErrno(errno);
  EXPECT_ERRNO(EBADF, write(again.get(), "x", 1));
}
TEST_F(Memfd, NoexecSealCannotBeExecuted) {
  Fd fd(memfd_create("name", MFD_CLOEXEC | 8 /* MFD_NOEXEC_SEAL */));
  ASSERT_TRUE(fd.valid()) << NameOfErrno(errno);
  const std::string program = ReadFile(Probe("static"));
  ASSERT_EQ(static_cast<ssize_t>(program.size()), write(fd.get(), program.data(), program.size()));
  const Ran ran = ExecuteBy([&] {
    char* const argv[] = {const_cast<char*>("p"), nullptr};
    execveat(fd.get(), "", argv, argv + 1, AT_EMPTY_PATH);
  });
  EXPECT_CHILD_ERRNO(EACCES, ran.error);
}

}  // namespace
}  // namespace moat::conformance
