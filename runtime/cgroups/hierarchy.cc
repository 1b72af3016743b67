#include "runtime/cgroups/hierarchy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/read_file.h"
#include "base/status.h"

namespace moat::cgroups {
namespace {

constexpr size_t kMaxMountTable = 4 << 20;
constexpr size_t kMaxControllers = 4096;

// Super block options of a v1 hierarchy that are not controllers.
bool IsController(absl::string_view option) {
  constexpr absl::string_view kOthers[] = {
      "rw",       "ro",       "xattr",        "clone_children",
      "noprefix", "seclabel", "favordynmods", "cpuset_v2_mode"};
  return !absl::StartsWith(option, "release_agent=") &&
         std::find(std::begin(kOthers), std::end(kOthers), option) == std::end(kOthers);
}

bool Known(const Layout& layout, const Hierarchy& hierarchy) {
  return std::any_of(
      layout.hierarchies.begin(), layout.hierarchies.end(), [&hierarchy](const Hierarchy& known) {
        return known.v2 == hierarchy.v2 && known.controllers == hierarchy.controllers;
      });
}

}  // namespace

const Hierarchy* Layout::Find(absl::string_view controller) const {
  for (const Hierarchy& hierarchy : hierarchies) {
    const auto& names = hierarchy.controllers;
    if (std::find(names.begin(), names.end(), controller) != names.end()) return &hierarchy;
  }
  return nullptr;
}

Layout ParseLayout(absl::string_view mountinfo) {
  Layout layout;
  for (absl::string_view line : absl::StrSplit(mountinfo, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> halves =
        absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    const std::vector<absl::string_view> first = absl::StrSplit(halves.first, ' ');
    const std::vector<absl::string_view> second = absl::StrSplit(halves.second, ' ');
    if (first.size() < 6 || second.size() < 3) continue;
    Hierarchy hierarchy;
    hierarchy.mount = std::string(first[4]);
    hierarchy.v2 = second[0] == "cgroup2";
    if (!hierarchy.v2 && second[0] != "cgroup") continue;
    for (absl::string_view option : absl::StrSplit(second[2], ',')) {
      if (!hierarchy.v2 && IsController(option)) hierarchy.controllers.emplace_back(option);
    }
    if (!Known(layout, hierarchy)) layout.hierarchies.push_back(std::move(hierarchy));
  }
  return layout;
}

absl::StatusOr<Layout> DetectLayout() {
  ASSIGN_OR_RETURN(const std::string table, ReadFile("/proc/self/mountinfo", kMaxMountTable));
  Layout layout = ParseLayout(table);
  for (Hierarchy& hierarchy : layout.hierarchies) {
    if (!hierarchy.v2) continue;
    ASSIGN_OR_RETURN(const std::string controllers,
                     ReadFile(hierarchy.mount + "/cgroup.controllers", kMaxControllers));
    hierarchy.controllers = absl::StrSplit(controllers, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  }
  return layout;
}

}  // namespace moat::cgroups
