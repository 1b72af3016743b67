#include "resolver/confinement.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

#include "base/landlock.h"
#include "base/status.h"
#include "resolver/server.h"

namespace moat::resolver {
namespace {

// Any directory will do as the place to build the new root on; this one is on every machine that
// moat can run on.
constexpr char kMountPoint[] = "/proc";
constexpr rlim_t kMaxFiles = kMaxWaiting + kMaxConnections + 64;

absl::Status Check(long result, absl::string_view call, absl::string_view object) {
  return result < 0 ? ErrnoStatus(errno, call, object) : absl::OkStatus();
}

// As pivot_root(2) says under NOTES.
absl::Status EnterEmptyRoot() {
  constexpr unsigned long kFlags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  RETURN_IF_ERROR(Check(::unshare(CLONE_NEWNS), "unshare", "CLONE_NEWNS"));
  RETURN_IF_ERROR(
      Check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mount", "/"));
  RETURN_IF_ERROR(Check(::mount("moat-resolver", kMountPoint, "tmpfs", kFlags, "size=4k,mode=0555"),
                        "mount", kMountPoint));
  RETURN_IF_ERROR(Check(::chdir(kMountPoint), "chdir", kMountPoint));
  RETURN_IF_ERROR(Check(::syscall(SYS_pivot_root, ".", "."), "pivot_root", "."));
  RETURN_IF_ERROR(Check(::umount2(".", MNT_DETACH), "umount2", "the host's tree"));
  return Check(::chdir("/"), "chdir", "/");
}

void LowerLimits() {
  const rlimit files = {kMaxFiles, kMaxFiles}, none = {0, 0};
  ::setrlimit(RLIMIT_NOFILE, &files);
  for (const auto unused :
       {RLIMIT_CORE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO}) {
    ::setrlimit(unused, &none);
  }
}

absl::Status DropCapabilities() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    RETURN_IF_ERROR(Check(::prctl(PR_CAPBSET_DROP, capability), "prctl", "PR_CAPBSET_DROP"));
  }
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return Check(::syscall(SYS_capset, &header, &none), "capset", "no capabilities");
}

}  // namespace

absl::Status PrepareProcess(int log) {
  ::prctl(PR_SET_NAME, "moat-resolver");
  if (::setsid() < 0 && errno != EPERM) return ErrnoStatus(errno, "setsid", "");
  ::signal(SIGPIPE, SIG_IGN);
  RETURN_IF_ERROR(Check(::dup2(log, STDERR_FILENO), "dup2", "log"));
  return EnterEmptyRoot();
}

absl::Status EnterCage(const Fd& user_namespace, const std::vector<policies::EndPoint>& servers) {
  RETURN_IF_ERROR(
      Check(::setns(user_namespace.get(), CLONE_NEWUSER), "setns", "the user namespace"));
  RETURN_IF_ERROR(
      Check(::unshare(CLONE_NEWIPC | CLONE_NEWUTS), "unshare", "IPC and UTS namespaces"));
  if (::setgroups(0, nullptr) < 0 && errno != EPERM) return ErrnoStatus(errno, "setgroups", "none");
  RETURN_IF_ERROR(Check(::setresgid(0, 0, 0), "setresgid", "0"));
  RETURN_IF_ERROR(Check(::setresuid(0, 0, 0), "setresuid", "0"));
  LowerLimits();
  RETURN_IF_ERROR(DropCapabilities());
  RETURN_IF_ERROR(Check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl", "PR_SET_NO_NEW_PRIVS"));
  RETURN_IF_ERROR(Check(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl", "PR_SET_DUMPABLE"));
  std::vector<uint16_t> ports;
  for (const policies::EndPoint& server : servers) ports.push_back(server.port);
  return GiveUpReachingOthers(ports);
}

}  // namespace moat::resolver
