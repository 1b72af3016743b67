#include <sys/resource.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/spec/parse_parts.h"

namespace moat::spec {
namespace {

struct RlimitName {
  absl::string_view name;
  int resource;
};
constexpr RlimitName kRlimits[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

}  // namespace

void Read(const JsonReader& at, Box& out) {
  at.Required("height", out.height);
  at.Required("width", out.width);
}

void Read(const JsonReader& at, User& out) {
  at.Member("uid", out.uid);
  at.Member("gid", out.gid);
  at.Member("umask", out.umask);
  at.Member("additionalGids", out.additional_gids);
}

void Read(const JsonReader& at, Rlimit& out) {
  at.Required("type", out.type);
  at.Required("soft", out.soft);
  at.Required("hard", out.hard);
  const auto* known = std::find_if(std::begin(kRlimits), std::end(kRlimits),
                                   [&](const RlimitName& entry) { return entry.name == out.type; });
  if (known == std::end(kRlimits)) {
    at.MemberFault("type", absl::StrCat("\"", out.type, "\" is not a resource limit of Linux"));
  } else {
    out.resource = known->resource;
  }
}

void Read(const JsonReader& at, Capabilities& out) {
  at.Member("bounding", out.bounding);
  at.Member("effective", out.effective);
  at.Member("inheritable", out.inheritable);
  at.Member("permitted", out.permitted);
  at.Member("ambient", out.ambient);
}

void Read(const JsonReader& at, Scheduler& out) {
  at.Required("policy", out.policy);
  at.Member("nice", out.nice);
  at.Member("priority", out.priority);
  at.Member("flags", out.flags);
  at.Member("runtime", out.runtime);
  at.Member("deadline", out.deadline);
  at.Member("period", out.period);
}

void Read(const JsonReader& at, IoPriority& out) {
  at.Required("class", out.io_class);
  at.Member("priority", out.priority);
}

void Read(const JsonReader& at, ExecCpuAffinity& out) {
  at.Member("initial", out.initial);
  at.Member("final", out.final);
}

void Read(const JsonReader& at, Process& out) {
  at.Member("terminal", out.terminal);
  at.Member("consoleSize", out.console_size);
  at.Required("cwd", out.cwd);
  at.Member("env", out.env);
  at.Member("args", out.args);
  at.Member("user", out.user);
  at.Member("rlimits", out.rlimits);
  at.Member("capabilities", out.capabilities);
  at.Member("noNewPrivileges", out.no_new_privileges);
  at.Member("oomScoreAdj", out.oom_score_adj);
  at.Member("apparmorProfile", out.apparmor_profile);
  at.Member("selinuxLabel", out.selinux_label);
  at.Member("scheduler", out.scheduler);
  at.Member("ioPriority", out.io_priority);
  at.Member("execCPUAffinity", out.exec_cpu_affinity);
}

}  // namespace moat::spec
