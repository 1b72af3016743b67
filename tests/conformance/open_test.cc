// open(2), openat(2) and creat(2): flags, modes and errors.
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Open : public Scratch {};

Fd OpenFile(const std::string& path, int flags, mode_t mode = 0644) {
  return Fd(open(path.c_str(), flags | O_CLOEXEC, mode));
}

TEST_F(Open, MissingFileIsEnoent) { EXPECT_ERRNO(ENOENT, open("missing", O_RDONLY)); }
TEST_F(Open, EmptyPathIsEnoent) { EXPECT_ERRNO(ENOENT, open("", O_RDONLY)); }
TEST_F(Open, NullPathIsEfault) {
  EXPECT_ERRNO(EFAULT, syscall(SYS_openat, AT_FDCWD, nullptr, O_RDONLY));
}
TEST_F(Open, UnmappedPathIsEfault) {
  EXPECT_ERRNO(EFAULT, syscall(SYS_open, 0x7ffffffff000L, O_RDONLY));
}
TEST_F(Open, MissingParentIsEnoent) {
  EXPECT_ERRNO(ENOENT, open("no/such", O_WRONLY | O_CREAT, 0644));
}
TEST_F(Open, FileAsDirectoryIsEnotdir) {
  WriteFile("file");
  EXPECT_ERRNO(ENOTDIR, open("file/below", O_RDONLY));
}

TEST_F(Open, CreateAppliesUmask) {
  umask(027);
  Fd fd = OpenFile("file", O_WRONLY | O_CREAT, 0666);
  EXPECT_EQ(0640u, ModeOf("file"));
}
TEST_F(Open, CreateKeepsSetgidAndStickyBits) {
  Fd fd = OpenFile("file", O_WRONLY | O_CREAT, 07755);
  EXPECT_EQ(07755u, ModeOf("file"));
}
TEST_F(Open, CreateOfExistingKeepsContentAndMode) {
  WriteFile("file", "kept", 0600);
  Fd fd = OpenFile("file", O_RDWR | O_CREAT, 0777);
  EXPECT_EQ("kept", ReadFile("file"));
  EXPECT_EQ(0600u, ModeOf("file"));
}
TEST_F(Open, ExclusiveCreateOfExistingIsEexist) {
  WriteFile("file");
  EXPECT_ERRNO(EEXIST, open("file", O_WRONLY | O_CREAT | O_EXCL, 0644));
}
TEST_F(Open, ExclusiveCreateDoesNotFollowDanglingLink) {
  ASSERT_SUCCESS(symlink("target", "link"));
  EXPECT_ERRNO(EEXIST, open("link", O_WRONLY | O_CREAT | O_EXCL, 0644));
  EXPECT_FALSE(Exists("target"));
}
TEST_F(Open, CreateThroughDanglingLinkMakesTarget) {
  ASSERT_SUCCESS(symlink("target", "link"));
  Fd fd = OpenFile("link", O_WRONLY | O_CREAT);
  EXPECT_TRUE(fd.valid());
  EXPECT_TRUE(Exists("target"));
}
TEST_F(Open, ReadOnlyDescriptorOfNewFileWithMode0CanBeRead) {
  Fd fd = OpenFile("file", O_RDWR | O_CREAT | O_EXCL, 0);
  ASSERT_TRUE(fd.valid());
  EXPECT_EQ(1, write(fd.get(), "x", 1));
  EXPECT_EQ(0u, ModeOf("file"));
}
TEST_F(Open, CreatTruncates) {
  WriteFile("file", "old");
  Fd fd(creat("file", 0644));
  EXPECT_EQ(0, StatOf("file").st_size);
}
TEST_F(Open, TruncateEmptiesFile) {
  WriteFile("file", "old");
  Fd fd = OpenFile("file", O_WRONLY | O_TRUNC);
  EXPECT_EQ(0, StatOf("file").st_size);
}
TEST_F(Open, AppendWritesAtEnd) {
  WriteFile("file", "one");
  Fd fd = OpenFile("file", O_WRONLY | O_APPEND);
  EXPECT_EQ(3, pwrite(fd.get(), "two", 3, 0));
  EXPECT_EQ("onetwo", ReadFile("file"));
}

