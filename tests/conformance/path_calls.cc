#include "tests/conformance/path_calls.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

// Where the calls with two paths have their other one: in the case's own folder, by its full name.
constexpr char kOtherFile[] = "/tmp/other_file";
constexpr char kOtherNew[] = "/tmp/other_new";
constexpr char kAttribute[] = "user.moat";
constexpr time_t kTime = 1234567;

long Raw(long nr, long a = 0, const void* b = nullptr, long c = 0, long d = 0) {
  return syscall(nr, a, b, c, d);
}

// The result of an open: closed again.
int Opened(long fd) {
  const int error = ErrnoOf(fd);
  if (fd >= 0) close(static_cast<int>(fd));
  return error;
}
int OpenHow(int base, const char* path, uint64_t flags) {
  open_how how{};
  how.flags = flags;
  return Opened(syscall(SYS_openat2, base, path, &how, sizeof how));
}
int Executed(int base, const char* path, bool at) {
  return InChild([&] {
    char* const argv[] = {const_cast<char*>("static"), const_cast<char*>("exit"),
                          const_cast<char*>("0"), nullptr};
    char* const envp[] = {nullptr};
    if (at) {
      execveat(base, path, argv, envp, 0);
    } else {
      execve(path, argv, envp);
    }
    return errno;
  });
}
int Watched(const char* path) {
  Fd inotify(inotify_init1(IN_CLOEXEC));
  return ErrnoOf(inotify_add_watch(inotify.get(), path, IN_MODIFY));
}
struct stat Attributes(const std::string& path, bool follow) {
  struct stat attributes {};
  if ((follow ? stat : lstat)(path.c_str(), &attributes) != 0) attributes.st_mode = 0;
  return attributes;
}
constexpr timespec kTimes[2] = {{kTime, 0}, {kTime, 0}};
constexpr timeval kOldTimes[2] = {{kTime, 0}, {kTime, 0}};

bool IsThere(const std::string& path) { return Exists(path); }
bool IsGone(const std::string& path) { return !Exists(path); }
bool IsDirectory(const std::string& path) { return S_ISDIR(Attributes(path, true).st_mode); }
bool IsFifo(const std::string& path) { return S_ISFIFO(Attributes(path, false).st_mode); }
bool IsLink(const std::string& path) { return S_ISLNK(Attributes(path, false).st_mode); }
bool IsLinked(const std::string& path) { return Attributes(path, false).st_nlink == 2; }
bool IsCut(const std::string& path) { return Attributes(path, true).st_size == 3; }
bool HasMode(const std::string& path) { return (Attributes(path, true).st_mode & 07777) == 0640; }
bool HasOwner(const std::string& path) { return Attributes(path, true).st_uid == 7; }
bool LinkHasOwner(const std::string& path) { return Attributes(path, false).st_uid == 7; }
bool HasTime(const std::string& path) { return Attributes(path, true).st_mtime == kTime; }
bool HasAttribute(const std::string& path) {
  return getxattr(path.c_str(), kAttribute, nullptr, 0) == 3;
}
bool LacksAttribute(const std::string& path) {
  return getxattr(path.c_str(), kAttribute, nullptr, 0) == -1 && errno == ENODATA;
}

int Forget(int error) {  // the second path of rename and link, for the next case
  unlink(kOtherNew);
  unlink(kOtherFile);
  return error;
}
int FromOther(const char* path, int (*call)(const char*, const char*)) {
  WriteFile(kOtherFile, "other");
  return Forget(ErrnoOf(call(kOtherFile, path)));
}
int ToOther(const char* path, int (*call)(const char*, const char*)) {
  return ErrnoOf(call(path, kOtherNew));
}

