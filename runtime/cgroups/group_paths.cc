#include "runtime/cgroups/group_paths.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace moat::cgroups {
namespace {

constexpr char kDefaultParent[] = "/moat";

absl::Status BadPath(absl::string_view path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("linux.cgroupsPath '", path, "': ", why));
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
    return absl::UnimplementedError(absl::StrCat("linux.cgroupsPath '", cgroups_path,
                                                 "': systemd slices are not supported yet"));
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
