#include "sentry/exec/task_roots.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace moat::sentry {
namespace {

// Where markers lie in their parent.
constexpr char kFolder[] = ".roots";
// Each costs a descriptor of the sentry's and a few directories.
constexpr size_t kMaxMarkers = 512;
constexpr int kMaxDepth = 32;

Result<Fd> Duplicate(const Fd& fd) {
  Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return Errno::Last();
  return copy;
}

}  // namespace

Result<TaskRoots::Place> TaskRoots::PlaceOf(const Fd& directory) {
  struct statx attributes;
  if (::statx(directory.get(), "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &attributes) < 0) {
    return Errno::Last();
  }
  return Place{attributes.stx_ino, attributes.stx_mnt_id};
}

Result<uint64_t> TaskRoots::NumberLocked(const struct stat& root) {
  TRY_ASSIGN(const struct stat top, stub_.Top());
  if (root.st_dev != top.st_dev) return Errno(EACCES);
  if (root.st_ino == top.st_ino) return uint64_t{0};
  if (markers_.count(root.st_ino) == 0) return Errno(EACCES);
  return uint64_t{root.st_ino};
}

Result<uint64_t> TaskRoots::NumberOf(pid_t tid) {
  if (!used_) return uint64_t{0};
  TRY_ASSIGN(const Fd root, tasks_.OpenLink(tid, "root"));
  struct stat attributes;
  if (::fstat(root.get(), &attributes) < 0) return Errno::Last();
  absl::MutexLock lock(&mutex_);
  return NumberLocked(attributes);
}

Result<Fd> TaskRoots::Of(pid_t tid) {
  if (!used_) return Fd();
  TRY_ASSIGN(const Fd root, tasks_.OpenLink(tid, "root"));
  struct stat attributes;
  if (::fstat(root.get(), &attributes) < 0) return Errno::Last();
  return Behind(attributes);
}

Result<Fd> TaskRoots::Behind(const struct stat& root) {
  absl::MutexLock lock(&mutex_);
  TRY_ASSIGN(const uint64_t number, NumberLocked(root));
  if (number == 0) return Fd();
  const Marker& marker = markers_.at(number);
  if (marker.is_top) return Fd();
  return Duplicate(marker.target);
}

Result<bool> TaskRoots::Provide(pid_t tid, absl::string_view interpreter, const Fd& file,
                                bool secret) {
  TRY_ASSIGN(const uint64_t number, NumberOf(tid));
  std::string path;
  if (number != 0) {
    absl::MutexLock lock(&mutex_);
    const auto marker = markers_.find(number);
    if (marker == markers_.end()) return Errno(EACCES);
    path = marker->second.path;
  }
  return stub_.Provide(path, interpreter, file, secret);
}

Result<TaskRoots::Destination> TaskRoots::MarkerFor(pid_t tid, Fd target, bool is_top) {
  used_ = true;
  TRY_ASSIGN(const Place place, PlaceOf(target));
  TRY_ASSIGN(const uint64_t parent, NumberOf(tid));
  absl::MutexLock lock(&mutex_);
  if (parent == 0 && is_top) return Destination{"/", nullptr};
  // To where the task's root is already: it stays there.
  if (parent != 0 && markers_.at(parent).place == place) return Destination{"/", nullptr};
  for (const auto& [number, marker] : markers_) {
    if (marker.parent != parent || marker.place != place) continue;
    const std::string name = marker.path.substr(marker.path.rfind('/') + 1);
    return Destination{absl::StrCat("/", kFolder, "/", name), marker.use};
  }
  return AddLocked(parent, std::move(target), place, is_top);
}

Result<TaskRoots::Destination> TaskRoots::AddLocked(uint64_t parent, Fd target, Place place,
                                                    bool is_top) {
  if (markers_.size() >= kMaxMarkers) CollectLocked();
  const auto above = markers_.find(parent);
  if (parent != 0 && above == markers_.end()) return Errno(EACCES);
  Marker marker = {.target = std::move(target), .place = place, .is_top = is_top, .parent = parent};
  std::string folder = kFolder;
  if (parent != 0) {
    marker.depth = above->second.depth + 1;
    folder = absl::StrCat(above->second.path, "/", kFolder);
  }
  if (markers_.size() >= kMaxMarkers || marker.depth > kMaxDepth) return Errno(ENOMEM);
  if (auto made = stub_.MakeRoot(folder); !made.ok() && !(made.error() == Errno(EEXIST))) {
    return made.error();
  }
  const std::string name = absl::StrCat(++last_name_);
  marker.path = absl::StrCat(folder, "/", name);
  TRY_ASSIGN(const struct stat made, stub_.MakeRoot(marker.path));
  Destination destination = {absl::StrCat("/", kFolder, "/", name), marker.use};
  markers_.emplace(made.st_ino, std::move(marker));
  return destination;
}

void TaskRoots::CollectLocked() {
  const std::set<uint64_t> in_use = RootsInUse();
  // Those on the way to another stay; a second look takes them once that is gone.
  for (bool removed = true; removed;) {
    std::set<uint64_t> parents;
    for (const auto& [number, marker] : markers_) parents.insert(marker.parent);
    removed = std::erase_if(markers_, [&](const auto& entry) {
                const auto& [number, marker] = entry;
                const bool held = marker.use.use_count() > 1;
                if (held || in_use.count(number) != 0 || parents.count(number) != 0) return false;
                stub_.RemoveRoot(marker.path);
                return true;
              }) > 0;
  }
}

std::set<uint64_t> TaskRoots::RootsInUse() const {
  std::set<uint64_t> in_use;
  const std::string proc = absl::StrCat("/proc/self/fd/", proc_);
  std::error_code error;
  for (std::filesystem::directory_iterator process(proc, error), end; process != end;
       process.increment(error)) {
    std::error_code gone;
    for (std::filesystem::directory_iterator task(process->path() / "task", gone), last;
         task != last; task.increment(gone)) {
      struct stat root;
      if (::stat((task->path() / "root").c_str(), &root) == 0) in_use.insert(root.st_ino);
    }
  }
  return in_use;
}

}  // namespace moat::sentry
