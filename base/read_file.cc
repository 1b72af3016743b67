#include "base/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/fd.h"
#include "base/status.h"

namespace moat {

Result<std::string> ReadAll(int fd, size_t limit) {
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Errno::Last();
    if (got == 0) return text;
    if (text.size() + static_cast<size_t>(got) > limit) return Errno(EFBIG);
    text.append(buffer, static_cast<size_t>(got));
  }
}

Result<std::string> ReadFileAt(int dir, const std::string& path, size_t limit) {
  Fd fd(::openat(dir, path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Errno::Last();
  return ReadAll(fd.get(), limit);
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t limit) {
  auto text = ReadFileAt(AT_FDCWD, path, limit);
  if (!text.ok()) return ErrnoStatus(text.error().value(), "read", path);
  return std::move(text).value();
}

absl::Status WriteFileAt(int dir, const std::string& path, absl::string_view data) {
  Fd fd(::openat(dir, path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "open for writing", path);
  const ssize_t written = ::write(fd.get(), data.data(), data.size());
  if (written < 0)
    return ErrnoStatus(errno, absl::StrCat("write \"", data.substr(0, 80), "\" to"), path);
  if (static_cast<size_t>(written) != data.size()) return ErrnoStatus(EIO, "short write to", path);
  return absl::OkStatus();
}

absl::Status WriteFile(const std::string& path, absl::string_view data) {
  return WriteFileAt(AT_FDCWD, path, data);
}

}  // namespace moat
