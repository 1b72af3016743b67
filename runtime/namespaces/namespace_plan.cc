#include "runtime/namespaces/namespace_plan.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/read_file.h"
#include "base/status.h"
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
  bool can_join;
};

constexpr TypeInfo kTypes[] = {
    {spec::NamespaceType::kPid, "pid", CLONE_NEWPID, false},
    {spec::NamespaceType::kUser, "user", CLONE_NEWUSER, false},
    {spec::NamespaceType::kMount, "mount", CLONE_NEWNS, false},
    {spec::NamespaceType::kNetwork, "network", CLONE_NEWNET, true},
    {spec::NamespaceType::kIpc, "ipc", CLONE_NEWIPC, true},
    {spec::NamespaceType::kUts, "uts", CLONE_NEWUTS, true},
    {spec::NamespaceType::kCgroup, "cgroup", CLONE_NEWCGROUP, true},
    {spec::NamespaceType::kTime, "time", CLONE_NEWTIME, true},
};

const TypeInfo& InfoOf(spec::NamespaceType type) {
  for (const TypeInfo& info : kTypes) {
    if (info.type == type) return info;
  }
  return kTypes[0];
}

absl::StatusOr<JoinedNamespace> OpenNamespace(const spec::Namespace& entry) {
  const TypeInfo& info = InfoOf(entry.type);
  if (!info.can_join) {
    return absl::UnimplementedError("joining one of this type is not supported yet");
  }
  JoinedNamespace joined{info.flag, Fd(::open(entry.path.c_str(), O_RDONLY | O_CLOEXEC))};
  if (!joined.fd) return ErrnoStatus(errno, "open", entry.path);
  const int type = ::ioctl(joined.fd.get(), NS_GET_NSTYPE);
  if (type != info.flag) {
    return absl::InvalidArgumentError(
        absl::StrCat(entry.path, " is not a ", info.name, " namespace"));
  }
  return joined;
}

absl::Status CheckUsesOwn(const spec::Spec& spec, const NamespacePlan& plan) {
  if ((!spec.hostname.empty() || !spec.domainname.empty()) && !plan.creates(CLONE_NEWUTS)) {
    return absl::InvalidArgumentError("hostname, domainname: they need a new uts namespace");
  }
  if (!spec.linux_config.time_offsets.empty() && !plan.new_time) {
    return absl::InvalidArgumentError("linux.timeOffsets: they need a new time namespace");
  }
  for (const auto& [name, value] : spec.linux_config.sysctl) {
    ASSIGN_OR_RETURN(const int flag, NamespaceOfSysctl(name));
    if (plan.creates(static_cast<uint64_t>(flag))) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("linux.sysctl[", name, "]: it needs a new namespace of its own"));
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
    } else if (info.can_join) {
      plan.create |= static_cast<uint64_t>(info.flag);
    }
  }
  RETURN_IF_ERROR(CheckUsesOwn(spec, plan));
  return plan;
}

absl::Status JoinNamespaces(const NamespacePlan& plan) {
  for (const JoinedNamespace& joined : plan.join) {
    if (::setns(joined.fd.get(), joined.flag) < 0) {
      return ErrnoStatus(errno, "setns", "linux.namespaces");
    }
  }
  return absl::OkStatus();
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
