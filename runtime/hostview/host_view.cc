#include "runtime/hostview/host_view.h"

#include <sys/stat.h>

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/hostview/hidden_files.h"

namespace moat::hostview {
namespace {

using rootfs::RootPlan;

constexpr const char* kSystemDirectories[] = {
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/libo32", "/etc", "/opt",
};

constexpr mode_t kShared = 01777;

struct FreshDirectory {
  const char* path;
  mode_t mode;
};
// The sub-directories of /var that programs expect (FHS 3.0, 5.2) and of /var/lib that apt and dpkg
// do not make by themselves.
constexpr FreshDirectory kFreshDirectories[] = {
    {"/home", 0755},
    {"/media", 0755},
    {"/mnt", 0755},
    {"/root", 0700},
    {"/run", 0755},
    {"/run/lock", kShared},
    {"/srv", 0755},
    {"/tmp", kShared},
    {"/var", 0755},
    {"/var/cache", 0755},
    {"/var/cache/apt/archives/partial", 0755},
    {"/var/lib", 0755},
    {"/var/lib/apt/lists/partial", 0755},
    {"/var/lib/dpkg/info", 0755},
    {"/var/lib/dpkg/updates", 0755},
    {"/var/local", 0755},
    {"/var/log", 0755},
    {"/var/mail", 0755},
    {"/var/opt", 0755},
    {"/var/spool", 0755},
    {"/var/tmp", kShared},
};

absl::Status AddSystemDirectory(const std::string& path, RootPlan& plan) {
  struct stat status;
  if (::lstat(path.c_str(), &status) < 0) {
    return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(errno, "lstat", path);
  }
  if (S_ISLNK(status.st_mode)) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(path, error).string();
    if (error) return ErrnoStatus(error.value(), "readlink", path);
    plan.symlinks.push_back({path, target});
    return absl::OkStatus();
  }
  if (!S_ISDIR(status.st_mode)) return absl::OkStatus();
  RootPlan::Overlay overlay{path, path, {}};
  if (path == "/etc") {
    ASSIGN_OR_RETURN(overlay.hidden, HiddenFiles(path));
  }
  plan.overlays.push_back(std::move(overlay));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RootPlan> HostView() {
  RootPlan plan;
  for (const FreshDirectory& directory : kFreshDirectories) {
    plan.directories.push_back({directory.path, directory.mode});
  }
  plan.symlinks = {{"/var/run", "/run"}, {"/var/lock", "/run/lock"}};
  for (const char* path : kSystemDirectories) {
    RETURN_IF_ERROR(Annotate(AddSystemDirectory(path, plan), "the view of this machine"));
  }
  return plan;
}

absl::StatusOr<RootPlan> DirectoryView(const std::string& directory) {
  const std::unique_ptr<char, decltype(&std::free)> absolute(::realpath(directory.c_str(), nullptr),
                                                             &std::free);
  struct stat status;
  if (!absolute || ::stat(absolute.get(), &status) < 0) {
    return WithErrno(
        absl::NotFoundError(absl::StrCat("--rootfs ", directory, ": ", ErrnoName(errno),
                                         "; give a directory that holds a root file system")),
        errno);
  }
  if (!S_ISDIR(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--rootfs ", directory, " is not a directory; give one that holds a root file system"));
  }
  RootPlan plan;
  plan.overlays.push_back({absolute.get(), "/", {}});
  return plan;
}

}  // namespace moat::hostview
