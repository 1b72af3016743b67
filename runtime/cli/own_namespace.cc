#include "runtime/cli/own_namespace.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <climits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/fd.h"
#include "base/fd_message.h"
#include "base/log.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/hostview/accounts.h"
#include "runtime/hostview/sub_ids.h"
#include "runtime/launch/identity.h"
#include "runtime/launch/process.h"
#include "runtime/launch/program.h"

namespace moat::cli {
namespace {

constexpr size_t kMaxSubIds = 1 << 20;

// One of the two maps: who writes it, and what it says.
struct Map {
  const char* program;
  const char* file;
  std::vector<std::string> arguments;  // empty: there are no further ids
};

// Where newuidmap may be, whatever the caller's PATH says.
std::string FindProgram(const char* name) {
  for (const char* directory : {"/usr/bin/", "/bin/", "/usr/local/bin/", "/usr/sbin/"}) {
    std::string path = absl::StrCat(directory, name);
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

std::vector<std::string> FurtherIds(const char* file, const std::string& name, uid_t uid,
                                    uint32_t own) {
  const auto text = ReadFile(file, kMaxSubIds);
  if (!text.ok()) return {};
  const auto ranges = hostview::FindSubIds(*text, name, uid);
  return ranges.empty() ? std::vector<std::string>() : hostview::MapArguments(own, ranges);
}

// Both maps, or none when one of them cannot be had.
std::vector<Map> PlanMaps() {
  const uid_t uid = ::geteuid();
  std::string name;
  if (const auto files = hostview::ReadAccountFiles("/"); files.ok()) {
    const auto account = hostview::FindAccount(*files, absl::StrCat(uid));
    if (account.ok()) name = account->name;
  }
  std::vector<Map> maps = {
      {"newuidmap", "/etc/subuid", FurtherIds("/etc/subuid", name, uid, uid)},
      {"newgidmap", "/etc/subgid", FurtherIds("/etc/subgid", name, uid, ::getegid())}};
  for (const Map& map : maps) {
    if (FindProgram(map.program).empty()) {
      LogDebug(absl::StrCat("no ", map.program, " here: the container has one id"));
      return {};
    }
    if (map.arguments.empty()) {
      LogDebug(absl::StrCat(map.file, " gives you no ids: the container has one id"));
      return {};
    }
  }
  return maps;
}

// In a child that stays in the caller's namespace: waits until its parent is in the new one.
[[noreturn]] void WriteMaps(int go, pid_t pid, const std::vector<Map>& maps) {
  char letter;
  if (::read(go, &letter, 1) != 1) ::_exit(1);
  for (const Map& map : maps) {
    std::vector<std::string> words = {map.program, absl::StrCat(pid)};
    words.insert(words.end(), map.arguments.begin(), map.arguments.end());
    auto writer = launch::Process::Clone(0, [&] {
      const std::string program = FindProgram(map.program);
      ::execve(program.c_str(), launch::Pointers(words).data(), environ);
      ::_exit(1);
    });
    if (!writer.ok() || !writer->WaitForSuccess(map.program).ok()) ::_exit(1);
  }
  ::_exit(0);
}

absl::Status NewUserNamespace() {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) return absl::OkStatus();
  return Annotate(ErrnoStatus(errno, "unshare", "user and mount namespaces"),
                  "this host lets ordinary users make no user namespaces; run moat as root");
}

absl::Status MapOneId(uid_t uid, gid_t gid) {
  RETURN_IF_ERROR(WriteFile("/proc/self/setgroups", "deny"));
  RETURN_IF_ERROR(WriteFile("/proc/self/uid_map", absl::StrCat("0 ", uid, " 1")));
  return WriteFile("/proc/self/gid_map", absl::StrCat("0 ", gid, " 1"));
}

absl::Status EnterWithMaps(const std::vector<Map>& maps) {
  ASSIGN_OR_RETURN(auto go, SocketPair());
  const pid_t self = ::getpid();
  ASSIGN_OR_RETURN(launch::Process writer, launch::Process::Clone(0, [&] {
                     go.first.Reset();
                     WriteMaps(go.second.get(), self, maps);
                   }));
  go.second.Reset();
  RETURN_IF_ERROR(NewUserNamespace());
  if (::write(go.first.get(), "g", 1) != 1) return ErrnoStatus(errno, "write", "go");
  return Annotate(writer.WaitForSuccess("newuidmap and newgidmap"),
                  "the ids of /etc/subuid and /etc/subgid cannot be mapped");
}

absl::Status TakeRoot() {
  RETURN_IF_ERROR(launch::DropGroups());
  if (::setresgid(0, 0, 0) < 0) return ErrnoStatus(errno, "setresgid", "0");
  if (::setresuid(0, 0, 0) < 0) return ErrnoStatus(errno, "setresuid", "0");
  return absl::OkStatus();
}

// Whether mounts can be copied: the mount namespace belongs to our user namespace.
bool OwnsMounts() {
  const Fd copy(::open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  return copy || errno != EPERM;
}

// The kernel counts a process among those of the namespace in which it executed its program:
// before, its files in /proc belong to the machine's root (proc(5)).
absl::Status ExecuteAgain(char** argv) {
  std::string self(PATH_MAX, '\0');
  const ssize_t size = ::readlink("/proc/self/exe", self.data(), self.size());
  self.resize(size < 0 ? 0 : static_cast<size_t>(size));
  ::execve(self.c_str(), argv, environ);
  ::execve("/proc/self/exe", argv, environ);
  return ErrnoStatus(errno, "execve", self);
}

absl::Status EnterOwnNamespace() {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  const std::vector<Map> maps = PlanMaps();
  if (!maps.empty()) {
    RETURN_IF_ERROR(EnterWithMaps(maps));
    return TakeRoot();
  }
  RETURN_IF_ERROR(NewUserNamespace());
  RETURN_IF_ERROR(MapOneId(uid, gid));
  return TakeRoot();
}

}  // namespace

absl::Status BecomeRootOfOwnNamespace(char** argv) {
  if (::geteuid() == 0) {
    if (OwnsMounts() || ::unshare(CLONE_NEWNS) == 0) return absl::OkStatus();
    return ErrnoStatus(errno, "unshare", "a mount namespace");
  }
  RETURN_IF_ERROR(EnterOwnNamespace());
  return ExecuteAgain(argv);
}

absl::Status JoinOwnNamespace(pid_t sentry, char** argv) {
  if (::geteuid() == 0) return absl::OkStatus();
  // The sentry's own was made below it.
  const std::string path = absl::StrCat("/proc/", sentry, "/ns/user");
  const Fd below(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!below) return ErrnoStatus(errno, "open", path);
  const Fd own(::ioctl(below.get(), NS_GET_PARENT));
  if (!own) return ErrnoStatus(errno, "ioctl NS_GET_PARENT", path);
  if (::setns(own.get(), CLONE_NEWUSER) < 0) {
    return ErrnoStatus(errno, "setns", "the user namespace in which the container was made");
  }
  RETURN_IF_ERROR(TakeRoot());
  return ExecuteAgain(argv);
}

}  // namespace moat::cli
