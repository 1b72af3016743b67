#include "sentry/proc/process_source.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/pidfd.h"
#include "base/read_file.h"

namespace moat::sentry {
namespace {

constexpr size_t kReadLimit = size_t{32} << 20;
// linux/nsfs.h, Linux 6.11: the task with that number in the namespace of the descriptor, as a
// number of the caller's namespace.
constexpr unsigned long kGetPidFromPidns = _IOR(0xb7, 0x6, int);

int ToInt(absl::string_view text) {
  int value = 0;
  return absl::SimpleAtoi(text, &value) ? value : 0;
}

// The numeric names of a directory, ascending as procfs lists them.
Result<std::vector<std::string>> NumericNames(int directory, const std::string& path) {
  Fd fd(openat(directory, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return Errno::Last();
  DIR* stream = fdopendir(fd.get());
  if (stream == nullptr) return Errno::Last();
  static_cast<void>(fd.Release());
  std::vector<std::string> names;
  while (const dirent* entry = readdir(stream)) {
    if (IsNumber(entry->d_name)) names.emplace_back(entry->d_name);
  }
  closedir(stream);
  std::sort(names.begin(), names.end(),
            [](const std::string& a, const std::string& b) { return ToInt(a) < ToInt(b); });
  return names;
}

uint32_t ToId(absl::string_view text) {
  uint32_t value = 0;
  return absl::SimpleAtoi(text, &value) ? value : UINT32_MAX;
}

Ids ParseIds(absl::string_view value) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(value, absl::ByAnyChar("\t "), absl::SkipEmpty());
  if (words.size() < 4) return {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
  return {ToId(words[0]), ToId(words[1]), ToId(words[2]), ToId(words[3])};
}

uint64_t ParseHex(absl::string_view value) {
  uint64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number, 16);
  return number;
}

}  // namespace

std::string TaskDirectory(const Place& place) {
  return place.tid != 0 ? absl::StrCat(place.pid, "/task/", place.tid) : absl::StrCat(place.pid);
}

bool IsNumber(absl::string_view name) {
  if (name.empty() || name.size() > 10 || (name.size() > 1 && name.front() == '0')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return absl::ascii_isdigit(c); });
}

ProcessSource::ProcessSource(int proc_a, int proc_b) : proc_a_(proc_a), proc_b_(proc_b) {}

Result<std::string> ProcessSource::Read(const std::string& path) const {
  return ReadFileAt(proc_b_, path, kReadLimit);
}

Result<std::string> ProcessSource::ReadLink(const std::string& path) const {
  std::array<char, PATH_MAX> text;
  const ssize_t size = readlinkat(proc_b_, path.c_str(), text.data(), text.size());
  if (size < 0) return Errno::Last();
  return std::string(text.data(), static_cast<size_t>(size));
}

bool ProcessSource::Exists(const std::string& path) const {
  return faccessat(proc_b_, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<struct stat> ProcessSource::Stat(const std::string& path) const {
  struct stat attributes;
  if (fstatat(proc_b_, path.c_str(), &attributes, 0) < 0) return Errno::Last();
  return attributes;
}

Result<Fd> ProcessSource::OpenPath(const std::string& path) const {
  Fd fd(openat(proc_b_, path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd) return Errno::Last();
  return fd;
}

Result<std::vector<std::string>> ProcessSource::Pids() const { return NumericNames(proc_b_, "."); }

Result<std::vector<std::string>> ProcessSource::Tids(pid_t pid) const {
  return NumericNames(proc_b_, absl::StrCat(pid, "/task"));
}

Result<std::vector<std::string>> ProcessSource::Descriptors(const Place& place) const {
  auto names = NumericNames(proc_b_, TaskDirectory(place) + "/fdinfo");
  if (names.ok() || !(names.error() == Errno(EACCES))) return names;
  // Before Linux 5.14 fdinfo was as closed as fd, which then needs CAP_DAC_READ_SEARCH.
  return NumericNames(proc_b_, TaskDirectory(place) + "/fd");
}

Result<TaskInfo> ProcessSource::Identify(pid_t pid) const {
  auto status = Read(absl::StrCat(pid, "/status"));
  if (!status.ok()) return Errno(ESRCH);
  TaskInfo info;
  info.tid = info.vtid = pid;
  for (absl::string_view line : absl::StrSplit(*status, '\n')) {
    if (absl::ConsumePrefix(&line, "Tgid:\t")) info.tgid = info.vtgid = ToInt(line);
    if (absl::ConsumePrefix(&line, "Uid:\t")) info.uid = ParseIds(line);
    if (absl::ConsumePrefix(&line, "Gid:\t")) info.gid = ParseIds(line);
    if (absl::ConsumePrefix(&line, "CapPrm:\t")) info.cap_permitted = ParseHex(line);
    if (absl::ConsumePrefix(&line, "CapEff:\t")) info.cap_effective = ParseHex(line);
  }
  if (info.tgid == 0) return Errno(ESRCH);
  return info;
}

Result<pid_t> ProcessSource::ToSentryNumber(pid_t vpid) const {
  Fd ns(openat(proc_b_, absl::StrCat(vpid, "/ns/pid").c_str(), O_RDONLY | O_CLOEXEC));
  if (ns) {
    const int number = ioctl(ns.get(), kGetPidFromPidns, static_cast<unsigned long>(vpid));
    if (number > 0) return pid_t{number};
    if (errno == ESRCH) return Errno(ESRCH);
  }
  // Older kernels: the last number of NSpid is the one in the innermost namespace.
  TRY_ASSIGN(std::vector<std::string> names, NumericNames(proc_a_, "."));
  for (const std::string& name : names) {
    auto status = ReadFileAt(proc_a_, name + "/status", kReadLimit);
    if (!status.ok()) continue;
    for (absl::string_view line : absl::StrSplit(*status, '\n')) {
      if (!absl::ConsumePrefix(&line, "NSpid:\t")) continue;
      const std::vector<absl::string_view> numbers = absl::StrSplit(line, '\t');
      // The sentry and the gofer are not of P_B: they have one number fewer than its tasks, unless
      // both procfs are the same one.
      if (ToInt(numbers.back()) == vpid && (numbers.size() > 1 || proc_a_ == proc_b_)) {
        return pid_t{ToInt(name)};
      }
    }
  }
  return Errno(ESRCH);
}

Result<Fd> ProcessSource::Duplicate(const Place& place, int fd) const {
  const pid_t vpid = place.tid != 0 ? place.tid : place.pid;
  auto number = ToSentryNumber(vpid);
  if (!number.ok()) return Errno(ENOENT);
  const unsigned flags = vpid == place.pid ? 0 : kPidfdThread;
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, *number, flags)));
  if (!pidfd) return Errno(ENOENT);
  Fd copy(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), fd, 0)));
  if (copy) return copy;
  if (errno == EPERM || errno == EMFILE || errno == ENFILE) return Errno::Last();
  return Errno(ENOENT);
}

Result<std::string> ProcessSource::NameOf(const Fd& fd) const {
  std::array<char, PATH_MAX> text;
  const std::string link = absl::StrCat("self/fd/", fd.get());
  const ssize_t size = readlinkat(proc_a_, link.c_str(), text.data(), text.size());
  if (size < 0) return Errno::Last();
  return std::string(text.data(), static_cast<size_t>(size));
}

Result<Fd> ProcessSource::Reopen(const Fd& fd, int flags) const {
  Fd anew(openat(proc_a_, absl::StrCat("self/fd/", fd.get()).c_str(), flags | O_CLOEXEC));
  if (!anew) return Errno::Last();
  return anew;
}

uint64_t StatField(absl::string_view stat, int number) {
  // The second field, comm in brackets, may hold blanks and brackets.
  const size_t bracket = stat.rfind(')');
  if (bracket == absl::string_view::npos || number < 3) return 0;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(stat.substr(bracket + 1), ' ', absl::SkipEmpty());
  const size_t index = static_cast<size_t>(number) - 3;
  uint64_t value = 0;
  if (index >= fields.size() ||
      !absl::SimpleAtoi(absl::StripAsciiWhitespace(fields[index]), &value))
    return 0;
  return value;
}

}  // namespace moat::sentry
