#include "bench/moat_bench/guest/escape.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/fd.h"
#include "bench/moat_bench/guest/look.h"
#include "bench/moat_bench/guest/syscall_probes.h"

namespace moat::bench {
namespace {

using nlohmann::json;

json Finding(bool open, const std::string& evidence) {
  return {{"open", open}, {"evidence", evidence}};
}

// Of a probe whose text begins with "open: " when the way is open.
json FromText(const std::string& text) { return Finding(text.rfind("open: ", 0) == 0, text); }

std::string Value(const std::string& field) {
  std::string fault;
  std::istringstream lines(Contents("/proc/self/status", 8192, &fault));
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(field + ":", 0) == 0) return line.substr(field.size() + 2);
  }
  return "";
}

json LeakedDescriptors() {
  std::string leaked;
  for (int fd = 3; fd < 256; ++fd) {
    if (fcntl(fd, F_GETFD) == -1) continue;
    leaked += (leaked.empty() ? "" : ", ") + std::to_string(fd) + " -> " +
              LinkOf("/proc/self/fd/" + std::to_string(fd));
  }
  return Finding(!leaked.empty(), leaked.empty() ? "only 0, 1 and 2 are open" : leaked);
}

// Files of the host that name a program which the host's kernel then runs. Opened, never written.
json HelperPaths() {
  bool open = false;
  std::string evidence;
  for (const char* path : {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
                           "/sys/kernel/uevent_helper", "/proc/sys/fs/binfmt_misc/register"}) {
    const std::string answer = OpenFor(path, O_WRONLY);
    open = open || answer == "opens";
    evidence += std::string(evidence.empty() ? "" : ", ") + path + ": " + answer;
  }
  return Finding(open, evidence);
}

json InheritableCapabilities() {
  const std::string set = Value("CapInh");
  return Finding(set.find_first_not_of('0') != std::string::npos, "CapInh " + set);
}

std::string MountControlGroups() {
  mkdir("/tmp/groups", 0700);
  if (mount("cgroup", "/tmp/groups", "cgroup", 0, "none,name=moat-bench-probe") == -1 &&
      mount("cgroup", "/tmp/groups", "cgroup", 0, "memory") == -1) {
    return "mount: " + NameOfErrno(errno);
  }
  const std::string agent = OpenFor("/tmp/groups/release_agent", O_WRONLY);
  umount2("/tmp/groups", MNT_DETACH);
  return (agent == "opens" ? "open: release_agent opens for writing"
                           : "mounted; release_agent: " + agent);
}

json ReleaseAgent() {
  std::string plain = InChild(MountControlGroups);
  if (plain.rfind("open: ", 0) == 0) return FromText(plain);
  const std::string nested = InChild([]() -> std::string {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) == -1) {
      return "unshare: " + NameOfErrno(errno);
    }
    return MountControlGroups();
  });
  if (nested.rfind("open: ", 0) == 0) return FromText(nested + " in a new user namespace");
  return Finding(false, plain + "; in a new user namespace: " + nested);
}

std::string PushInput() {
  signal(SIGHUP, SIG_IGN);  // the terminal hangs up when its other end is closed
  setsid();
  const Fd terminal(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.valid() || grantpt(terminal.get()) == -1 || unlockpt(terminal.get()) == -1) {
    return "no terminal: " + NameOfErrno(errno);
  }
  char name[128];
  if (ptsname_r(terminal.get(), name, sizeof name) != 0) return "no name of the terminal";
  const Fd own(open(name, O_RDWR | O_CLOEXEC));  // becomes the controlling terminal
  if (!own.valid()) return std::string(name) + ": " + NameOfErrno(errno);
  const char byte = 'x';
  if (ioctl(own.get(), TIOCSTI, &byte) == -1) return "TIOCSTI: " + NameOfErrno(errno);
  return "open: TIOCSTI puts input into the terminal";
}

}  // namespace

int EscapePreconditions() {
  json found = {{"leaked descriptors", LeakedDescriptors()}};
  found["helper paths"] = HelperPaths();
  found["inheritable capabilities"] = InheritableCapabilities();
  found["release agent"] = ReleaseAgent();
  found["terminal input"] = FromText(InChild(PushInput));
  for (const SyscallProbe& probe : SyscallProbes())
    found[probe.name] = FromText(InChild(probe.run));
  std::cout << found.dump(-1, ' ', true, json::error_handler_t::replace) << std::endl;
  return 0;
}

}  // namespace moat::bench
