#include "runtime/rootfs/other_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/fd.h"
#include "base/status.h"

namespace moat::rootfs {
namespace {

constexpr size_t kMaxLinked = 1 << 20;
constexpr int kMaxDepth = 200;

// mountinfo writes blanks, tabs, newlines and backslashes as \ooo (proc_pid_mountinfo(5)).
std::string Unescape(absl::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](size_t at) { return at < text.size() ? text[at] - '0' : -1; };
    const int a = digit(i + 1), b = digit(i + 2), c = digit(i + 3);
    const auto octal = [](int d) { return d >= 0 && d < 8; };
    if (text[i] == '\\' && octal(a) && octal(b) && octal(c)) {
      plain.push_back(static_cast<char>(a * 64 + b * 8 + c));
      i += 3;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

// What of `path` lies below `directory`: "" for itself, "/x" for what is in it.
bool Below(absl::string_view path, absl::string_view directory, absl::string_view& rest) {
  if (directory == "/") {
    rest = path == "/" ? "" : path;
    return true;
  }
  if (!absl::StartsWith(path, directory)) return false;
  rest = path.substr(directory.size());
  return rest.empty() || rest[0] == '/';
}

std::string Join(absl::string_view directory, absl::string_view rest) {
  if (rest.empty()) return std::string(directory);
  return directory == "/" ? std::string(rest) : absl::StrCat(directory, rest);
}

// How many names of each file with several were met; the number that it has.
using Met = std::map<std::pair<dev_t, ino_t>, std::pair<nlink_t, nlink_t>>;

absl::Status Walk(int fd, dev_t device, int depth, const std::string& path, Met& met) {
  if (depth > kMaxDepth || met.size() > kMaxLinked) {
    return absl::ResourceExhaustedError(absl::StrCat(path, ": too much to look through"));
  }
  Fd own(::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!own) return ErrnoStatus(errno, "open", path);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own.get()), &::closedir);
  if (!stream) return ErrnoStatus(errno, "fdopendir", path);
  const int directory = own.Release();  // the stream closes it
  while (const dirent* entry = ::readdir(stream.get())) {
    const absl::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat attributes;
    if (::fstatat(directory, entry->d_name, &attributes, AT_SYMLINK_NOFOLLOW) < 0) continue;
    if (S_ISDIR(attributes.st_mode)) {
      if (attributes.st_dev != device) continue;  // a mount of its own
      const Fd below(
          ::openat(directory, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
      if (!below) return ErrnoStatus(errno, "open", absl::StrCat(path, "/", name));
      RETURN_IF_ERROR(Walk(below.get(), device, depth + 1, absl::StrCat(path, "/", name), met));
    } else if (attributes.st_nlink > 1) {
      auto& [seen, all] = met[{attributes.st_dev, attributes.st_ino}];
      ++seen;
      all = attributes.st_nlink;
    }
  }
  return absl::OkStatus();
}

absl::Status HasOtherNames(const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat(path,
                   " has hard links that the rule would not bind: it can be reached by "
                   "another name; remove them, or name a directory that holds them all"));
}

}  // namespace

std::vector<ShownPart> ParseShownParts(absl::string_view mountinfo) {
  std::vector<ShownPart> parts;
  for (absl::string_view line : absl::StrSplit(mountinfo, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
    ShownPart part;
    if (fields.size() < 5 || !absl::SimpleAtoi(fields[0], &part.id)) continue;
    part.device = std::string(fields[2]);
    part.root = Unescape(fields[3]);
    part.target = Unescape(fields[4]);
    parts.push_back(std::move(part));
  }
  return parts;
}

std::vector<std::string> AllNames(const std::vector<ShownPart>& parts, int id,
                                  const std::string& path) {
  std::vector<std::string> names = {path};
  for (const ShownPart& own : parts) {
    absl::string_view rest;
    if (own.id != id || !Below(path, own.target, rest)) continue;
    const std::string object = Join(own.root, rest);  // in its file system
    for (const ShownPart& other : parts) {
      absl::string_view behind;
      if (other.id == id || other.device != own.device || !Below(object, other.root, behind)) {
        continue;
      }
      names.push_back(Join(other.target, behind));
    }
  }
  return names;
}

absl::Status CheckLinksStayInside(int fd, const std::string& path) {
  struct stat attributes;
  if (::fstat(fd, &attributes) < 0) return ErrnoStatus(errno, "fstat", path);
  if (!S_ISDIR(attributes.st_mode)) {
    return attributes.st_nlink > 1 ? HasOtherNames(path) : absl::OkStatus();
  }
  Met met;
  RETURN_IF_ERROR(Walk(fd, attributes.st_dev, 0, path, met));
  for (const auto& [file, names] : met) {
    if (names.first < names.second) return HasOtherNames(absl::StrCat("a file in ", path));
  }
  return absl::OkStatus();
}

}  // namespace moat::rootfs
