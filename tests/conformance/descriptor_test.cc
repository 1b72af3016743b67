// Descriptors: O_PATH, /proc/self/fd, directories read by descriptor, locks, limits, inotify,
// memfd.
#include <dirent.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstring>
#include <filesystem>
#include <set>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Descriptor : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    WriteFile("file", "content");
    ASSERT_SUCCESS(mkdir("dir", 0755));
  }
};

std::string SelfFd(int fd) { return "/proc/self/fd/" + std::to_string(fd); }
std::string LinkOf(int fd) { return std::filesystem::read_symlink(SelfFd(fd)).string(); }

TEST_F(Descriptor, FreezingIsForTheFileSystemsAdministrator) {
  for (const unsigned long request : {FIFREEZE, FITHAW}) {
    EXPECT_CHILD_ERRNO(EPERM, As({}, [request] {
                         const Fd fd(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
                         return ErrnoOf(ioctl(fd.get(), request, 0));
                       }));
  }
}
TEST_F(Descriptor, PathDescriptorCannotReadOrWrite) {
  Fd fd(open("file", O_PATH));
  char byte;
  EXPECT_ERRNO(EBADF, read(fd.get(), &byte, 1));
  EXPECT_ERRNO(EBADF, write(fd.get(), "x", 1));
  EXPECT_ERRNO(EBADF, ftruncate(fd.get(), 0));
  EXPECT_EQ(O_PATH, fcntl(fd.get(), F_GETFL) & O_PATH);
}
TEST_F(Descriptor, PathDescriptorNeedsNoPermissionOnTheFile) {
  ASSERT_SUCCESS(chmod("file", 0));
  EXPECT_CHILD_ERRNO(0, As({}, [] { return ErrnoOf(open("file", O_PATH)); }));
}
TEST_F(Descriptor, PathDescriptorOfLink) {
  ASSERT_SUCCESS(symlink("missing", "link"));
  Fd fd(open("link", O_PATH | O_NOFOLLOW));
  EXPECT_TRUE(fd.valid());
  EXPECT_ERRNO(ENOENT, open("link", O_PATH));
}
TEST_F(Descriptor, PathDescriptorIsUpgradedThroughProc) {
  Fd path(open("file", O_PATH));
  EXPECT_EQ("content", ReadFile(SelfFd(path.get())));
}
TEST_F(Descriptor, PathDescriptorCanBeStatted) {
  Fd fd(open("file", O_PATH));
  struct stat attributes {};
  EXPECT_SUCCESS(fstat(fd.get(), &attributes));
  EXPECT_EQ(7, attributes.st_size);
}
TEST_F(Descriptor, ManyPathDescriptorsKeepTheirNumbers) {
  std::vector<Fd> fds;
  for (int i = 0; i < 64; ++i) fds.emplace_back(open("file", O_PATH | O_CLOEXEC));
  for (size_t i = 1; i < fds.size(); ++i) EXPECT_EQ(fds[i - 1].get() + 1, fds[i].get());
  EXPECT_EQ(FD_CLOEXEC, fcntl(fds[0].get(), F_GETFD));
}

TEST_F(Descriptor, ProcLinkTellsThePath) {
  Fd fd(open("file", O_RDONLY));
  EXPECT_EQ(dir() + "/file", LinkOf(fd.get()));
  ASSERT_SUCCESS(rename("file", "moved"));
  EXPECT_EQ(dir() + "/moved", LinkOf(fd.get()));
  ASSERT_SUCCESS(unlink("moved"));
  EXPECT_EQ(dir() + "/moved (deleted)", LinkOf(fd.get()));
}
TEST_F(Descriptor, ProcLinkOfPipeSaysPipe) {
  int ends[2];
  ASSERT_SUCCESS(pipe(ends));
  EXPECT_EQ(0u, LinkOf(ends[0]).find("pipe:["));
  close(ends[0]);
  close(ends[1]);
}
TEST_F(Descriptor, ReopenGivesOwnOffset) {
  Fd first(open("file", O_RDONLY));
  char bytes[3];
  ASSERT_EQ(3, read(first.get(), bytes, 3));
  Fd second(open(SelfFd(first.get()).c_str(), O_RDONLY));
  EXPECT_EQ("content", ReadAll(second.get()));
}
TEST_F(Descriptor, ReopenOfUnlinkedFile) {
  Fd first(open("file", O_RDONLY));
  ASSERT_SUCCESS(unlink("file"));
  EXPECT_EQ("content", ReadFile(SelfFd(first.get())));
}
TEST_F(Descriptor, ReopenChecksPermission) {
  Fd fd(open("file", O_RDONLY));
  ASSERT_SUCCESS(chmod("file", 0444));
  EXPECT_CHILD_ERRNO(EACCES,
                     As({}, [&] { return ErrnoOf(open(SelfFd(fd.get()).c_str(), O_WRONLY)); }));
}
TEST_F(Descriptor, ReopenOfPipe) {
  int ends[2];
  ASSERT_SUCCESS(pipe(ends));
  Fd writer(open(SelfFd(ends[1]).c_str(), O_WRONLY));
  ASSERT_TRUE(writer.valid()) << NameOfErrno(errno);
  EXPECT_EQ(2, write(writer.get(), "ab", 2));
  char bytes[2];
  EXPECT_EQ(2, read(ends[0], bytes, 2));
  close(ends[0]);
  close(ends[1]);
}
TEST_F(Descriptor, DevFdIsProcSelfFd) {
  Fd fd(open("file", O_RDONLY));
  EXPECT_EQ("content", ReadFile("/dev/fd/" + std::to_string(fd.get())));
}
TEST_F(Descriptor, ProcFdListsTheOpenOnes) {
  Fd fd(open("file", O_RDONLY));
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    names.insert(entry.path().filename().string());
  }
  EXPECT_TRUE(names.count("0"));
  EXPECT_TRUE(names.count(std::to_string(fd.get())));
}
TEST_F(Descriptor, FdinfoTellsPositionAndFlags) {
  Fd fd(open("file", O_RDONLY));
  lseek(fd.get(), 5, SEEK_SET);
  const std::string info = ReadFile("/proc/self/fdinfo/" + std::to_string(fd.get()));
  EXPECT_NE(std::string::npos, info.find("pos:\t5\n"));
}

