#include "runtime/rootfs/copy_up.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/fd.h"
#include "base/status.h"

namespace moat::rootfs {
namespace {

constexpr int kDeepest = 200;  // directories within each other; each holds two descriptors

// A name in `directory`, never through a symlink; `resolve` may forbid other mounts, too.
absl::StatusOr<Fd> OpenEntry(int directory, const std::string& name, uint64_t flags,
                             uint64_t resolve) {
  open_how how = {};
  how.flags = flags | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | resolve;
  Fd fd(static_cast<int>(::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof(how))));
  if (!fd) return ErrnoStatus(errno, "openat2", name);
  return fd;
}

// How much of what is there is copied, and what becomes of the rest.
class Copier {
 public:
  // Everything in one mount; else as far as the caller may (CopyReadable).
  Copier() = default;
  Copier(const std::vector<std::string>& left_out, uint64_t most_bytes)
      : lenient_(true), left_out_(left_out.begin(), left_out.end()), bytes_left_(most_bytes) {}

  // `path`: of the directory below where the copy began; "" there.
  absl::Status CopyDirectory(int from, int to, const std::string& path, int depth);

 private:
  absl::StatusOr<Fd> OpenSource(int directory, const std::string& name, uint64_t flags) const;
  absl::Status CopyAttributes(int to, const std::string& name, const struct stat& from) const;
  absl::Status CopyData(int from, int to, const std::string& name);
  absl::Status CopyFile(const Fd& source, int to, const std::string& name);
  absl::Status CopySubdirectory(const Fd& source, int to, const std::string& name,
                                const std::string& path, int depth);
  absl::Status CopyEntry(int from, int to, const std::string& name, const std::string& path,
                         int depth);
  absl::Status MakeCopy(const struct stat& attributes, int from, int to, const std::string& name,
                        const std::string& path, int depth);

  bool lenient_ = false;
  std::set<std::string> left_out_;
  uint64_t bytes_left_ = UINT64_MAX;
};

// Should a pipe have come in a file's place, O_NONBLOCK doesn't wait for a writer.
absl::StatusOr<Fd> Copier::OpenSource(int directory, const std::string& name,
                                      uint64_t flags) const {
  return OpenEntry(directory, name, flags | O_RDONLY | O_NONBLOCK, lenient_ ? 0 : RESOLVE_NO_XDEV);
}

absl::Status Copier::CopyAttributes(int to, const std::string& name,
                                    const struct stat& from) const {
  // EINVAL: the caller's user namespace has no such id.
  if (::fchownat(to, name.c_str(), from.st_uid, from.st_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
      !(lenient_ && errno == EINVAL)) {
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

absl::Status Copier::CopyData(int from, int to, const std::string& name) {
  for (;;) {
    char block[64 * 1024];
    const ssize_t size = ::read(from, block, sizeof(block));
    if (size < 0) return ErrnoStatus(errno, "read", name);
    if (size == 0) return absl::OkStatus();
    if (static_cast<uint64_t>(size) > bytes_left_) return ErrnoStatus(EFBIG, "copy", name);
    bytes_left_ -= static_cast<uint64_t>(size);
    for (ssize_t done = 0; done < size;) {
      const ssize_t written = ::write(to, block + done, static_cast<size_t>(size - done));
      if (written < 0) return ErrnoStatus(errno, "write", name);
      done += written;
    }
  }
}

absl::Status Copier::CopyFile(const Fd& source, int to, const std::string& name) {
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

absl::Status Copier::CopySubdirectory(const Fd& source, int to, const std::string& name,
                                      const std::string& path, int depth) {
  if (depth == kDeepest) return ErrnoStatus(ELOOP, "copy", name);
  ASSIGN_OR_RETURN(const Fd copy, OpenEntry(to, name, O_RDONLY | O_DIRECTORY, RESOLVE_NO_XDEV));
  return CopyDirectory(source.get(), copy.get(), path, depth + 1);
}

absl::Status Copier::MakeCopy(const struct stat& attributes, int from, int to,
                              const std::string& name, const std::string& path, int depth) {
  const mode_t type = attributes.st_mode & S_IFMT;
  if (type == S_IFLNK) return CopyLink(from, to, name);
  if (type == S_IFIFO) {
    if (::mknodat(to, name.c_str(), S_IFIFO | 0600, 0) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "mknodat", name);
  }
  const absl::StatusOr<Fd> source =
      OpenSource(from, name, type == S_IFDIR ? O_DIRECTORY : uint64_t{0});
  const bool empty = type == S_IFDIR && StatusErrno(source.status()) == EXDEV;
  if (!source.ok() && !empty) return source.status();
  if (type == S_IFREG) return CopyFile(*source, to, name);
  if (::mkdirat(to, name.c_str(), 0700) < 0) return ErrnoStatus(errno, "mkdirat", name);
  return empty ? absl::OkStatus() : CopySubdirectory(*source, to, name, path, depth);
}

absl::Status Copier::CopyEntry(int from, int to, const std::string& name, const std::string& path,
                               int depth) {
  struct stat attributes;
  if (::fstatat(from, name.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) < 0) {
    return ErrnoStatus(errno, "fstatat", name);
  }
  const mode_t type = attributes.st_mode & S_IFMT;
  if (type != S_IFREG && type != S_IFLNK && type != S_IFDIR && type != S_IFIFO) {
    return absl::OkStatus();
  }
  const absl::Status status = MakeCopy(attributes, from, to, name, path, depth);
  // Nothing was made yet.
  if (lenient_ && StatusErrno(status) == EACCES) return absl::OkStatus();
  RETURN_IF_ERROR(status);
  return CopyAttributes(to, name, attributes);
}

absl::Status Copier::CopyDirectory(int from, int to, const std::string& path, int depth) {
  const int stream_fd = ::fcntl(from, F_DUPFD_CLOEXEC, 0);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(stream_fd < 0 ? nullptr : ::fdopendir(stream_fd),
                                                   ::closedir);
  if (!stream) return ErrnoStatus(errno, "fdopendir", "");
  for (errno = 0; const dirent* entry = ::readdir(stream.get()); errno = 0) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string below = path.empty() ? name : absl::StrCat(path, "/", name);
    if (left_out_.count(below) != 0) continue;
    RETURN_IF_ERROR(CopyEntry(from, to, name, below, depth));
  }
  return errno == 0 ? absl::OkStatus() : ErrnoStatus(errno, "readdir", "");
}

absl::Status Copy(Copier copier, int from, int to) {
  ASSIGN_OR_RETURN(const Fd source, OpenEntry(from, ".", O_RDONLY | O_DIRECTORY, RESOLVE_NO_XDEV));
  ASSIGN_OR_RETURN(const Fd copy, OpenEntry(to, ".", O_RDONLY | O_DIRECTORY, RESOLVE_NO_XDEV));
  return copier.CopyDirectory(source.get(), copy.get(), "", 0);
}

}  // namespace

absl::Status CopyUp(int from, int to) { return Copy(Copier(), from, to); }

absl::Status CopyReadable(int from, int to, const std::vector<std::string>& left_out,
                          uint64_t most_bytes) {
  return Copy(Copier(left_out, most_bytes), from, to);
}

}  // namespace moat::rootfs
