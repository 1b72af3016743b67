#include "runtime/launch/differing_namespaces.h"

#include <sched.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cerrno>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/pidfd.h"
#include "base/status.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080  // since Linux 5.6
#endif

namespace moat::launch {
namespace {

struct Sharable {
  const char* name;  // in /proc/PID/ns
  int flag;
};
constexpr Sharable kSharable[] = {{"net", CLONE_NEWNET},
                                  {"ipc", CLONE_NEWIPC},
                                  {"uts", CLONE_NEWUTS},
                                  {"cgroup", CLONE_NEWCGROUP},
                                  {"time", CLONE_NEWTIME}};

absl::StatusOr<bool> Differs(const char* name, pid_t pid) {
  struct stat ours, theirs;
  const std::string own = absl::StrCat("/proc/self/ns/", name);
  if (::stat(own.c_str(), &ours) < 0) {
    if (errno == ENOENT) return false;  // a kernel without this kind
    return ErrnoStatus(errno, "stat", own);
  }
  const std::string path = absl::StrCat("/proc/", pid, "/ns/", name);
  if (::stat(path.c_str(), &theirs) < 0) return ErrnoStatus(errno, "stat", path);
  return ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino;
}

}  // namespace

absl::StatusOr<int> DifferingNamespaces(int pidfd) {
  ASSIGN_OR_RETURN(const pid_t pid, PidOf(pidfd));
  int flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS;
  for (const Sharable& one : kSharable) {
    ASSIGN_OR_RETURN(const bool differs, Differs(one.name, pid));
    if (differs) flags |= one.flag;
  }
  // It lives, so the number was nobody else's meanwhile.
  RETURN_IF_ERROR(PidOf(pidfd).status());
  return flags;
}

}  // namespace moat::launch