TEST_F(Descriptor, DirectoryListsItsEntriesWithTypes) {
  ASSERT_SUCCESS(symlink("file", "link"));
  std::set<std::string> seen;
  DIR* stream = opendir(".");
  while (const dirent* entry = readdir(stream)) {
    const char type = entry->d_type == DT_DIR ? 'd' : entry->d_type == DT_LNK ? 'l' : '-';
    seen.insert(entry->d_name + std::string(1, ' ') + type);
  }
  closedir(stream);
  EXPECT_EQ((std::set<std::string>{". d", ".. d", "dir d", "file -", "link l"}), seen);
}
TEST_F(Descriptor, DirectoryWithManyEntriesIsCompleteAndRewinds) {
  for (int i = 0; i < 2000; ++i) WriteFile("dir/" + std::to_string(i));
  DIR* stream = opendir("dir");
  for (int round = 0; round < 2; ++round) {
    std::set<std::string> names;
    while (const dirent* entry = readdir(stream)) names.insert(entry->d_name);
    EXPECT_EQ(2002u, names.size());
    rewinddir(stream);
  }
  closedir(stream);
}
TEST_F(Descriptor, DirectoryCannotBeReadAsFile) {
  Fd fd(open("dir", O_RDONLY));
  char byte;
  EXPECT_ERRNO(EISDIR, read(fd.get(), &byte, 1));
}
TEST_F(Descriptor, GetdentsOfFileIsEnotdir) {
  Fd fd(open("file", O_RDONLY));
  char buffer[256];
  EXPECT_ERRNO(ENOTDIR, syscall(SYS_getdents64, fd.get(), buffer, sizeof buffer));
}

TEST_F(Descriptor, DupSharesTheOffset) {
  Fd first(open("file", O_RDONLY));
  Fd second(dup(first.get()));
  lseek(first.get(), 4, SEEK_SET);
  EXPECT_EQ("ent", ReadAll(second.get()));
}
TEST_F(Descriptor, FlockExcludesOtherOpenings) {
  Fd first(open("file", O_RDONLY)), second(open("file", O_RDONLY));
  ASSERT_SUCCESS(flock(first.get(), LOCK_EX));
  EXPECT_ERRNO(EWOULDBLOCK, flock(second.get(), LOCK_EX | LOCK_NB));
  ASSERT_SUCCESS(flock(first.get(), LOCK_UN));
  EXPECT_SUCCESS(flock(second.get(), LOCK_EX | LOCK_NB));
}
TEST_F(Descriptor, RecordLocksExcludeOtherProcesses) {
  Fd fd(open("file", O_RDWR));
  struct flock lock {};
  lock.l_type = F_WRLCK;
  ASSERT_SUCCESS(fcntl(fd.get(), F_SETLK, &lock));
  EXPECT_CHILD_ERRNO(EAGAIN, InChild([] {
                       struct flock wanted {};
                       wanted.l_type = F_WRLCK;
                       Fd own(open("file", O_RDWR));
                       return ErrnoOf(fcntl(own.get(), F_SETLK, &wanted));
                     }));
}
TEST_F(Descriptor, MappedFileSeesWrites) {
  Fd fd(open("file", O_RDWR));
  void* map = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  ASSERT_NE(MAP_FAILED, map);
  std::memcpy(map, "CON", 3);
  EXPECT_EQ("CONtent", ReadFile("file"));
  munmap(map, 4096);
}
TEST_F(Descriptor, MemfdCanBeSealedAndReopened) {
  Fd fd(memfd_create("name", MFD_ALLOW_SEALING));
  ASSERT_EQ(3, write(fd.get(), "abc", 3));
  ASSERT_SUCCESS(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE));
  EXPECT_ERRNO(EPERM, write(fd.get(), "x", 1));
  EXPECT_EQ("abc", ReadFile(SelfFd(fd.get())));
  EXPECT_EQ("/memfd:name (deleted)", LinkOf(fd.get()));
}

