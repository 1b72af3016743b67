// The symbolic links of /proc as files of their own: opened with O_PATH and O_NOFOLLOW, as those do
// who walk a path step by step; and what the links of /proc/PID/ns lead to.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <string>
#include <utility>
#include <vector>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

Fd OpenLink(const std::string& path) { return Fd(open(path.c_str(), O_PATH | O_NOFOLLOW)); }

// What readlinkat(2) gives, or the name of its errno.
std::string TextAt(int directory, const char* path) {
  char text[PATH_MAX];
  const ssize_t size = readlinkat(directory, path, text, sizeof text);
  return size < 0 ? NameOfErrno(errno) : std::string(text, static_cast<size_t>(size));
}
std::string TextOf(const std::string& path) { return TextAt(AT_FDCWD, path.c_str()); }
std::string LinkTo(const Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

// Of what is behind the link.
struct stat TargetStatOf(const std::string& path) {
  struct stat attributes {};
  EXPECT_SUCCESS(stat(path.c_str(), &attributes)) << path;
  return attributes;
}

struct Path {
  const char* name;
  const char* path;
};
void PrintTo(const Path& path, std::ostream* out) { *out << path.path; }

class ProcLinks : public Scratch {};
class EachProcLink : public Scratch, public ::testing::WithParamInterface<Path> {
 protected:
  const std::string path_ = GetParam().path;
};

INSTANTIATE_TEST_SUITE_P(
    Of, EachProcLink,
    ::testing::Values(Path{"self", "/proc/self"}, Path{"thread_self", "/proc/thread-self"},
                      Path{"mounts", "/proc/mounts"}, Path{"net", "/proc/net"},
                      Path{"exe", "/proc/self/exe"}, Path{"cwd", "/proc/self/cwd"},
                      Path{"root", "/proc/self/root"}, Path{"fd", "/proc/self/fd/0"},
                      Path{"ns", "/proc/self/ns/net"}, Path{"of_thread", "/proc/thread-self/cwd"}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST_P(EachProcLink, IsReadThroughItsDescriptor) {
  const Fd link = OpenLink(path_);
  ASSERT_TRUE(link) << NameOfErrno(errno);
  EXPECT_EQ(TextOf(path_), TextAt(link.get(), ""));
  char one;
  EXPECT_EQ(1, readlinkat(link.get(), "", &one, 1));
  EXPECT_EQ(TextOf(path_).substr(0, 1), std::string(1, one));
}
TEST_P(EachProcLink, HasTheIdentityThatLstatShows) {
  const struct stat by_path = StatOf(path_);
  const Fd link = OpenLink(path_);
  struct stat opened {};
  ASSERT_SUCCESS(fstatat(link.get(), "", &opened, AT_EMPTY_PATH));
  EXPECT_TRUE(S_ISLNK(opened.st_mode));
  EXPECT_EQ(by_path.st_ino, opened.st_ino);
  EXPECT_EQ(by_path.st_dev, opened.st_dev);
  ASSERT_SUCCESS(fstat(link.get(), &opened));
  EXPECT_TRUE(S_ISLNK(opened.st_mode));
  EXPECT_EQ(by_path.st_ino, StatOf(path_).st_ino);
}
TEST_P(EachProcLink, IsAFileOfProcfs) {
  struct statfs system {};
  ASSERT_SUCCESS(fstatfs(OpenLink(path_).get(), &system));
  EXPECT_EQ(PROC_SUPER_MAGIC, system.f_type);
}
TEST_P(EachProcLink, OpensItselfByPathOnly) {
  EXPECT_ERRNO(ELOOP, open(path_.c_str(), O_RDONLY | O_NOFOLLOW));
  EXPECT_ERRNO(ENOTDIR, open(path_.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY));
  const Fd link = OpenLink(path_);
  EXPECT_EQ(O_PATH, fcntl(link.get(), F_GETFL) & O_PATH);
  char byte;
  EXPECT_ERRNO(EBADF, read(link.get(), &byte, 1));
}
TEST_P(EachProcLink, LeadsNowhereByItsDescriptor) {
  const Fd link = OpenLink(path_);
  EXPECT_ERRNO(ENOTDIR, openat(link.get(), "status", O_RDONLY));
  EXPECT_ERRNO(ENOTDIR, fchdir(link.get()));
  EXPECT_ERRNO(ENOTDIR, faccessat(link.get(), "status", F_OK, 0));
  char* const none[] = {nullptr};
  EXPECT_ERRNO(ELOOP, syscall(SYS_execveat, link.get(), "", none, none, AT_EMPTY_PATH));
}
TEST_P(EachProcLink, IsReachedThroughTheLinkOfItsDescriptor) {
  const Fd link = OpenLink(path_);
  struct stat attributes {};
  ASSERT_SUCCESS(stat(LinkTo(link).c_str(), &attributes));
  EXPECT_TRUE(S_ISLNK(attributes.st_mode));
  EXPECT_ERRNO(ELOOP, open(LinkTo(link).c_str(), O_RDONLY));
  const Fd again(open(LinkTo(link).c_str(), O_PATH));
  ASSERT_TRUE(again) << NameOfErrno(errno);
  EXPECT_EQ(TextOf(path_), TextAt(again.get(), ""));
}

TEST_F(ProcLinks, AreNamedByTheLinksOfTheirDescriptors) {
  const std::string self = "/proc/" + std::to_string(getpid());
  EXPECT_EQ("/proc/self", TextOf(LinkTo(OpenLink("/proc/self"))));
  EXPECT_EQ(self + "/exe", TextOf(LinkTo(OpenLink("/proc/self/exe"))));
  EXPECT_EQ(self + "/fd/0", TextOf(LinkTo(OpenLink("/proc/self/fd/0"))));
}
TEST_F(ProcLinks, AreSteppedThroughOneByOne) {
  const Fd root(open("/", O_PATH | O_DIRECTORY));
  const Fd proc(openat(root.get(), "proc", O_PATH | O_NOFOLLOW));
  const Fd self(openat(proc.get(), "self", O_PATH | O_NOFOLLOW));
  const std::string number = TextAt(self.get(), "");
  EXPECT_EQ(std::to_string(getpid()), number);
  const Fd process(openat(proc.get(), number.c_str(), O_PATH | O_NOFOLLOW));
  const Fd cwd(openat(process.get(), "cwd", O_PATH | O_NOFOLLOW));
  EXPECT_EQ(dir(), TextAt(cwd.get(), ""));
}
TEST_F(ProcLinks, FollowWhatChangesAfterwards) {
  const Fd cwd = OpenLink("/proc/self/cwd");
  ASSERT_SUCCESS(mkdir("elsewhere", 0755));
  ASSERT_SUCCESS(chdir("elsewhere"));
  EXPECT_EQ(dir() + "/elsewhere", TextAt(cwd.get(), ""));
  Fd file(open(".", O_PATH));
  const Fd link = OpenLink(LinkTo(file));
  EXPECT_EQ(dir() + "/elsewhere", TextAt(link.get(), ""));
  file.Reset();
  EXPECT_EQ("ENOENT", TextAt(link.get(), ""));
}
TEST_F(ProcLinks, OfOthersAreOpenedByAnybodyAndReadByWhoMayTrace) {
  const std::string exe = "/proc/" + std::to_string(getpid()) + "/exe";
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] {
                       const Fd link = OpenLink(exe);
                       if (!link) return 199;
                       char text[PATH_MAX];
                       return ErrnoOf(readlinkat(link.get(), "", text, sizeof text));
                     }));
}
TEST_F(ProcLinks, CannotBeLinkedToByTheirDescriptors) {
  const Fd link = OpenLink("/proc/self/exe");
  EXPECT_ERRNO(EXDEV, linkat(link.get(), "", AT_FDCWD, "copy", AT_EMPTY_PATH));
}

