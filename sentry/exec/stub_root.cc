#include "sentry/exec/stub_root.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/escaping.h"
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
constexpr int64_t kMaxCopySize = 8 << 20;
constexpr char kSetIdFolder[] = ".set-id";
constexpr char kUnfinished[] = ".unfinished";

std::string LastPart(absl::string_view path) {
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  return std::string(path.substr(path.rfind('/') + 1));
}

Result<void> CopyBytes(const Fd& from, const Fd& to) {
  std::vector<char> buffer(64 * 1024);
  for (int64_t offset = 0; offset <= kMaxCopySize;) {
    const ssize_t got = ::pread(from.get(), buffer.data(), buffer.size(), offset);
    if (got < 0) return Errno::Last();
    if (got == 0) return {};
    if (::pwrite(to.get(), buffer.data(), static_cast<size_t>(got), offset) != got) {
      return Errno(ENOSPC);
    }
    offset += got;
  }
  return Errno(EFBIG);
}

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

Result<StubRoot::Original> StubRoot::Identify(const Fd& file, bool secret) {
  struct stat attributes;
  if (::fstat(file.get(), &attributes) < 0) return Errno::Last();
  const auto nanoseconds = [](const timespec& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return Original{attributes.st_dev,
                  attributes.st_ino,
                  attributes.st_size,
                  nanoseconds(attributes.st_mtim),
                  nanoseconds(attributes.st_ctim),
                  secret};
}

Result<bool> StubRoot::Provide(const std::string& root, absl::string_view interpreter,
                               const Fd& file, bool secret) {
  absl::MutexLock lock(&mutex_);
  auto& names = names_[root];
  const auto known = names.find(interpreter);
  const bool is_copy = known != names.end() && known->second;
  if (!use_copies_ && !secret && !is_copy) {
    if (known != names.end()) return false;
    if (names.size() >= kMaxNames) return Errno(ELIBBAD);
    TRY(LinkLocked(root, interpreter));
    names.emplace(interpreter, std::nullopt);
    return false;
  }
  TRY_ASSIGN(Original original, Identify(file, secret));
  // Whoever may not read it makes it unreadable for all; their programs are undumpable, no more.
  if (is_copy && known->second->secret) original.secret = true;
  if (is_copy && *known->second == original) return true;
  if (names.size() >= kMaxNames || original.size > kMaxCopySize) return Errno(ELIBBAD);
  TRY(CopyLocked(root, interpreter, file, original));
  names.insert_or_assign(std::string(interpreter), original);
  return true;
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

Result<Fd> StubRoot::FolderLocked(const std::string& root, absl::string_view interpreter) {
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
  return directory;
}

Result<void> StubRoot::LinkLocked(const std::string& root, absl::string_view interpreter) {
  TRY_ASSIGN(const Fd directory, FolderLocked(root, interpreter));
  const std::string name = LastPart(interpreter);
  if (::linkat(tmpfs_.get(), kStubName, directory.get(), name.c_str(), 0) < 0 && errno != EEXIST) {
    return Errno(ELIBBAD);
  }
  return {};
}

Result<Fd> StubRoot::Copy(const Fd& file, const std::string& name, mode_t mode) const {
  (void)::unlinkat(tmpfs_.get(), name.c_str(), 0);
  {
    // Closed before anybody can execute it: ETXTBSY.
    Fd copy(::openat(tmpfs_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!copy) return Errno(ELIBBAD);
    TRY(CopyBytes(file, copy));
    if (::fchmod(copy.get(), mode) < 0) return Errno(ELIBBAD);
  }
  Fd made(::openat(tmpfs_.get(), name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!made) return Errno(ELIBBAD);
  return made;
}

Result<std::string> StubRoot::ProvideSetId(
    const SetIdKind& kind, absl::FunctionRef<Result<void>(const Fd& copy)> give_away) {
  const auto part = [](const std::optional<uint32_t>& id) {
    return id ? absl::StrCat(*id) : std::string("-");
  };
  const std::string name = absl::StrCat(kSetIdFolder, "/", part(kind.uid), ".", part(kind.gid), ".",
                                        absl::BytesToHexString(kind.capabilities));
  std::string unfinished;
  {
    absl::MutexLock lock(&mutex_);
    if (set_ids_.count(name) != 0) return name;
    if (set_ids_.size() >= kMaxNames) return Errno(ELIBBAD);
    unfinished = absl::StrCat(kSetIdFolder, "/unfinished.", ++copies_begun_);
  }
  if (::mkdirat(tmpfs_.get(), kSetIdFolder, 0755) < 0 && errno != EEXIST) return Errno::Last();
  TRY_ASSIGN(const Fd copy, Copy(stub_, unfinished, 0555));
  if (auto given = give_away(copy); !given.ok()) {
    (void)::unlinkat(tmpfs_.get(), unfinished.c_str(), 0);
    return given.error();
  }
  if (::renameat(tmpfs_.get(), unfinished.c_str(), tmpfs_.get(), name.c_str()) < 0) {
    return Errno::Last();
  }
  absl::MutexLock lock(&mutex_);
  set_ids_.insert(name);
  return name;
}

Result<void> StubRoot::CopyLocked(const std::string& root, absl::string_view interpreter,
                                  const Fd& file, const Original& original) {
  TRY_ASSIGN(const Fd directory, FolderLocked(root, interpreter));
  TRY(Copy(file, kUnfinished, original.secret ? 0711 : 0755));
  if (::renameat(tmpfs_.get(), kUnfinished, directory.get(), LastPart(interpreter).c_str()) < 0) {
    return Errno(ELIBBAD);
  }
  return {};
}

}  // namespace moat::sentry
