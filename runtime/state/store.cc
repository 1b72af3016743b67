#include "runtime/state/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/state/container_id.h"

namespace moat::state {
namespace {

constexpr char kStateFile[] = "state.json";
constexpr char kNewStateFile[] = "state.json.new";
constexpr mode_t kDirectoryMode = 0700;
constexpr size_t kMaxIdMap = 64 << 10;
constexpr size_t kMaxState = 16 << 20;  // annotations may be long

absl::Status NoSuchContainer(const std::string& id) {
  return absl::NotFoundError(
      absl::StrCat("container ", id, " does not exist (`moat list` shows those that do)"));
}

absl::StatusOr<Fd> OpenDirectory(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "open", path);
  return fd;
}

// Whether `path` is still the directory that `fd` was opened from: a deleted container's lock may
// have been waited for.
bool IsStill(int fd, const std::string& path) {
  struct stat held, named;
  return ::fstat(fd, &held) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

absl::StatusOr<Record> ReadRecord(const std::string& id, const std::string& directory) {
  const std::string file = absl::StrCat(directory, "/", kStateFile);
  auto text = ReadFile(file, kMaxState);
  if (!text.ok()) {
    return StatusErrno(text.status()) == ENOENT ? NoSuchContainer(id) : text.status();
  }
  auto record = FromJson(*text);
  if (!record.ok()) return Annotate(record.status(), file);
  return record;
}

// What is written here decides which processes and control groups moat kills and removes.
absl::Status CheckPrivate(const std::string& root) {
  ASSIGN_OR_RETURN(const Fd fd, OpenDirectory(root));
  struct stat status;
  if (::fstat(fd.get(), &status) < 0) return ErrnoStatus(errno, "fstat", root);
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("state directory ", root, " belongs to another user; give --root another"));
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("state directory ", root,
                     " may be written by other users; chmod go-w it, or give --root "
                     "another"));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsRootOfTheMachine() {
  if (::geteuid() != 0) return false;
  // Root of the first user namespace has all ids (user_namespaces(7)). Root of one that a user made
  // (Podman without root) cannot write to /run; root of a system container has USER=root.
  const auto map = ReadFile("/proc/self/uid_map", kMaxIdMap);
  const char* user = std::getenv("USER");
  return !map.ok() || absl::StrContains(*map, "4294967295") || !std::getenv("XDG_RUNTIME_DIR") ||
         (user && absl::string_view(user) == "root");
}

absl::StatusOr<Record> Entry::Read() const { return ReadRecord(id_, directory_); }

absl::Status Entry::Write(const Record& record) const {
  const std::string text = ToJson(record);
  Fd file(::openat(lock_.get(), kNewStateFile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return ErrnoStatus(errno, "create", absl::StrCat(directory_, "/", kNewStateFile));
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, "write", absl::StrCat(directory_, "/", kNewStateFile));
  }
  if (::renameat(lock_.get(), kNewStateFile, lock_.get(), kStateFile) < 0) {
    return ErrnoStatus(errno, "rename", absl::StrCat(directory_, "/", kStateFile));
  }
  return absl::OkStatus();
}

absl::Status Entry::Remove() const {
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
  if (error) return ErrnoStatus(error.value(), "remove", directory_);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Store::DefaultRoot() {
  if (IsRootOfTheMachine()) return std::string("/run/moat");
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (!runtime || runtime[0] != '/') {
    return absl::FailedPreconditionError(
        "no place for the state: XDG_RUNTIME_DIR is not set; give --root DIR");
  }
  return absl::StrCat(runtime, "/moat");
}

absl::StatusOr<Store> Store::Open(const std::string& root) {
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(root, error).lexically_normal().string();
  if (error) return ErrnoStatus(error.value(), "getcwd", "");
  if (absolute.find_first_not_of('/') == std::string::npos) {
    return absl::InvalidArgumentError("--root / is refused: it would fill the root directory");
  }
  const mode_t mask = ::umask(077);
  std::filesystem::create_directories(absolute, error);
  ::umask(mask);
  if (error) return ErrnoStatus(error.value(), "make the state directory", absolute);
  RETURN_IF_ERROR(CheckPrivate(absolute));
  return Store(absolute);
}

std::string Store::Directory(const std::string& id) const { return absl::StrCat(root_, "/", id); }

absl::StatusOr<Entry> Store::Create(const std::string& id) const {
  RETURN_IF_ERROR(CheckId(id));
  const std::string directory = Directory(id);
  for (;;) {
    if (::mkdir(directory.c_str(), kDirectoryMode) < 0) {
      if (errno != EEXIST) return ErrnoStatus(errno, "mkdir", directory);
      return absl::AlreadyExistsError(absl::StrCat(
          "container ", id, " already exists; take another id, or `moat delete ", id, "` first"));
    }
    auto entry = Lock(id);
    // Until it was locked it looked like one that is left over (RemoveUnfinished).
    if (!absl::IsNotFound(entry.status())) return entry;
  }
}

void Store::RemoveUnfinished(const std::string& id) const {
  const auto entry = TryLock(id);
  if (!entry.ok() || !absl::IsNotFound(entry->Read().status())) return;
  struct stat status;
  const std::string& directory = entry->directory();
  if (::lstat(directory.c_str(), &status) < 0 || status.st_uid != ::geteuid() ||
      (status.st_mode & 07777) != kDirectoryMode) {
    return;
  }
  ::unlink(absl::StrCat(directory, "/", kNewStateFile).c_str());
  ::rmdir(directory.c_str());  // only if there is nothing else in it
}

absl::StatusOr<Entry> Store::Lock(const std::string& id) const { return LockWith(id, LOCK_EX); }

absl::StatusOr<Entry> Store::TryLock(const std::string& id) const {
  return LockWith(id, LOCK_EX | LOCK_NB);
}

absl::StatusOr<Entry> Store::LockWith(const std::string& id, int operation) const {
  RETURN_IF_ERROR(CheckId(id));
  const std::string directory = Directory(id);
  auto lock = OpenDirectory(directory);
  if (!lock.ok()) {
    return StatusErrno(lock.status()) == ENOENT ? NoSuchContainer(id) : lock.status();
  }
  int locked;
  do {
    locked = ::flock(lock->get(), operation);
  } while (locked < 0 && errno == EINTR);
  if (locked < 0 && errno == EWOULDBLOCK) {
    return absl::UnavailableError(absl::StrCat("container ", id, " is in use by another command"));
  }
  if (locked < 0) return ErrnoStatus(errno, "flock", directory);
  if (!IsStill(lock->get(), directory)) return NoSuchContainer(id);
  return Entry(id, directory, *std::move(lock));
}

absl::StatusOr<Record> Store::Read(const std::string& id) const {
  RETURN_IF_ERROR(CheckId(id));
  return ReadRecord(id, Directory(id));
}

absl::StatusOr<std::vector<std::string>> Store::Ids() const {
  std::vector<std::string> ids;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(root_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (CheckId(name).ok() && entry->is_directory(error)) ids.push_back(name);
  }
  if (error) return ErrnoStatus(error.value(), "list", root_);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace moat::state