constexpr Path kNamespaces[] = {{"cgroup", "/proc/self/ns/cgroup"}, {"ipc", "/proc/self/ns/ipc"},
                                {"mnt", "/proc/self/ns/mnt"},       {"net", "/proc/self/ns/net"},
                                {"pid", "/proc/self/ns/pid"},       {"time", "/proc/self/ns/time"},
                                {"user", "/proc/self/ns/user"},     {"uts", "/proc/self/ns/uts"}};

class ProcNamespaces : public Scratch, public ::testing::WithParamInterface<Path> {
 protected:
  const std::string path_ = GetParam().path;
};
INSTANTIATE_TEST_SUITE_P(Of, ProcNamespaces, ::testing::ValuesIn(kNamespaces),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST_P(ProcNamespaces, HaveTheNumberThatTheLinkShows) {
  const struct stat attributes = TargetStatOf(path_);
  EXPECT_TRUE(S_ISREG(attributes.st_mode));
  EXPECT_EQ(0444u, attributes.st_mode & 07777);
  EXPECT_EQ(1u, attributes.st_nlink);
  EXPECT_EQ(0, attributes.st_size);
  EXPECT_EQ(std::string(GetParam().name) + ":[" + std::to_string(attributes.st_ino) + "]",
            TextOf(path_));
  EXPECT_EQ(TargetStatOf("/proc/self/ns/user").st_dev, attributes.st_dev);
  EXPECT_TRUE(S_ISLNK(StatOf(path_).st_mode));
}
TEST_P(ProcNamespaces, AreTheSameForAChild) {
  const ino_t number = TargetStatOf(path_).st_ino;
  EXPECT_CHILD_ERRNO(0, InChild([&] { return TargetStatOf(path_).st_ino == number ? 0 : EINVAL; }));
}
TEST_P(ProcNamespaces, AreAccessible) {
  EXPECT_SUCCESS(access(path_.c_str(), F_OK));
  EXPECT_SUCCESS(access(path_.c_str(), R_OK));
  EXPECT_ERRNO(EACCES, access(path_.c_str(), X_OK));
  EXPECT_ERRNO(EPERM, access(path_.c_str(), W_OK));
  EXPECT_CHILD_ERRNO(EPERM, As({}, [&] { return ErrnoOf(access(path_.c_str(), W_OK)); }));
}
TEST_P(ProcNamespaces, LieOnAFileSystemOfTheirOwn) {
  struct statfs system {};
  ASSERT_SUCCESS(statfs(path_.c_str(), &system));
  EXPECT_EQ(NSFS_MAGIC, system.f_type);
}
TEST_P(ProcNamespaces, AreNoDirectories) {
  struct stat attributes;
  EXPECT_ERRNO(ENOTDIR, stat((path_ + "/").c_str(), &attributes));
  EXPECT_ERRNO(ENOTDIR, stat((path_ + "/x").c_str(), &attributes));
  EXPECT_ERRNO(ENOTDIR, open(path_.c_str(), O_RDONLY | O_DIRECTORY));
  EXPECT_ERRNO(ENOTDIR, chdir(path_.c_str()));
}
TEST_F(ProcLinks, ToNamespacesOfOthersAreForWhoMayTrace) {
  const std::string path = "/proc/" + std::to_string(getpid()) + "/ns/net";
  struct stat attributes;
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] { return ErrnoOf(stat(path.c_str(), &attributes)); }));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] { return ErrnoOf(access(path.c_str(), F_OK)); }));
}

}  // namespace
}  // namespace moat::conformance