TEST_F(Open, DirectoryFlagOnFileIsEnotdir) {
  WriteFile("file");
  EXPECT_ERRNO(ENOTDIR, open("file", O_RDONLY | O_DIRECTORY));
}
TEST_F(Open, WritingDirectoryIsEisdir) {
  ASSERT_SUCCESS(mkdir("dir", 0755));
  EXPECT_ERRNO(EISDIR, open("dir", O_RDWR));
  EXPECT_ERRNO(EISDIR, open("dir", O_WRONLY));
}
TEST_F(Open, CreatingOverDirectoryIsEisdir) {
  ASSERT_SUCCESS(mkdir("dir", 0755));
  EXPECT_ERRNO(EISDIR, open("dir", O_RDONLY | O_CREAT, 0644));
}
TEST_F(Open, CreateWithDirectoryFlagIsEinval) {
  EXPECT_ERRNO(EINVAL, open("new", O_CREAT | O_DIRECTORY, 0644));
  EXPECT_FALSE(Exists("new"));
}
TEST_F(Open, NoFollowOnLinkIsEloop) {
  WriteFile("file");
  ASSERT_SUCCESS(symlink("file", "link"));
  EXPECT_ERRNO(ELOOP, open("link", O_RDONLY | O_NOFOLLOW));
}
TEST_F(Open, NoFollowWithDirectoryOnLinkIsEnotdir) {
  ASSERT_SUCCESS(symlink(".", "link"));
  EXPECT_ERRNO(ENOTDIR, open("link", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
}
TEST_F(Open, NoFollowStillFollowsInTheMiddle) {
  ASSERT_SUCCESS(mkdir("dir", 0755));
  WriteFile("dir/file", "x");
  ASSERT_SUCCESS(symlink("dir", "link"));
  EXPECT_TRUE(OpenFile("link/file", O_RDONLY | O_NOFOLLOW).valid());
}
TEST_F(Open, CloseOnExecIsSetOnlyWhenAsked) {
  WriteFile("file");
  Fd without(open("file", O_RDONLY));
  Fd with(open("file", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(0, fcntl(without.get(), F_GETFD));
  EXPECT_EQ(FD_CLOEXEC, fcntl(with.get(), F_GETFD));
}
TEST_F(Open, StatusFlagsAreAsOpened) {
  WriteFile("file");
  Fd fd = OpenFile("file", O_RDWR | O_APPEND | O_NONBLOCK);
  const int flags = fcntl(fd.get(), F_GETFL);
  EXPECT_EQ(O_RDWR | O_APPEND | O_NONBLOCK, flags & (O_ACCMODE | O_APPEND | O_NONBLOCK));
  EXPECT_EQ(0, flags & (O_CREAT | O_EXCL | O_TRUNC));
}
TEST_F(Open, LowestFreeNumberIsGiven) {
  WriteFile("file");
  Fd first(open("file", O_RDONLY));
  const int number = first.get();
  Fd second(open("file", O_RDONLY));
  first.Reset();
  Fd third(open("file", O_RDONLY));
  EXPECT_EQ(number, third.get());
}
TEST_F(Open, UnknownFlagsAreIgnored) {
  WriteFile("file");
  Fd fd(static_cast<int>(syscall(SYS_openat, AT_FDCWD, "file", O_RDONLY | 0x40000000, 0)));
  EXPECT_TRUE(fd.valid());
}
TEST_F(Open, DeviceNullTakesEverything) {
  Fd fd = OpenFile("/dev/null", O_RDWR);
  ASSERT_TRUE(fd.valid());
  EXPECT_EQ(3, write(fd.get(), "abc", 3));
  char byte;
  EXPECT_EQ(0, read(fd.get(), &byte, 1));
}
TEST_F(Open, DeviceZeroAndUrandomGiveBytes) {
  char bytes[16];
  EXPECT_EQ(16, read(OpenFile("/dev/zero", O_RDONLY).get(), bytes, 16));
  EXPECT_EQ(16, read(OpenFile("/dev/urandom", O_RDONLY).get(), bytes, 16));
}

TEST_F(Open, TmpfileHasNoName) {
  Fd fd = OpenFile(".", O_TMPFILE | O_RDWR, 0600);
  ASSERT_TRUE(fd.valid()) << NameOfErrno(errno);
  EXPECT_EQ(3, write(fd.get(), "abc", 3));
  struct stat attributes {};
  ASSERT_SUCCESS(fstat(fd.get(), &attributes));
  EXPECT_EQ(0u, attributes.st_nlink);
  EXPECT_EQ(0600u, attributes.st_mode & 07777);
}
TEST_F(Open, TmpfileCanBeLinkedIn) {
  Fd fd = OpenFile(".", O_TMPFILE | O_RDWR, 0600);
  ASSERT_TRUE(fd.valid()) << NameOfErrno(errno);
  EXPECT_EQ(3, write(fd.get(), "abc", 3));
  const std::string self = "/proc/self/fd/" + std::to_string(fd.get());
  EXPECT_SUCCESS(linkat(AT_FDCWD, self.c_str(), AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
  EXPECT_EQ("abc", ReadFile("named"));
}
TEST_F(Open, ExclusiveTmpfileCannotBeLinkedIn) {
  Fd fd = OpenFile(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
  ASSERT_TRUE(fd.valid()) << NameOfErrno(errno);
  const std::string self = "/proc/self/fd/" + std::to_string(fd.get());
  EXPECT_ERRNO(ENOENT, linkat(AT_FDCWD, self.c_str(), AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
}
TEST_F(Open, TmpfileReadOnlyIsEinval) {
  EXPECT_ERRNO(EINVAL, open(".", O_TMPFILE | O_RDONLY, 0600));
}
TEST_F(Open, TmpfileInFileIsEnotdir) {
  WriteFile("file");
  EXPECT_ERRNO(ENOTDIR, open("file", O_TMPFILE | O_RDWR, 0600));
}

TEST_F(Open, TooManyDescriptorsIsEmfile) {
  WriteFile("file");
  EXPECT_CHILD_ERRNO(EMFILE, InChild([] {
                       const rlimit limit{16, 16};
                       setrlimit(RLIMIT_NOFILE, &limit);
                       for (int i = 0; i < 32; ++i) {
                         if (open("file", O_RDONLY) == -1) return errno;
                       }
                       return 0;
                     }));
}
TEST_F(Open, FileSizeLimitIsEfbigOnTruncate) {
  WriteFile("file");
  EXPECT_CHILD_ERRNO(EFBIG, InChild([] {
                       signal(SIGXFSZ, SIG_IGN);
                       const rlimit limit{4096, 4096};
                       setrlimit(RLIMIT_FSIZE, &limit);
                       return ErrnoOf(truncate("file", 1 << 20));
                     }));
}

TEST_F(Open, FifoOpensBothEnds) {
  ASSERT_SUCCESS(mkfifo("fifo", 0644));
  const pid_t child = fork();
  if (child == 0) {
    Fd writer(open("fifo", O_WRONLY));
    _exit(write(writer.get(), "through", 7) == 7 ? 0 : 1);
  }
  Fd reader = OpenFile("fifo", O_RDONLY);
  EXPECT_EQ("through", ReadAll(reader.get()));
  int status;
  EXPECT_EQ(child, waitpid(child, &status, 0));
}
TEST_F(Open, FifoNonblockingReaderOpensAtOnce) {
  ASSERT_SUCCESS(mkfifo("fifo", 0644));
  EXPECT_TRUE(OpenFile("fifo", O_RDONLY | O_NONBLOCK).valid());
}
TEST_F(Open, FifoNonblockingWriterWithoutReaderIsEnxio) {
  ASSERT_SUCCESS(mkfifo("fifo", 0644));
  EXPECT_ERRNO(ENXIO, open("fifo", O_WRONLY | O_NONBLOCK));
}
TEST_F(Open, FifoOpenIsInterruptedBySignal) {
  ASSERT_SUCCESS(mkfifo("fifo", 0644));
  EXPECT_CHILD_ERRNO(EINTR, InChild([] {
                       struct sigaction action {};
                       action.sa_handler = [](int) {};
                       sigaction(SIGALRM, &action, nullptr);
                       ualarm(50000, 0);
                       return ErrnoOf(open("fifo", O_RDONLY));
                     }));
}

TEST_F(Open, ReadOnlyMountRefusesWriting) {
  const std::string file = GetOptions().read_only + "/file";
  EXPECT_ERRNO(EROFS, open(file.c_str(), O_WRONLY));
  EXPECT_ERRNO(EROFS, open(file.c_str(), O_RDWR));
  EXPECT_ERRNO(EROFS, open(file.c_str(), O_RDONLY | O_TRUNC));
}
TEST_F(Open, ReadOnlyMountRefusesCreating) {
  const std::string file = GetOptions().read_only + "/new";
  EXPECT_ERRNO(EROFS, open(file.c_str(), O_WRONLY | O_CREAT, 0644));
  EXPECT_ERRNO(EROFS, open(GetOptions().read_only.c_str(), O_TMPFILE | O_RDWR, 0644));
}
TEST_F(Open, ReadOnlyMountCanBeRead) {
  EXPECT_EQ("read only\n", ReadFile(GetOptions().read_only + "/file"));
  EXPECT_TRUE(OpenFile(GetOptions().read_only + "/file", O_RDONLY | O_CREAT).valid());
}
TEST_F(Open, SocketFileIsEnxio) {
  ASSERT_SUCCESS(mknod("socket", S_IFSOCK | 0644, 0));
  EXPECT_ERRNO(ENXIO, open("socket", O_RDONLY));
}
TEST_F(Open, ClosedEndOfAFifoIsClosedAtOnce) {
  ASSERT_SUCCESS(mkfifo("fifo", 0600));
  for (int i = 0; i < 500; ++i) {
    ASSERT_NE(-1, Fd(open("fifo", O_RDONLY | O_NONBLOCK)).get());
    ASSERT_EQ(-1, open("fifo", O_WRONLY | O_NONBLOCK)) << "after " << i;
    ASSERT_EQ(ENXIO, errno);
  }
}

}  // namespace
}  // namespace moat::conformance
