#include "runtime/cgroups/systemd_scope.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/cgroups/resource_writes.h"

namespace moat::cgroups {
namespace {

constexpr size_t kLongestUnit = 255;  // systemd.unit(5)
constexpr char kScope[] = ".scope";

// systemd.unit(5), of which a backslash begins an escape.
bool IsPartOfUnitName(absl::string_view part) {
  return std::all_of(part.begin(), part.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::string_view("_.-@\\").find(c) != absl::string_view::npos;
  });
}

absl::Status Fault(absl::string_view path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("linux.cgroupsPath '", path, "': ", why));
}

}  // namespace

absl::StatusOr<ScopeName> ScopeNameOf(absl::string_view cgroups_path, absl::string_view id,
                                      Manager manager) {
  const std::string written =
      cgroups_path.empty() ? absl::StrCat(":moat:", id) : std::string(cgroups_path);
  const std::vector<std::string> parts = absl::StrSplit(written, ':');
  if (parts.size() != 3) {
    return Fault(written, "systemd manages control groups, so it must be slice:prefix:name");
  }
  ScopeName name;
  name.slice = parts[0].empty() ? (manager == Manager::kUserSystemd ? "user.slice" : "system.slice")
                                : parts[0];
  if (!absl::EndsWith(name.slice, ".slice")) return Fault(written, "the slice lacks \".slice\"");
  if (parts[2].empty()) return Fault(written, "the name is empty");
  if (absl::EndsWith(parts[2], ".slice")) return Fault(written, "a container is no slice");
  name.unit = absl::StrCat(parts[1], parts[1].empty() ? "" : "-", parts[2], kScope);
  if (!IsPartOfUnitName(name.slice) || !IsPartOfUnitName(name.unit) ||
      name.unit.size() > kLongestUnit) {
    return Fault(written, "systemd takes letters, digits and _.-@\\ only, at most 255");
  }
  return name;
}

std::string ScopeUnitOf(const std::vector<std::string>& paths) {
  for (absl::string_view path : paths) {
    if (!absl::ConsumeSuffix(&path, kBelowScope) || !absl::EndsWith(path, kScope)) continue;
    return std::string(path.substr(path.rfind('/') + 1));
  }
  return "";
}

std::vector<std::string> ScopeProperties(const spec::Resources& resources) {
  std::vector<std::string> properties;
  if (resources.cpu && resources.cpu->shares.value_or(0) != 0) {
    properties.push_back(absl::StrCat("CPUWeight=", WeightOfShares(*resources.cpu->shares)));
  }
  if (resources.memory && resources.memory->reservation.value_or(0) > 0) {
    properties.push_back(absl::StrCat("MemoryLow=", *resources.memory->reservation));
  }
  if (resources.block_io && resources.block_io->weight.value_or(0) != 0) {
    properties.push_back(absl::StrCat("IOWeight=", IoWeight(*resources.block_io->weight)));
  }
  return properties;
}

absl::Status CheckSystemd(const Layout& layout) {
  if (::access("/run/systemd/system", F_OK) < 0) {
    return absl::FailedPreconditionError(
        "systemd does not run here, so it cannot manage control groups: leave out --systemd-cgroup "
        "(--cgroup-manager systemd); clients call the other driver \"cgroupfs\"");
  }
  if (layout.unified()) return absl::OkStatus();
  return absl::UnimplementedError(
      "moat works with systemd only where there is cgroup v2 alone, and this host has v1 "
      "hierarchies: leave out --systemd-cgroup (--cgroup-manager systemd); clients call the other "
      "driver \"cgroupfs\"");
}

}  // namespace moat::cgroups
