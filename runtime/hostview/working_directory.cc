#include "runtime/hostview/working_directory.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace moat::hostview {
namespace {

constexpr absl::string_view kSystem[] = {"/usr",   "/bin",    "/sbin",   "/lib", "/lib32",
                                         "/lib64", "/libx32", "/libo32", "/etc", "/opt"};
// Not to be shown whole, while a directory below them may be.
constexpr absl::string_view kParents[] = {"/home",      "/tmp",     "/var",   "/var/tmp",
                                          "/var/cache", "/var/log", "/media", "/mnt"};
// Nothing below them is shown either.
constexpr absl::string_view kForbidden[] = {
    "/proc", "/sys", "/dev", "/run", "/boot", "/var/lib", "/var/run", "/var/spool", "/lost+found"};
constexpr absl::string_view kKeyDirectories[] = {
    ".ssh", ".gnupg",  ".aws",   ".azure",   ".kube",   ".docker", ".password-store",
    ".pki", ".gcloud", "gcloud", ".mozilla", "keyrings"};

WorkingDirectory NotShown(std::string reason) { return {Showing::kNotShown, std::move(reason)}; }

}  // namespace

bool IsWithin(absl::string_view path, absl::string_view ancestor) {
  if (ancestor == "/") return true;
  return absl::StartsWith(path, ancestor) &&
         (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

WorkingDirectory DecideWorkingDirectory(const std::string& directory,
                                        const std::vector<std::string>& homes) {
  const auto within = [&](absl::string_view ancestor) { return IsWithin(directory, ancestor); };
  if (directory == "/") return NotShown("it is the root directory");
  if (std::any_of(std::begin(kSystem), std::end(kSystem), within)) {
    return {Showing::kPartOfSystem, ""};
  }
  for (const absl::string_view part : absl::StrSplit(directory, '/')) {
    if (std::find(std::begin(kKeyDirectories), std::end(kKeyDirectories), part) !=
        std::end(kKeyDirectories)) {
      return NotShown(absl::StrCat(part, " is known to hold keys"));
    }
  }
  for (const std::string& home : homes) {
    if (home != "/" && IsWithin(home, directory)) {
      return NotShown(absl::StrCat("it is, or holds, the home directory ", home));
    }
  }
  if (std::any_of(std::begin(kForbidden), std::end(kForbidden), within) ||
      std::find(std::begin(kParents), std::end(kParents), directory) != std::end(kParents)) {
    return NotShown("it is shared by the whole machine");
  }
  return {Showing::kBind, ""};
}

}  // namespace moat::hostview
