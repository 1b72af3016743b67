#include "runtime/cgroups/entrance.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat::cgroups {

absl::StatusOr<Entrance> Entrance::Open(const std::vector<std::string>& groups) {
  Entrance entrance;
  for (const std::string& group : groups) {
    Fd tasks(::open(absl::StrCat(group, "/tasks").c_str(), O_WRONLY | O_CLOEXEC));
    if (tasks) {
      entrance.tasks_.push_back(std::move(tasks));
      continue;
    }
    if (errno != ENOENT) return ErrnoStatus(errno, "open", absl::StrCat(group, "/tasks"));
    entrance.unified_.Reset(::open(group.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!entrance.unified_) return ErrnoStatus(errno, "open", group);
  }
  return entrance;
}

absl::Status Entrance::Place(pid_t pid) const {
  if (!unified_) return absl::OkStatus();
  return WriteFileAt(unified_.get(), "cgroup.procs", absl::StrCat(pid));
}

int Entrance::Enter() const {
  for (const Fd& tasks : tasks_) {
    if (::write(tasks.get(), "0", 1) < 0) return errno;
  }
  return 0;
}

}  // namespace moat::cgroups
