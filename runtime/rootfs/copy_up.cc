#include "runtime/rootfs/copy_up.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/status.h"

namespace moat::rootfs {
namespace {

constexpr int kDeepest = 200;  // directories within each other; each holds two descriptors

// A name in `directory`, never through a symlink or onto another mount.
absl::StatusOr<Fd> OpenEntry(int directory, const std::string& name, uint64_t flags) {
  open_how how = {};
  how.flags = flags | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  Fd fd(static_cast<int>(::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof(how))));
  if (!fd) return ErrnoStatus(errno, "openat2", name);
  return fd;
}

absl::Status CopyAttributes(int to, const std::string& name, const struct stat& from) {
  if (::fchownat(to, name.c_str(), from.st_uid, from.st_gid, AT_SYMLINK_NOFOLLOW) < 0) {
    return ErrnoStatus(errno, "fchownat", name);
  }
  // After the owner, whose change takes the set-id bits away.
  if (!S_ISLNK(from.st_mode) && ::fchmodat(to, name.c_str(), from.st_mode & 07777, 0) < 0) {
    return ErrnoStatus(errno, "fchmodat", name);
  }
  const timespec times[2] = {from.st_atim, from.st_mtim};
  if (::utimensat(to, name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) {
    return ErrnoStatus(errno, "utimensat", name);
  }
  return absl::OkStatus();
}

absl::Status CopyData(int from, int to, const std::string& name) {
  for (;;) {
    char block[64 * 1024];
    const ssize_t size = ::read(from, block, sizeof(block));
    if (size < 0) return ErrnoStatus(errno, "read", name);
    if (size == 0) return absl::OkStatus();
    for (ssize_t done = 0; done < size;) {
      const ssize_t written = ::write(to, block + done, static_cast<size_t>(size - done));
      if (written < 0) return ErrnoStatus(errno, "write", name);
      done += written;
    }
  }
}

absl::Status CopyFile(int from, int to, const std::string& name) {
  // Should a pipe have come in the file's place, this doesn't wait for a writer.
  ASSIGN_OR_RETURN(const Fd source, OpenEntry(from, name, O_RDONLY | O_NONBLOCK));
  const Fd copy(
      ::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!copy) return ErrnoStatus(errno, "openat", name);
  return CopyData(source.get(), copy.get(), name);
}

absl::Status CopyLink(int from, int to, const std::string& name) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = ::readlinkat(from, name.c_str(), target.data(), target.size());
  if (size < 0) return ErrnoStatus(errno, "readlinkat", name);
  target.resize(static_cast<size_t>(size));
  if (::symlinkat(target.c_str(), to, name.c_str()) < 0)
    return ErrnoStatus(errno, "symlinkat", name);
  return absl::OkStatus();
}

absl::Status CopyDirectory(int from, int to, int depth);

absl::Status CopySubdirectory(int from, int to, const std::string& name, int depth) {
  if (depth == kDeepest) return ErrnoStatus(ELOOP, "copy", name);
  const absl::StatusOr<Fd> source = OpenEntry(from, name, O_RDONLY | O_DIRECTORY);
  if (StatusErrno(source.status()) == EXDEV) return absl::OkStatus();
  if (!source.ok()) return source.status();
  ASSIGN_OR_RETURN(const Fd copy, OpenEntry(to, name, O_RDONLY | O_DIRECTORY));
  return CopyDirectory(source->get(), copy.get(), depth + 1);
}

absl::Status CopyEntry(int from, int to, const std::string& name, int depth) {
  struct stat attributes;
  if (::fstatat(from, name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) < 0) {
    return ErrnoStatus(errno, "fstatat", name);
  }
  switch (attributes.st_mode & S_IFMT) {
    case S_IFREG:
      RETURN_IF_ERROR(CopyFile(from, to, name));
      break;
    case S_IFLNK:
      RETURN_IF_ERROR(CopyLink(from, to, name));
      break;
    case S_IFDIR:
      if (::mkdirat(to, name.c_str(), 0700) < 0) return ErrnoStatus(errno, "mkdirat", name);
      RETURN_IF_ERROR(CopySubdirectory(from, to, name, depth));
      break;
    case S_IFIFO:
      if (::mknodat(to, name.c_str(), S_IFIFO | 0600, 0) < 0) {
        return ErrnoStatus(errno, "mknodat", name);
      }
      break;
    default:
      return absl::OkStatus();
  }
  return CopyAttributes(to, name, attributes);
}

absl::Status CopyDirectory(int from, int to, int depth) {
  const int stream_fd = ::fcntl(from, F_DUPFD_CLOEXEC, 0);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(stream_fd < 0 ? nullptr : ::fdopendir(stream_fd),
                                                   ::closedir);
  if (!stream) return ErrnoStatus(errno, "fdopendir", "");
  for (errno = 0; const dirent* entry = ::readdir(stream.get()); errno = 0) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    RETURN_IF_ERROR(CopyEntry(from, to, name, depth));
  }
  return errno == 0 ? absl::OkStatus() : ErrnoStatus(errno, "readdir", "");
}

}  // namespace

absl::Status CopyUp(int from, int to) {
  ASSIGN_OR_RETURN(const Fd source, OpenEntry(from, ".", O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const Fd copy, OpenEntry(to, ".", O_RDONLY | O_DIRECTORY));
  return CopyDirectory(source.get(), copy.get(), 0);
}

}  // namespace moat::rootfs
