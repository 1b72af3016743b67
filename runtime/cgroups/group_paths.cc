#include "runtime/cgroups/group_paths.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace moat::cgroups {
namespace {

constexpr char kDefaultParent[] = "/moat";

absl::Status BadPath(absl::string_view path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("linux.cgroupsPath '", path, "': ", why));
}

// "a-b.slice:moat:c1" is /a.slice/a-b.slice/moat-c1.scope (systemd.slice(5): a dash in a slice's
// name separates levels).
absl::StatusOr<std::string> ScopePath(absl::string_view written) {
  const std::vector<std::string> parts = absl::StrSplit(written, ':');
  absl::string_view slice = parts[0].empty() ? "system.slice" : absl::string_view(parts[0]);
  if (absl::StrContains(written, "/") || parts[2].empty()) {
    return BadPath(written, "it is not slice:prefix:name");
  }
  if (!absl::ConsumeSuffix(&slice, ".slice")) return BadPath(written, "the slice lacks \".slice\"");
  std::string path, name;
  if (slice != "-") {
    for (absl::string_view level : absl::StrSplit(slice, '-')) {
      if (level.empty()) return BadPath(written, "the slice has an empty level");
      absl::StrAppend(&name, name.empty() ? "" : "-", level);
      absl::StrAppend(&path, "/", name, ".slice");
    }
  }
  if (absl::EndsWith(parts[2], ".slice")) return absl::StrCat(path, "/", parts[2]);
  return absl::StrCat(path, "/", parts[1], parts[1].empty() ? "" : "-", parts[2], ".scope");
}

}  // namespace

absl::StatusOr<std::string> WorkloadPath(absl::string_view cgroups_path, absl::string_view id) {
  if (absl::EndsWith(id, kSupervisorSuffix) || absl::EndsWith(cgroups_path, kSupervisorSuffix)) {
    return BadPath(cgroups_path.empty() ? id : cgroups_path,
                   "names that end in '.moat' are kept for the supervisors' groups");
  }
  if (cgroups_path.empty()) return absl::StrCat(kDefaultParent, "/", id);
  const bool absolute = absl::StartsWith(cgroups_path, "/");
  if (!absolute && std::count(cgroups_path.begin(), cgroups_path.end(), ':') == 2) {
    return ScopePath(cgroups_path);
  }
  std::vector<absl::string_view> parts;
  for (absl::string_view part : absl::StrSplit(cgroups_path, '/', absl::SkipEmpty())) {
    if (part == "..") return BadPath(cgroups_path, "'..' is not allowed");
    if (part != ".") parts.push_back(part);
  }
  if (parts.empty()) return BadPath(cgroups_path, "it names no group");
  return absl::StrCat(absolute ? "" : kDefaultParent, "/", absl::StrJoin(parts, "/"));
}

std::vector<std::string> DirectoriesDownTo(absl::string_view mount, absl::string_view path) {
  std::vector<std::string> directories;
  std::string current(mount);
  for (absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    absl::StrAppend(&current, "/", part);
    directories.push_back(current);
  }
  return directories;
}

bool IsParentOfAny(absl::string_view path, const std::vector<std::string>& paths) {
  const std::string prefix = absl::StrCat(path, "/");
  return std::any_of(paths.begin(), paths.end(), [&prefix](const std::string& other) {
    return absl::StartsWith(other, prefix);
  });
}

bool IsSupervisor(absl::string_view path) { return absl::EndsWith(path, kSupervisorSuffix); }

}  // namespace moat::cgroups
