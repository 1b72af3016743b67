#include "runtime/namespaces/sysctl.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/fd.h"
#include "base/status.h"

namespace moat::namespaces {
namespace {

constexpr absl::string_view kIpcNames[] = {
    "kernel.msgmax",      "kernel.msgmnb",      "kernel.msgmni",      "kernel.sem",
    "kernel.shmall",      "kernel.shmmax",      "kernel.shmmni",      "kernel.shm_rmid_forced",
    "kernel.shm_next_id", "kernel.msg_next_id", "kernel.sem_next_id",
};

std::string Dotted(absl::string_view name) { return absl::StrReplaceAll(name, {{"/", "."}}); }

absl::StatusOr<Fd> OpenBeneath(int procfs, const std::string& file) {
  open_how how = {};
  how.flags = O_WRONLY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  Fd fd(static_cast<int>(::syscall(SYS_openat2, procfs, file.c_str(), &how, sizeof(how))));
  if (!fd) return ErrnoStatus(errno, "openat2", file);
  return fd;
}

absl::Status WriteOne(int procfs, const std::string& name, const std::string& value) {
  ASSIGN_OR_RETURN(const std::string file, SysctlFile(name));
  ASSIGN_OR_RETURN(const Fd fd, OpenBeneath(procfs, file));
  const ssize_t written = ::write(fd.get(), value.data(), value.size());
  if (written < 0) return ErrnoStatus(errno, "write", file);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> NamespaceOfSysctl(absl::string_view name) {
  const std::string dotted = Dotted(name);
  if (absl::StartsWith(dotted, "net.")) return CLONE_NEWNET;
  if (absl::StartsWith(dotted, "fs.mqueue.") ||
      std::find(std::begin(kIpcNames), std::end(kIpcNames), dotted) != std::end(kIpcNames)) {
    return CLONE_NEWIPC;
  }
  if (dotted == "kernel.domainname") return CLONE_NEWUTS;
  if (dotted == "kernel.hostname") {
    return absl::InvalidArgumentError("linux.sysctl[kernel.hostname]: use the field hostname");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("linux.sysctl[", name, "]: it belongs to the host, not to a container"));
}

absl::StatusOr<std::string> SysctlFile(absl::string_view name) {
  const size_t first = name.find_first_of("./");
  std::string path(name);
  if (first != absl::string_view::npos && name[first] == '.') {
    path = absl::StrReplaceAll(name, {{".", "/"}, {"/", "."}});
  }
  for (absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty() || part == "." || part == "..") {
      return absl::InvalidArgumentError(absl::StrCat("linux.sysctl[", name, "]: not a name"));
    }
  }
  return absl::StrCat("sys/", path);
}

absl::StatusOr<std::map<std::string, std::string>> SysctlsOf(
    const std::map<std::string, std::string>& values, const std::function<bool(int flag)>& wanted) {
  std::map<std::string, std::string> found;
  for (const auto& [name, value] : values) {
    ASSIGN_OR_RETURN(const int flag, NamespaceOfSysctl(name));
    if (wanted(flag)) found.emplace(name, value);
  }
  return found;
}

absl::Status WriteSysctls(const std::map<std::string, std::string>& values, int procfs) {
  if (values.empty()) return absl::OkStatus();
  struct statfs filesystem;
  if (::fstatfs(procfs, &filesystem) < 0) return ErrnoStatus(errno, "fstatfs", "procfs");
  constexpr ino_t kRootOfProc = 1;  // PROC_ROOT_INO
  struct stat attributes;
  if (::fstat(procfs, &attributes) < 0) return ErrnoStatus(errno, "fstat", "procfs");
  if (filesystem.f_type != PROC_SUPER_MAGIC || attributes.st_ino != kRootOfProc) {
    return absl::InternalError("sysctls can only be written through a procfs");
  }
  for (const auto& [name, value] : values) {
    RETURN_IF_ERROR(
        Annotate(WriteOne(procfs, name, value), absl::StrCat("linux.sysctl[", name, "]")));
  }
  return absl::OkStatus();
}

}  // namespace moat::namespaces
