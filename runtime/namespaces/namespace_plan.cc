#include "runtime/namespaces/namespace_plan.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"
#include "runtime/namespaces/child_step.h"
#include "runtime/namespaces/joined_network.h"
#include "runtime/namespaces/own_names.h"
#include "runtime/namespaces/sysctl.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080  // since Linux 5.6
#endif

namespace moat::namespaces {
namespace {

struct TypeInfo {
  spec::NamespaceType type;
  const char* name;
  int flag;
  const char* in_proc;  // its name in /proc/self/ns
  const char* cannot;   // why none can be joined; null: it can
};

constexpr char kSupervisors[] =
    "can't be joined: the supervisor makes this namespace to keep the container apart; leave out "
    "\"path\"";

constexpr TypeInfo kTypes[] = {
    {spec::NamespaceType::kPid, "pid", CLONE_NEWPID, "pid", nullptr},
    {spec::NamespaceType::kUser, "user", CLONE_NEWUSER, "user", kSupervisors},
    {spec::NamespaceType::kMount, "mount", CLONE_NEWNS, "mnt", kSupervisors},
    {spec::NamespaceType::kNetwork, "network", CLONE_NEWNET, "net", nullptr},
    {spec::NamespaceType::kIpc, "ipc", CLONE_NEWIPC, "ipc", nullptr},
    {spec::NamespaceType::kUts, "uts", CLONE_NEWUTS, "uts", nullptr},
    {spec::NamespaceType::kCgroup, "cgroup", CLONE_NEWCGROUP, "cgroup", nullptr},
    {spec::NamespaceType::kTime, "time", CLONE_NEWTIME, "time", nullptr},
};

const TypeInfo& InfoOf(spec::NamespaceType type) {
  for (const TypeInfo& info : kTypes) {
    if (info.type == type) return info;
  }
  return kTypes[0];
}

absl::StatusOr<bool> IsCallers(int fd, const TypeInfo& info) {
  struct stat theirs, ours;
  const std::string path = absl::StrCat("/proc/self/ns/", info.in_proc);
  if (::fstat(fd, &theirs) < 0) return ErrnoStatus(errno, "fstat", "the namespace");
  if (::stat(path.c_str(), &ours) < 0) return ErrnoStatus(errno, "stat", path);
  return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

absl::StatusOr<JoinedNamespace> OpenNamespace(const spec::Namespace& entry) {
  const TypeInfo& info = InfoOf(entry.type);
  if (info.cannot) return absl::UnimplementedError(absl::StrCat(entry.path, " ", info.cannot));
  // O_NONBLOCK: a named pipe there must not hold us up.
  JoinedNamespace joined{info.flag,
                         Fd(::open(entry.path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC))};
  if (!joined.fd) return ErrnoStatus(errno, "open", entry.path);
  const int type = ::ioctl(joined.fd.get(), NS_GET_NSTYPE);
  if (type != info.flag) {
    return absl::InvalidArgumentError(
        absl::StrCat(entry.path, " is not a ", info.name, " namespace"));
  }
  ASSIGN_OR_RETURN(joined.is_callers, IsCallers(joined.fd.get(), info));
  return joined;
}

absl::Status CheckUsesOwn(const spec::Spec& spec, const NamespacePlan& plan) {
  if ((!spec.hostname.empty() || !spec.domainname.empty()) && !plan.creates(CLONE_NEWUTS) &&
      !plan.joins_foreign(CLONE_NEWUTS)) {
    return absl::InvalidArgumentError(
        "hostname, domainname: they would change the host's; give the container a uts namespace");
  }
  if (!spec.linux_config.time_offsets.empty() && !plan.new_time) {
    return absl::InvalidArgumentError("linux.timeOffsets: they need a new time namespace");
  }
  if (!spec.linux_config.net_devices.empty() && !plan.creates(CLONE_NEWNET) &&
      !plan.joins_foreign(CLONE_NEWNET)) {
    return absl::InvalidArgumentError(
        "linux.netDevices: there is nowhere to move them; give the container a network namespace");
  }
  for (const auto& [name, value] : spec.linux_config.sysctl) {
    ASSIGN_OR_RETURN(const int flag, NamespaceOfSysctl(name));
    if (plan.creates(static_cast<uint64_t>(flag))) continue;
    if (plan.joins_foreign(static_cast<uint64_t>(flag))) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("linux.sysctl[", name, "]: it would change the host's; give the container a ",
                     "namespace of its own for it"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NamespacePlan> NamespacePlan::Create(const spec::Spec& spec) {
  NamespacePlan plan;
  for (const spec::Namespace& entry : spec.linux_config.namespaces) {
    const TypeInfo& info = InfoOf(entry.type);
    if (!entry.path.empty()) {
      absl::StatusOr<JoinedNamespace> joined = OpenNamespace(entry);
      if (!joined.ok()) {
        return Annotate(joined.status(), absl::StrCat("linux.namespaces (", info.name, ")"));
      }
      plan.join.push_back(std::move(*joined));
    } else if (info.flag == CLONE_NEWTIME) {
      plan.new_time = true;
    } else if (!info.cannot && info.flag != CLONE_NEWPID) {
      plan.create |= static_cast<uint64_t>(info.flag);
    }
  }
  RETURN_IF_ERROR(CheckUsesOwn(spec, plan));
  return plan;
}

int NamespacePlan::joined_pids() const {
  for (const JoinedNamespace& joined : join) {
    if (joined.flag == CLONE_NEWPID) return joined.fd.get();
  }
  return -1;
}

bool NamespacePlan::joins_foreign(uint64_t flag) const {
  return std::any_of(join.begin(), join.end(), [flag](const JoinedNamespace& joined) {
    return static_cast<uint64_t>(joined.flag) == flag && !joined.is_callers;
  });
}

absl::Status JoinNamespaces(const NamespacePlan& plan) {
  for (const JoinedNamespace& joined : plan.join) {
    if (::setns(joined.fd.get(), joined.flag) < 0) {
      return ErrnoStatus(errno, "setns", "linux.namespaces");
    }
  }
  return absl::OkStatus();
}

absl::Status ConfigureJoined(const spec::Spec& spec, const NamespacePlan& plan) {
  if (plan.joins_foreign(CLONE_NEWUTS)) {
    RETURN_IF_ERROR(SetNames(spec.hostname, spec.domainname));
  }
  ASSIGN_OR_RETURN(const auto sysctls, SysctlsOf(SysctlsOfJoined(spec, plan), [&plan](int flag) {
                     return plan.joins_foreign(static_cast<uint64_t>(flag));
                   }));
  if (sysctls.empty()) return absl::OkStatus();
  const Fd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!proc) return ErrnoStatus(errno, "open", "/proc");
  return WriteSysctls(sysctls, proc.get());
}

absl::StatusOr<std::string> InheritedHostname(const NamespacePlan& plan) {
  ASSIGN_OR_RETURN(const Handover answer, RunInChild([&plan]() -> absl::StatusOr<Handover> {
                     RETURN_IF_ERROR(JoinNamespaces(plan));
                     char name[HOST_NAME_MAX + 1] = {};
                     if (::gethostname(name, HOST_NAME_MAX) < 0) {
                       return ErrnoStatus(errno, "gethostname", "");
                     }
                     return Handover{std::string(name), {}};
                   }));
  return answer.values.get<std::string>();
}

absl::Status MakeTimeNamespace(const spec::Linux& config) {
  if (::unshare(CLONE_NEWTIME) < 0) return ErrnoStatus(errno, "unshare", "time namespace");
  for (const auto& [clock, offset] : config.time_offsets) {
    RETURN_IF_ERROR(
        Annotate(WriteFile("/proc/self/timens_offsets",
                           absl::StrCat(clock, " ", offset.secs, " ", offset.nanosecs, "\n")),
                 absl::StrCat("linux.timeOffsets.", clock)));
  }
  return absl::OkStatus();
}

}  // namespace moat::namespaces
