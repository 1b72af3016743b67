// xattr(7): namespaces, kinds of files, sizes, flags; POSIX access lists; file capabilities as
// data.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>

#include "tests/conformance/access_list.h"
#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Xattr : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    WriteFile("file");
  }
  static int Set(const std::string& name, const std::string& value, int flags = 0,
                 const char* path = "file") {
    return ErrnoOf(setxattr(path, name.c_str(), value.data(), value.size(), flags));
  }
  static std::string Get(const std::string& name, const char* path = "file", size_t room = 70000) {
    std::string value(room, '\0');
    const ssize_t n = getxattr(path, name.c_str(), value.data(), value.size());
    return n < 0 ? NameOfErrno(errno) : value.substr(0, static_cast<size_t>(n));
  }
  static std::vector<std::string> List(const char* path = "file") {
    std::string bytes(70000, '\0');
    const ssize_t n = listxattr(path, bytes.data(), bytes.size());
    std::vector<std::string> names;
    for (ssize_t at = 0; at < n;) {
      names.emplace_back(bytes.c_str() + at);
      at += static_cast<ssize_t>(names.back().size()) + 1;
    }
    std::sort(names.begin(), names.end());
    return names;
  }
};

TEST_F(Xattr, EmptyValueIsAValue) {
  EXPECT_CHILD_ERRNO(0, Set("user.empty", ""));
  EXPECT_EQ("", Get("user.empty"));
  EXPECT_ERRNO(0, getxattr("file", "user.empty", nullptr, 0));
}
TEST_F(Xattr, BinaryValueComesBack) {
  const std::string value("\0\xff\n\0x", 5);
  EXPECT_CHILD_ERRNO(0, Set("user.binary", value));
  EXPECT_EQ(value, Get("user.binary"));
}
TEST_F(Xattr, ValueOf64KiB) {
  const std::string value(65536, 'v');
  const int error = Set("user.large", value);
  EXPECT_TRUE(error == 0 || error == ENOSPC) << NameOfErrno(error);  // ext4 has less room
}
TEST_F(Xattr, LargerValueIsE2big) {
  EXPECT_CHILD_ERRNO(E2BIG, Set("user.large", std::string(65537, 'v')));
}
TEST_F(Xattr, NameOf255BytesAndOf256) {
  EXPECT_CHILD_ERRNO(0, Set("user." + std::string(250, 'n'), "x"));
  EXPECT_CHILD_ERRNO(ERANGE, Set("user." + std::string(251, 'n'), "x"));
  EXPECT_EQ("ERANGE", Get("user." + std::string(251, 'n')));
}
TEST_F(Xattr, NamesWithoutANamespaceAreEopnotsupp) {
  EXPECT_CHILD_ERRNO(EOPNOTSUPP, Set("name", "x"));
  EXPECT_CHILD_ERRNO(EOPNOTSUPP, Set("strange.name", "x"));
  EXPECT_CHILD_ERRNO(EOPNOTSUPP, Set("user", "x"));
  EXPECT_EQ("EOPNOTSUPP", Get("strange.name"));
}
TEST_F(Xattr, EmptyNames) {
  EXPECT_CHILD_ERRNO(ERANGE, Set("", "x"));
  EXPECT_CHILD_ERRNO(EINVAL, Set("user.", "x"));
}
TEST_F(Xattr, CreateAndReplace) {
  EXPECT_CHILD_ERRNO(ENODATA, Set("user.a", "x", XATTR_REPLACE));
  EXPECT_CHILD_ERRNO(0, Set("user.a", "x", XATTR_CREATE));
  EXPECT_CHILD_ERRNO(EEXIST, Set("user.a", "y", XATTR_CREATE));
  EXPECT_CHILD_ERRNO(0, Set("user.a", "y", XATTR_REPLACE));
  EXPECT_EQ("y", Get("user.a"));
}
TEST_F(Xattr, UnknownFlagIsEinval) { EXPECT_CHILD_ERRNO(EINVAL, Set("user.a", "x", 4)); }
TEST_F(Xattr, MissingIsEnodata) {
  EXPECT_EQ("ENODATA", Get("user.missing"));
  EXPECT_ERRNO(ENODATA, removexattr("file", "user.missing"));
}
TEST_F(Xattr, LittleRoomIsErange) {
  ASSERT_EQ(0, Set("user.a", "12345"));
  EXPECT_EQ("ERANGE", Get("user.a", "file", 4));
  char byte;
  EXPECT_ERRNO(ERANGE, listxattr("file", &byte, 1));
}
TEST_F(Xattr, ListNamesThem) {
  ASSERT_EQ(0, Set("user.b", "x"));
  ASSERT_EQ(0, Set("user.a", "x"));
  EXPECT_EQ((std::vector<std::string>{"user.a", "user.b"}), List());
  ASSERT_SUCCESS(removexattr("file", "user.b"));
  EXPECT_EQ((std::vector<std::string>{"user.a"}), List());
}
TEST_F(Xattr, SizeOfTheListIsAskedWithoutRoom) {
  ASSERT_EQ(0, Set("user.abc", "x"));
  EXPECT_EQ(9, listxattr("file", nullptr, 0));
}
TEST_F(Xattr, UnmappedMemoryIsEfault) {
  void* page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_SUCCESS(munmap(page, 4096));
  EXPECT_ERRNO(EFAULT, setxattr("file", "user.a", page, 5, 0));
  EXPECT_ERRNO(EFAULT, setxattr("file", static_cast<const char*>(page), "x", 1, 0));
  ASSERT_EQ(0, Set("user.a", "12345"));
  EXPECT_ERRNO(EFAULT, getxattr("file", "user.a", page, 5));
  EXPECT_ERRNO(EFAULT, listxattr("file", static_cast<char*>(page), 100));
}
TEST_F(Xattr, FolderMayHaveThem) {
  ASSERT_SUCCESS(mkdir("folder", 0755));
  EXPECT_CHILD_ERRNO(0, Set("user.a", "x", 0, "folder"));
  EXPECT_EQ("x", Get("user.a", "folder"));
}
TEST_F(Xattr, OtherKindsOfFilesMayNot) {
  ASSERT_SUCCESS(mkfifo("fifo", 0666));
  ASSERT_SUCCESS(mknod("socket", S_IFSOCK | 0666, 0));
  ASSERT_SUCCESS(symlink("file", "link"));
  EXPECT_CHILD_ERRNO(EPERM, Set("user.a", "x", 0, "fifo"));
  EXPECT_CHILD_ERRNO(EPERM, Set("user.a", "x", 0, "socket"));
  EXPECT_CHILD_ERRNO(EPERM, Set("user.a", "x", 0, "/dev/null"));
  EXPECT_ERRNO(EPERM, lsetxattr("link", "user.a", "x", 1, 0));
  EXPECT_ERRNO(ENODATA, lgetxattr("link", "user.a", nullptr, 0));
}
TEST_F(Xattr, StickyFolderOfAnotherMayNotBeMarked) {
  ASSERT_SUCCESS(mkdir("tmp", 0777));
  ASSERT_SUCCESS(chmod("tmp", 01777));
  EXPECT_CHILD_ERRNO(EPERM, As({}, [] { return Set("user.a", "x", 0, "tmp"); }));
}
TEST_F(Xattr, ReaderMayReadAndNotWrite) {
  ASSERT_EQ(0, Set("user.a", "x"));
  EXPECT_EQ(0, As({}, [] { return Get("user.a") == "x" ? 0 : 1; }));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [] { return Set("user.a", "y"); }));
  ASSERT_SUCCESS(chmod("file", 0));
  EXPECT_EQ(0, As({}, [] { return Get("user.a") == "EACCES" ? 0 : 1; }));
}
TEST_F(Xattr, ByDescriptor) {
  Fd file(open("file", O_RDONLY | O_CLOEXEC));
  EXPECT_SUCCESS(fsetxattr(file.get(), "user.a", "abc", 3, 0));
  EXPECT_EQ("abc", Get("user.a"));
  char value[8];
  EXPECT_EQ(3, fgetxattr(file.get(), "user.a", value, sizeof value));
  EXPECT_EQ(7, flistxattr(file.get(), nullptr, 0));
  EXPECT_SUCCESS(fremovexattr(file.get(), "user.a"));
  EXPECT_ERRNO(ENODATA, fgetxattr(file.get(), "user.a", value, sizeof value));
}
TEST_F(Xattr, ByPathOnlyDescriptorIsEbadf) {
  Fd file(open("file", O_PATH | O_CLOEXEC));
  EXPECT_ERRNO(EBADF, fsetxattr(file.get(), "user.a", "x", 1, 0));
  EXPECT_ERRNO(EBADF, fgetxattr(file.get(), "user.a", nullptr, 0));
}
std::string LinkTo(const Fd& file) { return "/proc/self/fd/" + std::to_string(file.get()); }

