#include "sentry/task/task_table.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "sentry/task/status_file.h"

namespace moat::sentry {
namespace {

constexpr size_t kMaxStatus = 1 << 20;  // 65536 groups of up to 11 characters

std::string TaskPath(pid_t tid, const char* name) { return absl::StrCat(tid, "/", name); }

Result<std::string> ReadLinkAt(int directory, const std::string& path) {
  char text[PATH_MAX];
  const ssize_t size = ::readlinkat(directory, path.c_str(), text, sizeof(text));
  if (size < 0) return Errno::Last();
  if (size == sizeof(text)) return Errno(ENAMETOOLONG);
  return std::string(text, static_cast<size_t>(size));
}

Result<StatusFile> ReadStatus(int proc, pid_t tid) {
  auto text = ReadFileAt(proc, TaskPath(tid, "status"), kMaxStatus);
  if (!text.ok()) return Errno(ESRCH);
  auto status = ParseStatus(*text);
  if (!status) return Errno(ESRCH);
  return *std::move(status);
}

}  // namespace

Result<TaskInfo> TaskTable::Look(pid_t tid) const {
  TRY_ASSIGN(StatusFile status, ReadStatus(proc_, tid));
  return std::move(status.task);
}

bool TaskTable::SignalPending(pid_t tid) const {
  auto status = ReadStatus(proc_, tid);
  return !status.ok() || status->signals.Deliverable();
}

std::vector<pid_t> NumbersIn(int directory, const std::string& path) {
  std::vector<pid_t> numbers;
  Fd fd(::openat(directory, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* stream = fd ? ::fdopendir(fd.get()) : nullptr;
  if (stream == nullptr) return numbers;
  static_cast<void>(fd.Release());
  while (const dirent* entry = ::readdir(stream)) {
    pid_t number;
    if (absl::SimpleAtoi(entry->d_name, &number)) numbers.push_back(number);
  }
  ::closedir(stream);
  return numbers;
}

namespace {

// The number behind "\nKEY:\t" in the task's status.
Result<pid_t> NumberInStatus(int proc, pid_t tid, const std::string& key) {
  auto text = ReadFileAt(proc, TaskPath(tid, "status"), kMaxStatus);
  if (!text.ok()) return Errno(ESRCH);
  const size_t at = text->find(key);
  if (at == std::string::npos) return Errno(ESRCH);
  return static_cast<pid_t>(std::strtol(text->c_str() + at + key.size(), nullptr, 10));
}

}  // namespace

bool TaskTable::IsTraced(pid_t tid) const {
  const auto tracer = NumberInStatus(proc_, tid, "\nTracerPid:\t");
  return tracer.ok() && *tracer != 0;
}

bool TaskTable::AreOnTheirOwn(pid_t tgid, int filters, size_t most) const {
  const std::vector<pid_t> threads = NumbersIn(proc_, absl::StrCat(tgid, "/task"));
  if (threads.empty() || threads.size() > most) return false;
  return std::all_of(threads.begin(), threads.end(), [&](pid_t tid) {
    const auto tracer = NumberInStatus(proc_, tid, "\nTracerPid:\t");
    const auto count = NumberInStatus(proc_, tid, "\nSeccomp_filters:\t");
    const bool has_ended = !tracer.ok() || !count.ok();
    return has_ended || (*tracer == 0 && *count == filters);
  });
}

bool TaskTable::SharesMemoryWithParent(pid_t tgid) const {
  const auto parent = ParentOf(tgid);
  return parent.ok() && *parent > 0 && ::syscall(SYS_kcmp, tgid, *parent, KCMP_VM, 0, 0) == 0;
}

bool TaskTable::IsPrivateCode(pid_t tid, uint64_t from, uint64_t size) const {
  constexpr size_t kMaxMaps = 8 << 20;
  auto text = ReadFileAt(proc_, TaskPath(tid, "maps"), kMaxMaps);
  if (!text.ok()) return false;
  // "5566-7788 r-xp ..." (proc_pid_maps(5)), by address.
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<absl::string_view> fields =
        absl::StrSplit(line, absl::MaxSplits(absl::ByAnyChar("- "), 3));
    uint64_t first = 0, end = 0;
    if (fields.size() != 4 || !absl::SimpleHexAtoi(fields[0], &first) ||
        !absl::SimpleHexAtoi(fields[1], &end)) {
      return false;
    }
    if (from < end) {
      return from >= first && size <= end - from &&
             absl::StartsWith(line.substr(line.find(' ')), " r-xp ");
    }
  }
  return false;
}

Result<pid_t> TaskTable::ParentOf(pid_t tgid) const {
  return NumberInStatus(proc_, tgid, "\nPPid:\t");
}

Result<Fd> TaskTable::TakeFd(pid_t tid, int fd) const {
  TRY_ASSIGN(const Fd pidfd, OpenThreadPidfd(tid));
  return TakeFdOf(pidfd, fd);
}

Result<Fd> TakeFdOf(const Fd& pidfd, int fd) {
  if (fd < 0) return Errno(EBADF);
  Fd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd.get(), fd, 0)));
  if (!copy) return Errno::Last();
  return copy;
}

Result<bool> TaskTable::IsCloseOnExec(pid_t tid, int fd) const {
  const std::string path = absl::StrCat(tid, "/fdinfo/", fd);
  auto text = ReadFileAt(proc_, path, kMaxStatus);
  if (!text.ok()) return Errno(EBADF);
  // "flags:\t02100000", octal, O_CLOEXEC included (proc_pid_fdinfo(5)).
  constexpr absl::string_view kKey = "flags:\t";
  const size_t at = text->find(std::string(kKey));
  if (at == std::string::npos) return Errno(EBADF);
  return (std::strtoul(text->c_str() + at + kKey.size(), nullptr, 8) & O_CLOEXEC) != 0;
}

Result<Fd> TaskTable::OpenLink(pid_t tid, const char* link) const {
  Fd fd(::openat(proc_, TaskPath(tid, link).c_str(), O_PATH | O_CLOEXEC));
  if (!fd) return Errno::Last();
  return fd;
}

Result<Fd> TaskTable::Reopen(const Fd& fd) const {
  const std::string link = absl::StrCat("thread-self/fd/", fd.get());
  Fd opened(::openat(proc_, link.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!opened) return Errno::Last();
  return opened;
}

Result<std::string> TaskTable::ReadLink(pid_t tid, const char* link) const {
  return ReadLinkAt(proc_, TaskPath(tid, link));
}

Result<std::string> TaskTable::NameOf(const Fd& fd) const {
  return ReadLinkAt(proc_, absl::StrCat("thread-self/fd/", fd.get()));
}

}  // namespace moat::sentry
