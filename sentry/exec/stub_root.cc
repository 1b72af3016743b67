#include "sentry/exec/stub_root.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "base/status.h"
#include "platform/loader/plan.h"

namespace moat::sentry {
namespace {

using loader::kStubName;

constexpr size_t kMaxStubSize = 1 << 20;
constexpr size_t kMaxNames = 256;
constexpr size_t kMaxDepth = 16;
constexpr size_t kMaxLength = 255;

}  // namespace

absl::StatusOr<std::unique_ptr<StubRoot>> StubRoot::Create(Fd tmpfs, const Fd& loader) {
  auto program = ReadAll(loader.get(), kMaxStubSize);
  if (!program.ok()) return ErrnoStatus(program.error().value(), "read", "moat-loader");
  {
    Fd file(::openat(tmpfs.get(), kStubName, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0555));
    if (!file) return ErrnoStatus(errno, "create the stub", kStubName);
    const ssize_t written = ::write(file.get(), program->data(), program->size());
    if (written != static_cast<ssize_t>(program->size())) {
      return ErrnoStatus(written < 0 ? errno : ENOSPC, "write the stub", kStubName);
    }
    if (::fchmod(file.get(), 0555) < 0) return ErrnoStatus(errno, "fchmod", kStubName);
  }
  Fd stub(::openat(tmpfs.get(), kStubName, O_RDONLY | O_CLOEXEC));
  if (!stub) return ErrnoStatus(errno, "open", kStubName);
  return absl::WrapUnique(new StubRoot(std::move(tmpfs), std::move(stub)));
}

Result<void> StubRoot::Provide(const std::string& root, absl::string_view interpreter) {
  absl::MutexLock lock(&mutex_);
  auto& names = names_[root];
  if (names.count(interpreter) != 0) return {};
  if (names.size() >= kMaxNames) return Errno(ELIBBAD);
  TRY(LinkLocked(root, interpreter));
  names.emplace(interpreter);
  return {};
}

Result<struct stat> StubRoot::MakeRoot(const std::string& path) {
  struct stat attributes;
  if (::mkdirat(tmpfs_.get(), path.c_str(), 0755) < 0 ||
      ::fstatat(tmpfs_.get(), path.c_str(), &attributes, AT_SYMLINK_NOFOLLOW) < 0) {
    return Errno::Last();
  }
  return attributes;
}

void StubRoot::RemoveRoot(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  names_.erase(path);
  std::error_code ignored;  // what stays is an empty directory or two
  std::filesystem::remove_all(absl::StrCat("/proc/self/fd/", tmpfs_.get(), "/", path), ignored);
}

Result<struct stat> StubRoot::Top() const {
  struct stat attributes;
  if (::fstat(tmpfs_.get(), &attributes) < 0) return Errno::Last();
  return attributes;
}

Result<void> StubRoot::LinkLocked(const std::string& root, absl::string_view interpreter) {
  const std::vector<absl::string_view> parts = absl::StrSplit(interpreter, '/', absl::SkipEmpty());
  if (parts.empty() || parts.size() > kMaxDepth || interpreter.size() > kMaxLength) {
    return Errno(ELIBBAD);
  }
  const char* start = root.empty() ? "." : root.c_str();
  Fd directory(::openat(tmpfs_.get(), start, O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    const std::string name(parts[i]);
    if (name == "..") return Errno(ELIBBAD);
    if (::mkdirat(directory.get(), name.c_str(), 0755) < 0 && errno != EEXIST) {
      return Errno(ELIBBAD);
    }
    directory.Reset(
        ::openat(directory.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory) return Errno(ELIBBAD);
  }
  const std::string name(parts.back());
  if (::linkat(tmpfs_.get(), kStubName, directory.get(), name.c_str(), 0) < 0 && errno != EEXIST) {
    return Errno(ELIBBAD);
  }
  return {};
}

}  // namespace moat::sentry