using T = Target;
// clang-format off
const PathCall kCalls[] = {
  {"open", T::kFile, false, true, [](int, const char* p) { return Opened(syscall(SYS_open, p, O_RDWR, 0)); }, nullptr},
  {"open_create", T::kNothing, false, true, [](int, const char* p) { return Opened(syscall(SYS_open, p, O_RDWR | O_CREAT, 0644)); }, IsThere},
  {"open_exclusive", T::kNothing, false, false, [](int, const char* p) { return Opened(syscall(SYS_open, p, O_RDWR | O_CREAT | O_EXCL, 0644)); }, IsThere},
  {"open_path", T::kFile, false, true, [](int, const char* p) { return Opened(syscall(SYS_open, p, O_PATH, 0)); }, nullptr},
  {"open_directory", T::kDirectory, false, true, [](int, const char* p) { return Opened(syscall(SYS_open, p, O_RDONLY | O_DIRECTORY, 0)); }, nullptr},
  {"open_tmpfile", T::kDirectory, false, true, [](int, const char* p) { return Opened(syscall(SYS_open, p, O_RDWR | O_TMPFILE, 0600)); }, nullptr},
  {"creat", T::kNothing, false, true, [](int, const char* p) { return Opened(syscall(SYS_creat, p, 0644)); }, IsThere},
  {"stat", T::kFile, false, true, [](int, const char* p) { struct stat s; return ErrnoOf(syscall(SYS_stat, p, &s)); }, nullptr},
  {"lstat", T::kFile, false, false, [](int, const char* p) { struct stat s; return ErrnoOf(syscall(SYS_lstat, p, &s)); }, nullptr},
  {"access", T::kFile, false, true, [](int, const char* p) { return ErrnoOf(syscall(SYS_access, p, R_OK)); }, nullptr},
  {"readlink", T::kLink, false, false, [](int, const char* p) { char b[64]; return ErrnoOf(syscall(SYS_readlink, p, b, sizeof b)); }, nullptr},
  {"truncate", T::kFile, false, true, [](int, const char* p) { return ErrnoOf(syscall(SYS_truncate, p, 3)); }, IsCut},
  {"chdir", T::kDirectory, false, true, [](int, const char* p) { return InChild([p] { return ErrnoOf(chdir(p)); }); }, nullptr},
  {"chroot", T::kDirectory, false, true, [](int, const char* p) { return InChild([p] { return ErrnoOf(chroot(p)); }); }, nullptr},
  {"mkdir", T::kNothing, false, false, [](int, const char* p) { return ErrnoOf(syscall(SYS_mkdir, p, 0755)); }, IsDirectory},
  {"rmdir", T::kDirectory, false, false, [](int, const char* p) { return ErrnoOf(syscall(SYS_rmdir, p)); }, IsGone},
  {"unlink", T::kFile, false, false, [](int, const char* p) { return ErrnoOf(syscall(SYS_unlink, p)); }, IsGone},
  {"rename_from", T::kFile, false, false, [](int, const char* p) { return Forget(ToOther(p, rename)); }, IsGone},
  {"rename_to", T::kNothing, false, false, [](int, const char* p) { return FromOther(p, rename); }, IsThere},
  {"link_from", T::kFile, false, false, [](int, const char* p) { return ToOther(p, link); }, IsLinked},
  {"link_to", T::kNothing, false, false, [](int, const char* p) { return FromOther(p, link); }, IsThere},
  {"symlink", T::kNothing, false, false, [](int, const char* p) { return ErrnoOf(syscall(SYS_symlink, "text", p)); }, IsLink},
  {"mknod", T::kNothing, false, false, [](int, const char* p) { return ErrnoOf(syscall(SYS_mknod, p, S_IFIFO | 0644, 0)); }, IsFifo},
  {"chmod", T::kFile, false, true, [](int, const char* p) { return ErrnoOf(syscall(SYS_chmod, p, 0640)); }, HasMode},
  {"chown", T::kFile, false, true, [](int, const char* p) { return ErrnoOf(syscall(SYS_chown, p, 7, 7)); }, HasOwner},
  {"lchown", T::kLink, false, false, [](int, const char* p) { return ErrnoOf(syscall(SYS_lchown, p, 7, 7)); }, LinkHasOwner},
  {"utime", T::kFile, false, true, [](int, const char* p) { const utimbuf t{kTime, kTime}; return ErrnoOf(syscall(SYS_utime, p, &t)); }, HasTime},
  {"utimes", T::kFile, false, true, [](int, const char* p) { return ErrnoOf(syscall(SYS_utimes, p, kOldTimes)); }, HasTime},
  {"statfs", T::kFile, false, true, [](int, const char* p) { struct statfs s; return ErrnoOf(syscall(SYS_statfs, p, &s)); }, nullptr},
  {"setxattr", T::kFile, false, true, [](int, const char* p) { return ErrnoOf(setxattr(p, kAttribute, "abc", 3, 0)); }, HasAttribute},
  {"lsetxattr", T::kFile, false, false, [](int, const char* p) { return ErrnoOf(lsetxattr(p, kAttribute, "abc", 3, 0)); }, HasAttribute},
  {"getxattr", T::kAttributed, false, true, [](int, const char* p) { return ErrnoOf(getxattr(p, kAttribute, nullptr, 0)); }, nullptr},
  {"lgetxattr", T::kAttributed, false, false, [](int, const char* p) { return ErrnoOf(lgetxattr(p, kAttribute, nullptr, 0)); }, nullptr},
  {"listxattr", T::kAttributed, false, true, [](int, const char* p) { return ErrnoOf(listxattr(p, nullptr, 0)); }, nullptr},
  {"llistxattr", T::kAttributed, false, false, [](int, const char* p) { return ErrnoOf(llistxattr(p, nullptr, 0)); }, nullptr},
  {"removexattr", T::kAttributed, false, true, [](int, const char* p) { return ErrnoOf(removexattr(p, kAttribute)); }, LacksAttribute},
  {"lremovexattr", T::kAttributed, false, false, [](int, const char* p) { return ErrnoOf(lremovexattr(p, kAttribute)); }, LacksAttribute},
  {"execve", T::kProgram, false, true, [](int, const char* p) { return Executed(AT_FDCWD, p, false); }, nullptr},
  {"inotify_add_watch", T::kFile, false, true, [](int, const char* p) { return Watched(p); }, nullptr},
  {"openat", T::kFile, true, true, [](int b, const char* p) { return Opened(Raw(SYS_openat, b, p, O_RDONLY)); }, nullptr},
  {"openat_create", T::kNothing, true, true, [](int b, const char* p) { return Opened(Raw(SYS_openat, b, p, O_WRONLY | O_CREAT, 0600)); }, IsThere},
  {"openat2", T::kFile, true, true, [](int b, const char* p) { return OpenHow(b, p, O_RDONLY); }, nullptr},
  {"newfstatat", T::kFile, true, true, [](int b, const char* p) { struct stat s; return ErrnoOf(syscall(SYS_newfstatat, b, p, &s, 0)); }, nullptr},
  {"newfstatat_nofollow", T::kFile, true, false, [](int b, const char* p) { struct stat s; return ErrnoOf(syscall(SYS_newfstatat, b, p, &s, AT_SYMLINK_NOFOLLOW)); }, nullptr},
  {"statx", T::kFile, true, true, [](int b, const char* p) { struct statx s; return ErrnoOf(syscall(SYS_statx, b, p, 0, STATX_BASIC_STATS, &s)); }, nullptr},
  {"statx_nofollow", T::kFile, true, false, [](int b, const char* p) { struct statx s; return ErrnoOf(syscall(SYS_statx, b, p, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &s)); }, nullptr},
  {"faccessat", T::kFile, true, true, [](int b, const char* p) { return ErrnoOf(Raw(SYS_faccessat, b, p, W_OK)); }, nullptr},
  {"faccessat2", T::kFile, true, true, [](int b, const char* p) { return ErrnoOf(Raw(SYS_faccessat2, b, p, W_OK, AT_EACCESS)); }, nullptr},
  {"faccessat2_nofollow", T::kFile, true, false, [](int b, const char* p) { return ErrnoOf(Raw(SYS_faccessat2, b, p, F_OK, AT_SYMLINK_NOFOLLOW)); }, nullptr},
  {"readlinkat", T::kLink, true, false, [](int b, const char* p) { char t[64]; return ErrnoOf(syscall(SYS_readlinkat, b, p, t, sizeof t)); }, nullptr},
  {"mkdirat", T::kNothing, true, false, [](int b, const char* p) { return ErrnoOf(Raw(SYS_mkdirat, b, p, 0755)); }, IsDirectory},
  {"mknodat", T::kNothing, true, false, [](int b, const char* p) { return ErrnoOf(Raw(SYS_mknodat, b, p, S_IFIFO | 0600)); }, IsFifo},
  {"unlinkat", T::kFile, true, false, [](int b, const char* p) { return ErrnoOf(Raw(SYS_unlinkat, b, p, 0)); }, IsGone},
  {"unlinkat_directory", T::kDirectory, true, false, [](int b, const char* p) { return ErrnoOf(Raw(SYS_unlinkat, b, p, AT_REMOVEDIR)); }, IsGone},
  {"renameat_from", T::kFile, true, false, [](int b, const char* p) { return Forget(ErrnoOf(renameat(b, p, AT_FDCWD, kOtherNew))); }, IsGone},
  {"renameat2_to", T::kNothing, true, false, [](int b, const char* p) { WriteFile(kOtherFile); return Forget(ErrnoOf(renameat2(AT_FDCWD, kOtherFile, b, p, RENAME_NOREPLACE))); }, IsThere},
  {"renameat2_exchange", T::kFile, true, false, [](int b, const char* p) { WriteFile(kOtherFile, "abc"); return Forget(ErrnoOf(renameat2(AT_FDCWD, kOtherFile, b, p, RENAME_EXCHANGE))); }, IsCut},
  {"linkat_from", T::kFile, true, false, [](int b, const char* p) { return ErrnoOf(linkat(b, p, AT_FDCWD, kOtherNew, 0)); }, IsLinked},
  {"linkat_follow", T::kFile, true, true, [](int b, const char* p) { return ErrnoOf(linkat(b, p, AT_FDCWD, kOtherNew, AT_SYMLINK_FOLLOW)); }, IsLinked},
  {"linkat_to", T::kNothing, true, false, [](int b, const char* p) { WriteFile(kOtherFile); return Forget(ErrnoOf(linkat(AT_FDCWD, kOtherFile, b, p, 0))); }, IsThere},
  {"symlinkat", T::kNothing, true, false, [](int b, const char* p) { return ErrnoOf(symlinkat("text", b, p)); }, IsLink},
  {"fchmodat", T::kFile, true, true, [](int b, const char* p) { return ErrnoOf(Raw(SYS_fchmodat, b, p, 0640)); }, HasMode},
  {"fchmodat2", T::kFile, true, true, [](int b, const char* p) { return ErrnoOf(Raw(452, b, p, 0640, 0)); }, HasMode},
  {"fchownat", T::kFile, true, true, [](int b, const char* p) { return ErrnoOf(fchownat(b, p, 7, 7, 0)); }, HasOwner},
  {"fchownat_nofollow", T::kLink, true, false, [](int b, const char* p) { return ErrnoOf(fchownat(b, p, 7, 7, AT_SYMLINK_NOFOLLOW)); }, LinkHasOwner},
  {"utimensat", T::kFile, true, true, [](int b, const char* p) { return ErrnoOf(syscall(SYS_utimensat, b, p, kTimes, 0)); }, HasTime},
  {"utimensat_nofollow", T::kFile, true, false, [](int b, const char* p) { return ErrnoOf(syscall(SYS_utimensat, b, p, kTimes, AT_SYMLINK_NOFOLLOW)); }, HasTime},
  {"futimesat", T::kFile, true, true, [](int b, const char* p) { return ErrnoOf(syscall(SYS_futimesat, b, p, kOldTimes)); }, HasTime},
  {"execveat", T::kProgram, true, true, [](int b, const char* p) { return Executed(b, p, true); }, nullptr},
};
// clang-format on

}  // namespace

std::ostream& operator<<(std::ostream& out, const PathCall& call) { return out << call.name; }

std::vector<PathCall> PathCalls() { return {std::begin(kCalls), std::end(kCalls)}; }
std::vector<PathCall> PathCallsWithBase() {
  std::vector<PathCall> calls;
  std::copy_if(std::begin(kCalls), std::end(kCalls), std::back_inserter(calls),
               [](const PathCall& call) { return call.has_base; });
  return calls;
}

void MakeTarget(Target target, const std::string& path) {
  unlink(kOtherNew);
  switch (target) {
    case Target::kNothing:
      break;
    case Target::kFile:
      WriteFile(path, "content");
      break;
    case Target::kDirectory:
      ASSERT_SUCCESS(mkdir(path.c_str(), 0755));
      break;
    case Target::kLink:
      ASSERT_SUCCESS(symlink("nowhere", path.c_str()));
      break;
    case Target::kAttributed:
      WriteFile(path, "content");
      ASSERT_SUCCESS(setxattr(path.c_str(), kAttribute, "abc", 3, 0));
      break;
    case Target::kProgram:
      WriteFile(path, ReadFile(Probe("static")), 0755);
      break;
  }
}

}  // namespace moat::conformance
