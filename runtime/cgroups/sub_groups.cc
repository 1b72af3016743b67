#include "runtime/cgroups/sub_groups.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace moat::cgroups {
namespace {

absl::Status Fault(absl::string_view word, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("--cgroup ", word, ": ", problem));
}

absl::StatusOr<std::string> ParsePath(absl::string_view word, absl::string_view path) {
  std::string below;
  for (absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (part == "..") return Fault(word, "it leads out of the container's group");
    if (part != ".") absl::StrAppend(&below, "/", part);
  }
  return below;
}

bool IsIn(const std::string& leaf, const Hierarchy& hierarchy) {
  return absl::StartsWith(leaf, hierarchy.mount + "/");
}

}  // namespace

absl::StatusOr<SubGroups> ParseSubGroups(const std::vector<std::string>& words) {
  SubGroups below;
  for (const std::string& word : words) {
    const size_t colon = word.find(':');
    if (colon == std::string::npos && words.size() > 1) {
      return Fault(word, "with more than one, each needs its controller (CONTROLLER:PATH)");
    }
    ASSIGN_OR_RETURN(const std::string path,
                     ParsePath(word, colon == std::string::npos ? word : word.substr(colon + 1)));
    if (colon == std::string::npos) return SubGroups{{"", path}};
    for (absl::string_view controller : absl::StrSplit(word.substr(0, colon), ',')) {
      if (controller.empty()) return Fault(word, "a controller's name is empty");
      if (!below.emplace(controller, path).second) {
        return Fault(word, absl::StrCat("the controller ", controller, " is named twice"));
      }
    }
  }
  return below;
}

absl::StatusOr<std::vector<std::string>> SubGroupDirectories(const std::vector<std::string>& leaves,
                                                             const Layout& layout,
                                                             const SubGroups& below) {
  std::vector<std::string> directories = leaves;
  for (const auto& [controller, path] : below) {
    const Hierarchy* hierarchy = controller.empty() ? nullptr : layout.Find(controller);
    bool found = false;
    for (size_t i = 0; i < leaves.size(); ++i) {
      if (!controller.empty() && (!hierarchy || !IsIn(leaves[i], *hierarchy))) continue;
      directories[i] = leaves[i] + path;
      found = true;
    }
    if (!found) {
      return Fault(absl::StrCat(controller, ":", path),
                   controller.empty() ? "the container has no control group"
                                      : "the container has no group of this controller");
    }
  }
  return directories;
}

}  // namespace moat::cgroups