class Watch : public Scratch {
 protected:
  // The names and masks that come within a second.
  std::vector<std::string> Events(int fd) {
    std::vector<std::string> events;
    pollfd wait{fd, POLLIN, 0};
    alignas(inotify_event) char buffer[4096];
    while (poll(&wait, 1, events.empty() ? 1000 : 20) == 1) {
      const ssize_t n = read(fd, buffer, sizeof buffer);
      for (ssize_t at = 0; at < n;) {
        inotify_event event;
        std::memcpy(&event, buffer + at, sizeof event);
        const std::string name = event.len != 0 ? buffer + at + sizeof event : "";
        events.push_back(name + ":" + std::to_string(event.mask & IN_ALL_EVENTS));
        at += static_cast<ssize_t>(sizeof event + event.len);
      }
    }
    return events;
  }
};

TEST_F(Watch, SeesCreationAndRemoval) {
  Fd fd(inotify_init1(IN_CLOEXEC));
  ASSERT_NE(-1, inotify_add_watch(fd.get(), ".", IN_CREATE | IN_DELETE));
  WriteFile("new");
  ASSERT_SUCCESS(unlink("new"));
  EXPECT_EQ((std::vector<std::string>{"new:256", "new:512"}), Events(fd.get()));
}
TEST_F(Watch, SeesModificationAndTruncation) {
  WriteFile("file", "x");
  Fd fd(inotify_init1(IN_CLOEXEC));
  ASSERT_NE(-1, inotify_add_watch(fd.get(), "file", IN_MODIFY));
  Fd writer(open("file", O_WRONLY | O_TRUNC));
  EXPECT_EQ((std::vector<std::string>{":2"}), Events(fd.get()));
}
TEST_F(Watch, ThroughProcOfADescriptor) {
  WriteFile("file", "x");
  ASSERT_SUCCESS(mkdir("folder", 0755));
  const Fd file(open("file", O_PATH | O_CLOEXEC)), folder(open("folder", O_PATH | O_CLOEXEC));
  const auto link = [](const Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); };
  Fd fd(inotify_init1(IN_CLOEXEC));
  ASSERT_NE(-1, inotify_add_watch(fd.get(), link(file).c_str(), IN_MODIFY));
  ASSERT_NE(-1, inotify_add_watch(fd.get(), link(folder).c_str(), IN_CREATE));
  WriteFile("folder/new");
  Fd writer(open("file", O_WRONLY | O_TRUNC));
  EXPECT_EQ((std::vector<std::string>{"new:256", ":2"}), Events(fd.get()));
}
TEST_F(Watch, ThroughProcNeedsReadPermission) {
  WriteFile("file", "x");
  ASSERT_SUCCESS(chmod("file", 0600));
  const Fd file(open("file", O_PATH | O_CLOEXEC));
  const std::string link = "/proc/self/fd/" + std::to_string(file.get());
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] {
                       const Fd fd(inotify_init1(IN_CLOEXEC));
                       return ErrnoOf(inotify_add_watch(fd.get(), link.c_str(), IN_MODIFY));
                     }));
}
TEST_F(Watch, SameFileGivesSameWatch) {
  WriteFile("file");
  Fd fd(inotify_init1(IN_CLOEXEC));
  const int watch = inotify_add_watch(fd.get(), "file", IN_MODIFY);
  EXPECT_EQ(watch, inotify_add_watch(fd.get(), "./file", IN_MODIFY));
  EXPECT_SUCCESS(inotify_rm_watch(fd.get(), watch));
}
TEST_F(Watch, Errors) {
  Fd fd(inotify_init1(IN_CLOEXEC));
  EXPECT_ERRNO(ENOENT, inotify_add_watch(fd.get(), "missing", IN_MODIFY));
  EXPECT_ERRNO(EBADF, inotify_add_watch(999, ".", IN_MODIFY));
  EXPECT_ERRNO(EINVAL, inotify_add_watch(0, ".", IN_MODIFY));
  EXPECT_ERRNO(EINVAL, inotify_add_watch(fd.get(), ".", 0));
  EXPECT_ERRNO(ENOTDIR, [&] {
    WriteFile("file");
    return inotify_add_watch(fd.get(), "file", IN_MODIFY | IN_ONLYDIR);
  }());
}

}  // namespace
}  // namespace moat::conformance
