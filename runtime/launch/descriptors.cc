#include "runtime/launch/descriptors.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/fd.h"
#include "base/status.h"

namespace moat::launch {
namespace {

// Not open is no fault: the number then stays free.
absl::Status RefuseDirectory(int fd, int number) {
  struct stat attributes;
  if (::fstat(fd, &attributes) < 0 || !S_ISDIR(attributes.st_mode)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("descriptor ", number,
                   " is a directory of the host, which the container could walk; close it, or "
                   "redirect it from or to a file"));
}

}  // namespace

absl::Status TakeStdio(const std::array<int, 3>& stdio, int terminal) {
  // First out of the way: a source may be one of the numbers that are about to be replaced.
  constexpr int kOutOfTheWay = 10;
  std::array<Fd, 3> sources;
  for (size_t i = 0; i < sources.size(); ++i) {
    const int source = terminal >= 0 ? terminal : stdio[i];
    RETURN_IF_ERROR(RefuseDirectory(source, static_cast<int>(i)));
    sources[i].Reset(::fcntl(source, F_DUPFD_CLOEXEC, kOutOfTheWay));
    if (!sources[i]) return ErrnoStatus(errno, "fcntl", "stdio");
  }
  for (size_t i = 0; i < sources.size(); ++i) {
    if (::dup2(sources[i].get(), static_cast<int>(i)) < 0) {
      return ErrnoStatus(errno, "dup2", "stdio");
    }
  }
  return absl::OkStatus();
}

absl::Status StartSession(bool terminal) {
  if (::setsid() < 0) return ErrnoStatus(errno, "setsid", "");
  if (terminal && ::ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0) {
    return ErrnoStatus(errno, "ioctl TIOCSCTTY", "the terminal");
  }
  return absl::OkStatus();
}

absl::Status KeepDescriptors(int preserved, absl::Span<int* const> own) {
  const int first = 3 + preserved;
  for (int fd = 3; fd < first; ++fd) RETURN_IF_ERROR(RefuseDirectory(fd, fd));
  const int behind = first + static_cast<int>(own.size());
  for (int* fd : own) {
    *fd = ::fcntl(*fd, F_DUPFD_CLOEXEC, behind);
    if (*fd < 0) return ErrnoStatus(errno, "fcntl", "own descriptors");
  }
  int number = first;
  for (int* fd : own) {
    if (::dup3(*fd, number, O_CLOEXEC) < 0) return ErrnoStatus(errno, "dup3", "own descriptors");
    *fd = number++;
  }
  if (::close_range(static_cast<unsigned>(behind), ~0U, 0) < 0) {
    return ErrnoStatus(errno, "close_range", "");
  }
  return absl::OkStatus();
}

}  // namespace moat::launch
