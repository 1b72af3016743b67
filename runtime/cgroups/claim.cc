#include "runtime/cgroups/claim.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace moat::cgroups {
namespace {

constexpr char kMark[] = "user.moat.container";

bool NoSuchAttributes(int error) { return error == ENOTSUP || error == ENOSYS; }

// "" when there is none.
std::string ReadMark(const std::string& directory) {
  std::string mark(PATH_MAX, '\0');
  const ssize_t size = ::getxattr(directory.c_str(), kMark, mark.data(), mark.size());
  mark.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return mark;
}

// A directory can have several names: a trailing slash, /var/run for /run.
bool SameDirectory(const std::string& one, const std::string& other) {
  struct stat a, b;
  return one == other || (::stat(one.c_str(), &a) == 0 && ::stat(other.c_str(), &b) == 0 &&
                          a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

}  // namespace

absl::Status ClaimGroup(const std::string& directory, const std::string& owner) {
  const auto write = [&](int flags) {
    return ::setxattr(directory.c_str(), kMark, owner.data(), owner.size(), flags) == 0;
  };
  if (write(XATTR_CREATE) || NoSuchAttributes(errno)) return absl::OkStatus();
  if (errno != EEXIST) return ErrnoStatus(errno, "setxattr", directory);
  const std::string other = ReadMark(directory);
  if (SameDirectory(other, owner)) return absl::OkStatus();
  if (::access(other.c_str(), F_OK) == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("the control group ", directory, " is that of the container in ", other,
                     ": give this one another id or linux.cgroupsPath"));
  }
  if (!write(XATTR_REPLACE)) return ErrnoStatus(errno, "setxattr", directory);
  return absl::OkStatus();
}

bool IsClaimedByOther(const std::string& directory, const std::string& owner) {
  const std::string mark = ReadMark(directory);
  return !mark.empty() && !SameDirectory(mark, owner);
}

}  // namespace moat::cgroups
