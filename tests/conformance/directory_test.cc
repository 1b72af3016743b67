// Directories: large ones, positions, changes while they are read, deleted ones, statfs, mknod.
#include <dirent.h>
#include <linux/magic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Directory : public Scratch {
 protected:
  struct Listing {
    explicit Listing(const char* path) : stream(opendir(path)) {}
    ~Listing() { closedir(stream); }
    std::multiset<std::string> Rest() const {
      std::multiset<std::string> names;
      while (const dirent* entry = readdir(stream)) names.insert(entry->d_name);
      names.erase(".");
      names.erase("..");
      return names;
    }
    DIR* stream;
  };
  static std::multiset<std::string> Names(const char* path) { return Listing(path).Rest(); }
};

TEST_F(Directory, FiveThousandEntriesEachOnce) {
  ASSERT_SUCCESS(mkdir("large", 0755));
  std::multiset<std::string> made;
  for (int i = 0; i < 5000; ++i) {
    made.insert("a rather long name of file number " + std::to_string(i));
    Fd(open(("large/a rather long name of file number " + std::to_string(i)).c_str(),
            O_WRONLY | O_CREAT, 0644));
  }
  EXPECT_EQ(made, Names("large"));
}
TEST_F(Directory, PositionIsComeBackTo) {
  for (int i = 0; i < 300; ++i) WriteFile("f" + std::to_string(i));
  Listing listing(".");
  for (int i = 0; i < 100; ++i) readdir(listing.stream);
  const long position = telldir(listing.stream);
  const auto first = listing.Rest();
  seekdir(listing.stream, position);
  EXPECT_EQ(first, listing.Rest());
}
TEST_F(Directory, RewindSeesWhatIsNew) {
  WriteFile("one");
  Listing listing(".");
  EXPECT_EQ(std::multiset<std::string>{"one"}, listing.Rest());
  WriteFile("two");
  rewinddir(listing.stream);
  EXPECT_EQ((std::multiset<std::string>{"one", "two"}), listing.Rest());
}
TEST_F(Directory, DeletingWhileReadingEndsWithNothing) {
  for (int i = 0; i < 1000; ++i) WriteFile("f" + std::to_string(i));
  Listing listing(".");
  while (const dirent* entry = readdir(listing.stream)) unlink(entry->d_name);
  EXPECT_TRUE(Names(".").empty());
}
TEST_F(Directory, TypesOfAllKinds) {
  WriteFile("file");
  ASSERT_SUCCESS(mkdir("folder", 0755));
  ASSERT_SUCCESS(symlink("x", "link"));
  ASSERT_SUCCESS(mkfifo("fifo", 0644));
  ASSERT_SUCCESS(mknod("socket", S_IFSOCK | 0644, 0));
  Listing listing(".");
  while (const dirent* entry = readdir(listing.stream)) {
    const std::string name = entry->d_name;
    const int expected = name == "file"     ? DT_REG
                         : name == "link"   ? DT_LNK
                         : name == "fifo"   ? DT_FIFO
                         : name == "socket" ? DT_SOCK
                                            : DT_DIR;
    EXPECT_EQ(expected, entry->d_type) << name;
  }
}
TEST_F(Directory, InodesAreThoseOfStat) {
  WriteFile("file");
  Listing listing(".");
  while (const dirent* entry = readdir(listing.stream)) {
    if (std::string(entry->d_name) != "file") continue;
    EXPECT_EQ(StatOf("file").st_ino, entry->d_ino);
  }
}
TEST_F(Directory, LittleRoomIsEinval) {
  Fd folder(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  char bytes[8];
  EXPECT_ERRNO(EINVAL, syscall(SYS_getdents64, folder.get(), bytes, sizeof bytes));
}
TEST_F(Directory, PathOnlyDescriptorIsEbadf) {
  Fd folder(open(".", O_PATH | O_CLOEXEC));
  char bytes[1024];
  EXPECT_ERRNO(EBADF, syscall(SYS_getdents64, folder.get(), bytes, sizeof bytes));
}
TEST_F(Directory, DeletedOneIsEmptyAndTakesNothing) {
  ASSERT_SUCCESS(mkdir("gone", 0755));
  Fd gone(open("gone", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_SUCCESS(rmdir("gone"));
  char bytes[1024];
  EXPECT_ERRNO(ENOENT, syscall(SYS_getdents64, gone.get(), bytes, sizeof bytes));
  EXPECT_ERRNO(ENOENT, openat(gone.get(), "new", O_CREAT | O_WRONLY, 0644));
  EXPECT_ERRNO(ENOENT, mkdirat(gone.get(), "new", 0755));
  EXPECT_ERRNO(ENOENT, symlinkat("x", gone.get(), "new"));
  EXPECT_SUCCESS(fchmod(gone.get(), 0700));
  struct stat attributes {};
  EXPECT_SUCCESS(fstat(gone.get(), &attributes));
  EXPECT_EQ(0u, attributes.st_nlink);
}
TEST_F(Directory, DeletedWorkingDirectory) {
  ASSERT_SUCCESS(mkdir("gone", 0755));
  ASSERT_SUCCESS(chdir("gone"));
  ASSERT_SUCCESS(rmdir("../gone"));
  struct stat attributes {};
  EXPECT_SUCCESS(stat(".", &attributes));
  EXPECT_SUCCESS(Fd(open(".", O_RDONLY)).get());
  EXPECT_ERRNO(ENOENT, mkdir("new", 0755));
  EXPECT_ERRNO(ENOENT, access("file", F_OK));
  EXPECT_SUCCESS(access("..", F_OK));
  char target[4096] = {};
  ASSERT_GT(readlink("/proc/self/cwd", target, sizeof target - 1), 0);
  EXPECT_EQ(dir() + "/gone (deleted)", target);
  EXPECT_SUCCESS(chdir(".."));
  EXPECT_EQ(StatOf(dir()).st_ino, StatOf(".").st_ino);
}
TEST_F(Directory, DeletedFileIsNamedSo) {
  WriteFile("file");
  Fd file(open("file", O_RDONLY | O_CLOEXEC));
  ASSERT_SUCCESS(unlink("file"));
  char target[4096] = {};
  ASSERT_GT(readlink(("/proc/self/fd/" + std::to_string(file.get())).c_str(), target, 4095), 0);
  EXPECT_EQ(dir() + "/file (deleted)", target);
}
TEST_F(Directory, RenamedFileIsNamedAnew) {
  WriteFile("file");
  Fd file(open("file", O_RDONLY | O_CLOEXEC));
  ASSERT_SUCCESS(rename("file", "renamed"));
  char target[4096] = {};
  ASSERT_GT(readlink(("/proc/self/fd/" + std::to_string(file.get())).c_str(), target, 4095), 0);
  EXPECT_EQ(dir() + "/renamed", target);
}
TEST_F(Directory, DeeperThanAPathCanSay) {
  const std::string name(200, 'd');
  for (int i = 0; i < 30; ++i) {
    ASSERT_SUCCESS(mkdir(name.c_str(), 0755));
    ASSERT_SUCCESS(chdir(name.c_str()));
  }
  char path[8192];
  EXPECT_ERRNO(ENAMETOOLONG, syscall(SYS_getcwd, path, sizeof path));
  WriteFile("deep", "x");
  EXPECT_EQ("x", ReadFile("./deep"));
  for (int i = 0; i < 30; ++i) {
    unlink("deep");
    ASSERT_SUCCESS(chdir(".."));
    ASSERT_SUCCESS(rmdir(name.c_str()));
  }
}
TEST_F(Directory, SetgidPassesTheGroupOnAndTheBitToFolders) {
  ASSERT_SUCCESS(mkdir("shared", 0777));
  ASSERT_SUCCESS(chown("shared", 0, 2000));
  ASSERT_SUCCESS(chmod("shared", 02777));
  WriteFile("shared/file");
  ASSERT_SUCCESS(mkdir("shared/folder", 0755));
  EXPECT_EQ(2000u, StatOf("shared/file").st_gid);
  EXPECT_EQ(2000u, StatOf("shared/folder").st_gid);
  EXPECT_EQ(02755u, ModeOf("shared/folder"));
}

// statfs(2) of what has no path.
struct Anonymous {
  const char* name;
  int (*make)();
  long magic;
};
int OneOfAPipe() {
  int ends[2];
  EXPECT_SUCCESS(pipe2(ends, O_CLOEXEC));
  close(ends[1]);
  return ends[0];
}
const Anonymous kAnonymous[] = {
    {"pipe", OneOfAPipe, PIPEFS_MAGIC},
    {"socket", [] { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }, SOCKFS_MAGIC},
    {"memfd", [] { return memfd_create("m", MFD_CLOEXEC); }, TMPFS_MAGIC},
    {"eventfd", [] { return eventfd(0, EFD_CLOEXEC); }, ANON_INODE_FS_MAGIC},
    {"proc_file", [] { return open("/proc/self/stat", O_RDONLY | O_CLOEXEC); }, PROC_SUPER_MAGIC},
    {"proc_folder", [] { return open("/proc/self", O_RDONLY | O_CLOEXEC); }, PROC_SUPER_MAGIC},
    {"sys_folder", [] { return open("/sys", O_RDONLY | O_CLOEXEC); }, SYSFS_MAGIC},
    {"terminals", [] { return open("/dev/pts", O_RDONLY | O_CLOEXEC); }, DEVPTS_SUPER_MAGIC},
    {"shared_memory", [] { return open("/dev/shm", O_RDONLY | O_CLOEXEC); }, TMPFS_MAGIC},
};
class FileSystems : public ::testing::TestWithParam<Anonymous> {};
INSTANTIATE_TEST_SUITE_P(Of, FileSystems, ::testing::ValuesIn(kAnonymous),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(FileSystems, MagicByDescriptor) {
  Fd fd(GetParam().make());
  ASSERT_TRUE(fd.valid()) << NameOfErrno(errno);
  struct statfs about {};
  ASSERT_SUCCESS(fstatfs(fd.get(), &about));
  EXPECT_EQ(GetParam().magic, about.f_type);
}
TEST_F(Directory, ReadOnlyMountSaysSo) {
  struct statfs about {};
  ASSERT_SUCCESS(statfs(GetOptions().read_only.c_str(), &about));
  EXPECT_TRUE(about.f_flags & 1 /* ST_RDONLY */);
  ASSERT_SUCCESS(statfs(".", &about));
  EXPECT_FALSE(about.f_flags & 1);
  EXPECT_EQ(255, about.f_namelen);
}
TEST_F(Directory, StatfsIntoUnmappedMemoryIsEfault) {
  EXPECT_ERRNO(EFAULT, syscall(SYS_statfs, ".", 1));
  EXPECT_ERRNO(EFAULT, syscall(SYS_fstatfs, 0, 1));
  struct statfs about {};
  EXPECT_ERRNO(EBADF, fstatfs(999, &about));
}

// mknod(2) of each kind, by root.
struct NodeKind {
  const char* name;
  mode_t mode;
  dev_t device;
  int error;
};
const NodeKind kNodes[] = {
    {"file", S_IFREG | 0666, 0, 0},          {"without_a_kind", 0666, 0, 0},
    {"fifo", S_IFIFO | 0666, 0, 0},          {"socket", S_IFSOCK | 0666, 0, 0},
    {"folder", S_IFDIR | 0777, 0, EPERM},    {"link", S_IFLNK | 0777, 0, EINVAL},
    {"nonsense", 0170000 | 0666, 0, EINVAL},
};
class Nodes : public Scratch, public ::testing::WithParamInterface<NodeKind> {};
INSTANTIATE_TEST_SUITE_P(Of, Nodes, ::testing::ValuesIn(kNodes),
                         [](const auto& of) { return std::string(of.param.name); });
TEST_P(Nodes, AreMade) {
  umask(027);
  EXPECT_ERRNO(GetParam().error, mknod("node", GetParam().mode, GetParam().device));
  if (GetParam().error != 0) return;
  EXPECT_EQ(0640u, ModeOf("node"));
  const mode_t kind = (GetParam().mode & S_IFMT) == 0 ? S_IFREG : GetParam().mode & S_IFMT;
  EXPECT_EQ(kind, StatOf("node").st_mode & S_IFMT);
}
TEST_P(Nodes, OverAnExistingNameAreEexist) {
  WriteFile("node");
  const int expected = GetParam().error == 0 ? EEXIST : GetParam().error;
  EXPECT_ERRNO(expected, mknod("node", GetParam().mode, GetParam().device));
}

}  // namespace
}  // namespace moat::conformance