TEST_F(Xattr, ThroughProcOfAPathOnlyDescriptor) {
  Fd file(open("file", O_PATH | O_CLOEXEC));
  const std::string path = LinkTo(file);
  EXPECT_CHILD_ERRNO(0, Set("user.a", "x", 0, path.c_str()));
  EXPECT_EQ("x", Get("user.a"));
  EXPECT_EQ("x", Get("user.a", path.c_str()));
  EXPECT_EQ((std::vector<std::string>{"user.a"}), List(path.c_str()));
  EXPECT_CHILD_ERRNO(EEXIST, Set("user.a", "y", XATTR_CREATE, path.c_str()));
  EXPECT_SUCCESS(removexattr(path.c_str(), "user.a"));
  EXPECT_EQ("ENODATA", Get("user.a", path.c_str()));
}
TEST_F(Xattr, ThroughProcOfAPathOnlyDescriptorOfADirectory) {
  ASSERT_SUCCESS(mkdir("folder", 0700));
  Fd folder(open("folder", O_PATH | O_CLOEXEC));
  EXPECT_CHILD_ERRNO(0, Set("user.a", "x", 0, LinkTo(folder).c_str()));
  EXPECT_EQ("x", Get("user.a", "folder"));
  EXPECT_EQ("x", Get("user.a", LinkTo(folder).c_str()));
}
TEST_F(Xattr, ThroughProcOfAFileThatIsGone) {
  Fd file(open("file", O_PATH | O_CLOEXEC));
  ASSERT_SUCCESS(unlink("file"));
  EXPECT_CHILD_ERRNO(0, Set("user.a", "x", 0, LinkTo(file).c_str()));
  EXPECT_EQ("x", Get("user.a", LinkTo(file).c_str()));
}
TEST_F(Xattr, ThroughProcAsksForTheRightToTheFile) {
  ASSERT_SUCCESS(chmod("file", 0600));
  ASSERT_EQ(0, Set("user.a", "x"));
  Fd file(open("file", O_PATH));
  const std::string path = LinkTo(file);
  char byte;
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] { return Set("user.a", "y", 0, path.c_str()); }));
  EXPECT_CHILD_ERRNO(EACCES,
                     As({}, [&] { return ErrnoOf(getxattr(path.c_str(), "user.a", &byte, 1)); }));
  EXPECT_CHILD_ERRNO(0, As({}, [&] { return ErrnoOf(listxattr(path.c_str(), nullptr, 0)); }));
  EXPECT_EQ("x", Get("user.a"));
}
TEST_F(Xattr, ThroughProcOfAFileThatIsTheCallersAlone) {
  ASSERT_SUCCESS(chown(".", 1000, 1000));
  ASSERT_SUCCESS(chown("file", 1000, 1000));
  ASSERT_SUCCESS(chmod("file", 0600));
  Fd file(open("file", O_PATH));
  const std::string path = LinkTo(file);
  EXPECT_CHILD_ERRNO(0, As({}, [&] { return Set("user.a", "x", 0, path.c_str()); }));
  EXPECT_EQ("x", Get("user.a", path.c_str()));
}
TEST_F(Xattr, ThroughProcOfWhatIsNoRegularFile) {
  ASSERT_SUCCESS(mkfifo("fifo", 0600));
  ASSERT_SUCCESS(symlink("file", "link"));
  for (const char* name : {"fifo", "link", "/dev/null"}) {
    Fd file(open(name, O_PATH | O_NOFOLLOW));
    const std::string path = LinkTo(file);
    const int without_list = name == std::string("link") ? EOPNOTSUPP : 0;
    EXPECT_EQ("ENODATA", Get("user.a", path.c_str())) << name;
    EXPECT_CHILD_ERRNO(EPERM, Set("user.a", "x", 0, path.c_str())) << name;
    EXPECT_ERRNO(EPERM, removexattr(path.c_str(), "user.a")) << name;
    EXPECT_EQ("ENODATA", Get("security.capability", path.c_str())) << name;
    EXPECT_ERRNO(ENODATA, removexattr(path.c_str(), "security.capability")) << name;
    EXPECT_ERRNO(without_list, removexattr(path.c_str(), "system.posix_acl_access")) << name;
    EXPECT_EQ(std::vector<std::string>{}, List(path.c_str())) << name;
  }
}
TEST_F(Xattr, ThroughTheLinksOfAProcess) {
  EXPECT_CHILD_ERRNO(0, Set("user.a", "x", 0, "/proc/self/cwd"));
  EXPECT_EQ("x", Get("user.a", "."));
  EXPECT_EQ("x", Get("user.a", "/proc/self/cwd"));
  EXPECT_EQ("ENODATA", Get("user.a", "/proc/self/exe"));
  EXPECT_SUCCESS(listxattr("/proc/self/root", nullptr, 0));
}
TEST_F(Xattr, ThroughProcOfAnOpenFile) {
  Fd file(open("file", O_RDONLY | O_CLOEXEC));
  const std::string path = LinkTo(file);
  EXPECT_CHILD_ERRNO(0, Set("user.a", "x", 0, path.c_str()));
  EXPECT_EQ("x", Get("user.a", path.c_str()));
  EXPECT_EQ((std::vector<std::string>{"user.a"}), List(path.c_str()));
  EXPECT_SUCCESS(removexattr(path.c_str(), "user.a"));
  EXPECT_EQ("ENODATA", Get("user.a"));
}
TEST_F(Xattr, ReadOnlyMountIsErofs) {
  EXPECT_CHILD_ERRNO(EROFS, Set("user.a", "x", 0, (GetOptions().read_only + "/file").c_str()));
}
TEST_F(Xattr, OfProcAreNotSupported) {
  EXPECT_CHILD_ERRNO(EOPNOTSUPP, Set("user.a", "x", 0, "/proc/self/comm"));
  EXPECT_EQ("EOPNOTSUPP", Get("user.a", "/proc/self/status"));
}
TEST_F(Xattr, SurviveARename) {
  ASSERT_EQ(0, Set("user.a", "x"));
  ASSERT_SUCCESS(rename("file", "moved"));
  EXPECT_EQ("x", Get("user.a", "moved"));
}
TEST_F(Xattr, TrustedOnesAreForRoot) {
  EXPECT_CHILD_ERRNO(0, Set("trusted.a", "x"));
  EXPECT_EQ((std::vector<std::string>{"trusted.a"}), List());
  EXPECT_CHILD_ERRNO(EPERM, As({}, [] { return Set("trusted.a", "y"); }));
}
TEST_F(Xattr, AccessListLetsAUserIn) {
  const std::string name = "system.posix_acl_access";
  const int error = Set(name, AccessList(1000, 4));
  if (error == EOPNOTSUPP) GTEST_SKIP() << "the file system has no access lists";
  ASSERT_EQ(0, error);
  EXPECT_EQ(AccessList(1000, 4), Get(name));
  EXPECT_CHILD_ERRNO(0, As({}, [] { return ErrnoOf(open("file", O_RDONLY)); }));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [] { return ErrnoOf(open("file", O_WRONLY)); }));
  EXPECT_CHILD_ERRNO(EACCES, As({1001, 1001, {}}, [] { return ErrnoOf(open("file", O_RDONLY)); }));
  EXPECT_EQ(0670u, ModeOf("file"));
}
TEST_F(Xattr, AccessListKeepsAUserOutHoweverOftenTheFileWasOpened) {
  const std::string name = "system.posix_acl_access";
  if (Set(name, AccessList(1000, 4)) == EOPNOTSUPP) {
    GTEST_SKIP() << "the file system has no access lists";
  }
  ASSERT_SUCCESS(removexattr("file", name.c_str()));
  ASSERT_SUCCESS(chmod("file", 0664));
  const auto often = [](int expected) {
    for (int i = 0; i < 6; ++i) {
      const int error = ErrnoOf(open("file", O_RDONLY | O_CLOEXEC));
      if (error != expected) return error == 0 ? EBADE : error;
    }
    return expected;
  };
  EXPECT_CHILD_ERRNO(0, As({}, [&] { return often(0); }));
  ASSERT_EQ(0, Set(name, AccessList(1000, 0, 4)));
  ASSERT_EQ(0674u, ModeOf("file"));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] { return often(EACCES); }));
  EXPECT_CHILD_ERRNO(0, As({1001, 1001, {}}, [&] { return often(0); }));
  ASSERT_SUCCESS(removexattr("file", name.c_str()));
  ASSERT_SUCCESS(chmod("file", 0640));
  EXPECT_CHILD_ERRNO(EACCES, As({1001, 1001, {}}, [&] { return often(EACCES); }));
}
TEST_F(Xattr, MalformedAccessListIsEinval) {
  const int error = Set("system.posix_acl_access", "nonsense");
  if (error == EOPNOTSUPP) GTEST_SKIP() << "the file system has no access lists";
  EXPECT_CHILD_ERRNO(EINVAL, error);
}
TEST_F(Xattr, CapabilitiesOfAFileAreKeptAndLostByAWrite) {
  std::string capabilities("\1\0\0\2", 4);  // VFS_CAP_REVISION_2, effective
  capabilities += std::string("\0\4\0\0", 4) + std::string(12, '\0');
  EXPECT_CHILD_ERRNO(0, Set("security.capability", capabilities));
  EXPECT_EQ(20u, Get("security.capability").size());
  Fd file(open("file", O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(1, write(file.get(), "x", 1));
  EXPECT_EQ("ENODATA", Get("security.capability"));
}

}  // namespace
}  // namespace moat::conformance
