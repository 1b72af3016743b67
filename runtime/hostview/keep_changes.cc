#include "runtime/hostview/keep_changes.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace moat::hostview {
namespace {

constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
// Deeper trees would need more descriptors than we may have.
constexpr int kMaxDepth = 400;

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

bool IsWhiteout(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

absl::StatusOr<std::vector<std::string>> Names(int directory) {
  Fd copy(::openat(directory, ".", kOpenDirectory));
  if (!copy) return ErrnoStatus(errno, "open", "a changed directory");
  const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(copy.get()));
  if (!stream) return ErrnoStatus(errno, "fdopendir", "a changed directory");
  static_cast<void>(copy.Release());
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status CopyFile(int from, int to, const std::string& name, mode_t mode) {
  const Fd source(::openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!source) return ErrnoStatus(errno, "open", name);
  const Fd target(::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!target) return ErrnoStatus(errno, "create", name);
  ssize_t copied;
  do {
    copied = ::sendfile(target.get(), source.get(), nullptr, 1 << 20);
  } while (copied > 0 || (copied < 0 && errno == EINTR));
  if (copied < 0) return ErrnoStatus(errno, "copy", name);
  if (::fchmod(target.get(), mode & 0777) < 0) return ErrnoStatus(errno, "chmod", name);
  return absl::OkStatus();
}

absl::Status CopyLink(int from, int to, const std::string& name) {
  char target[PATH_MAX];
  const ssize_t length = ::readlinkat(from, name.c_str(), target, sizeof(target) - 1);
  if (length < 0) return ErrnoStatus(errno, "readlink", name);
  target[length] = '\0';
  if (::symlinkat(target, to, name.c_str()) < 0) return ErrnoStatus(errno, "symlink", name);
  return absl::OkStatus();
}

// `keep`/`path`, made where it is missing; `path` comes from us.
absl::StatusOr<Fd> MakeDirectories(int keep, const std::string& path) {
  Fd directory(::openat(keep, ".", kOpenDirectory));
  for (absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    const std::string name(part);
    if (::mkdirat(directory.get(), name.c_str(), 0755) < 0 && errno != EEXIST) {
      return ErrnoStatus(errno, "mkdir", name);
    }
    directory = Fd(::openat(directory.get(), name.c_str(), kOpenDirectory));
    if (!directory) return ErrnoStatus(errno, "open", name);
  }
  return directory;
}

class Copier {
 public:
  explicit Copier(const ChangedLayer& layer) : layer_(layer) {}

  absl::Status CopyDirectory(int from, int to, const std::string& path, int depth);
  const std::vector<std::string>& deleted() const { return deleted_; }

 private:
  absl::Status CopyEntry(int from, int to, const std::string& name, const std::string& path,
                         int depth);

  const ChangedLayer& layer_;
  std::vector<std::string> deleted_;  // relative to the layer
};

absl::Status Copier::CopyDirectory(int from, int to, const std::string& path, int depth) {
  if (depth > kMaxDepth) return absl::OutOfRangeError(absl::StrCat(path, ": nested too deeply"));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(from));
  for (const std::string& name : names) {
    const std::string inner = path.empty() ? name : absl::StrCat(path, "/", name);
    RETURN_IF_ERROR(CopyEntry(from, to, name, inner, depth));
  }
  return absl::OkStatus();
}

absl::Status Copier::CopyEntry(int from, int to, const std::string& name, const std::string& path,
                               int depth) {
  struct stat status;
  if (::fstatat(from, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
    return ErrnoStatus(errno, "stat", path);
  }
  const bool ours = std::find(layer_.ours.begin(), layer_.ours.end(), path) != layer_.ours.end();
  if (ours && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return absl::OkStatus();
  if (IsWhiteout(status)) {
    deleted_.push_back(path);
    return absl::OkStatus();
  }
  if (S_ISREG(status.st_mode)) return CopyFile(from, to, name, status.st_mode);
  if (S_ISLNK(status.st_mode)) return CopyLink(from, to, name);
  if (!S_ISDIR(status.st_mode)) return absl::OkStatus();
  const Fd inner_from(::openat(from, name.c_str(), kOpenDirectory));
  if (!inner_from) return ErrnoStatus(errno, "open", path);
  ASSIGN_OR_RETURN(const Fd inner_to, MakeDirectories(to, name));
  RETURN_IF_ERROR(CopyDirectory(inner_from.get(), inner_to.get(), path, depth + 1));
  // Many are there only for our whiteouts' and mounts' sake. Fails unless empty.
  ::unlinkat(to, name.c_str(), AT_REMOVEDIR);
  return absl::OkStatus();
}

absl::Status WriteList(int keep, const std::string& text) {
  const Fd list(::openat(keep, kDeletedList, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!list || ::write(list.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, "write", kDeletedList);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Fd> PrepareKeepDirectory(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return ErrnoStatus(error.value(), "--keep: make", directory);
  Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "--keep: open", directory);
  ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(fd.get()));
  if (!names.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("--keep: ", directory, " is not empty; name a new directory"));
  }
  return fd;
}

absl::Status KeepChanges(int keep, const std::vector<ChangedLayer>& layers) {
  std::string deleted;
  for (const ChangedLayer& layer : layers) {
    Copier copier(layer);
    ASSIGN_OR_RETURN(const Fd target, MakeDirectories(keep, layer.destination));
    RETURN_IF_ERROR(Annotate(copier.CopyDirectory(layer.directory, target.get(), "", 0), "--keep"));
    for (const std::string& path : copier.deleted()) {
      absl::StrAppend(&deleted, layer.destination == "/" ? "" : layer.destination, "/", path, "\n");
    }
  }
  return deleted.empty() ? absl::OkStatus() : WriteList(keep, deleted);
}

}  // namespace moat::hostview
