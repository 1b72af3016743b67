#include "bench/moat_bench/driver/roles.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/read_file.h"

namespace moat::bench {
namespace {

Role ByNames(const std::string& command, const std::string& arguments) {
  const std::string first = arguments.substr(0, arguments.find('\0'));
  if (absl::StrContains(command, "gofer") || absl::StrContains(first, "gofer"))
    return Role::kFileProxy;
  if (absl::StartsWith(command, "guest") || absl::EndsWith(first, "/guest")) return Role::kWorkload;
  return Role::kSupervisor;
}

}  // namespace

const char* NameOf(Role role) {
  switch (role) {
    case Role::kWorkload:
      return "workload";
    case Role::kSupervisor:
      return "supervisor";
    case Role::kFileProxy:
      return "file proxy";
  }
  return "?";
}

void Roles::Look(const std::vector<pid_t>& processes) {
  for (const pid_t process : processes) {
    const std::string folder = absl::StrCat("/proc/", process);
    const auto command = ReadFile(folder + "/comm", 64);
    const auto arguments = ReadFile(folder + "/cmdline", 1 << 16);
    if (!command.ok() || !arguments.ok()) continue;
    const bool bare = arguments->empty() || (*arguments)[0] == '\0';
    // A process that is about to end has no arguments either, but no program any more.
    std::error_code gone;
    const bool has_program = !std::filesystem::read_symlink(folder + "/exe", gone).empty();
    if (bare && !has_program) continue;
    roles_[process] = bare ? Role::kWorkload : ByNames(*command, *arguments);
  }
}

Role Roles::Of(pid_t process, const std::string& command) const {
  const auto known = roles_.find(process);
  return known == roles_.end() ? ByNames(command, "") : known->second;
}

}  // namespace moat::bench
