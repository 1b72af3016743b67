#include "sentry/net/task_name.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sentry/container.h"
#include "sentry/fs/open_file.h"

namespace moat::sentry {
namespace {

constexpr size_t kRoom = sizeof(sockaddr_un::sun_path);
constexpr absl::string_view kUp = "../";
// More steps up than the directory is deep, for the case that another thread changes it: at the
// root they lead nowhere.
constexpr size_t kSpareSteps = 8;

std::string AddressOf(absl::string_view path) {
  const sa_family_t family = AF_UNIX;
  std::string address(sizeof(family), '\0');
  std::memcpy(address.data(), &family, sizeof(family));
  return absl::StrCat(address, path);
}

std::optional<std::string> ByWayOfRoot(absl::string_view directory, absl::string_view target) {
  const absl::string_view below_root = target.substr(1);
  if (below_root.empty()) return {};  // the root is no socket
  const size_t depth =
      directory == "/" ? 0
                       : static_cast<size_t>(std::count(directory.begin(), directory.end(), '/'));
  if (below_root.size() + depth * kUp.size() > kRoom) return {};
  const size_t fitting = (kRoom - below_root.size()) / kUp.size();
  std::string path;
  for (size_t i = 0; i < std::min(depth + kSpareSteps, fitting); ++i) absl::StrAppend(&path, kUp);
  return absl::StrCat(path, below_root);
}

std::optional<std::string> BelowDirectory(absl::string_view directory, absl::string_view target) {
  const std::string prefix = directory == "/" ? "/" : absl::StrCat(directory, "/");
  if (!absl::StartsWith(target, prefix)) return {};
  const absl::string_view path = target.substr(prefix.size());
  if (path.empty() || path.size() > kRoom) return {};
  return std::string(path);
}

}  // namespace

std::optional<std::string> AddressFrom(absl::string_view working_directory,
                                       absl::string_view target, bool was_relative) {
  if (!absl::StartsWith(working_directory, "/") || !absl::StartsWith(target, "/")) return {};
  const auto below = BelowDirectory(working_directory, target);
  const auto by_root = ByWayOfRoot(working_directory, target);
  const auto& path = below && (was_relative || !by_root) ? below : by_root;
  if (!path || path->empty()) return {};
  return AddressOf(*path);
}

Result<std::string> AddressForTask(Call& call, const std::string& path) {
  TRY_ASSIGN(const auto opened, OpenFile(call, {.where = {AT_FDCWD, path}, .flags = O_PATH}));
  struct stat attributes;
  if (::fstat(opened.fd.get(), &attributes) < 0) return Errno::Last();
  if (!S_ISSOCK(attributes.st_mode)) return Errno(ECONNREFUSED);
  if (attributes.st_nlink == 0) return Errno(ENOENT);
  const TaskTable& tasks = *call.container().tasks;
  TRY_ASSIGN(const std::string target, tasks.NameOf(opened.fd));
  TRY_ASSIGN(const std::string directory, tasks.ReadLink(call.trap().tid, "cwd"));
  auto address = AddressFrom(directory, target, !absl::StartsWith(path, "/"));
  if (!address) return Errno(ENAMETOOLONG);
  return *std::move(address);
}

bool IsAboutName(Errno error) {
  switch (error.value()) {
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case ELOOP:
    case ENAMETOOLONG:
      return true;
  }
  return false;
}

}  // namespace moat::sentry
