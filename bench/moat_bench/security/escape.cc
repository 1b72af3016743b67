#include "bench/moat_bench/security/escape.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "bench/moat_bench/driver/roles.h"
#include "bench/moat_bench/security/hostile_image.h"
#include "bench/moat_bench/security/runtime_program.h"
#include "bench/moat_bench/tracing/syscall_trace.h"

namespace moat::bench {
namespace {

using nlohmann::json;

constexpr double kProbeSeconds = 60;

const std::map<std::string, std::string> kClasses = {
    {"leaked descriptors",
     "CVE-2024-21626 (runc): a descriptor of the host's tree stays open at start"},
    {"cwd through a descriptor", "CVE-2024-21626 (runc): process.cwd names /proc/self/fd/N"},
    {"helper paths",
     "core_pattern, modprobe, uevent_helper and binfmt_misc name programs that the host runs"},
    {"inheritable capabilities",
     "CVE-2022-24769 (Moby), CVE-2022-29162 (runc), CVE-2022-27650 (crun)"},
    {"release agent",
     "CVE-2022-0492 (Linux): release_agent of cgroup v1 from a new user namespace"},
    {"terminal input",
     "CVE-2016-2568 and its kin: TIOCSTI puts commands into a terminal that outlives the "
     "container"},
    {"new mount calls", "CVE-2022-0185 (Linux): fsopen and fsconfig"},
    {"user namespaces",
     "the door to most kernel holes since 2020: every capability in a namespace of one's own"},
    {"nf_tables", "CVE-2022-32250, CVE-2023-32233, CVE-2024-1086 (Linux)"},
    {"io_uring", "CVE-2022-29582, CVE-2023-2598 (Linux)"},
    {"bpf", "CVE-2021-3490, CVE-2022-23222 (Linux)"},
    {"keyrings", "CVE-2016-0728 and its kin; keyrings are no part of any namespace but users'"},
    {"userfaultfd", "the usual way to win races in the kernel"},
    {"perf events", "CVE-2023-5717 (Linux)"},
    {"file handles", "\"Shocker\", CVE-2014-3519: open_by_handle_at leaves the mount's root"},
    {"packet sockets", "CVE-2020-14386 (Linux): AF_PACKET with CAP_NET_RAW"},
    {"vsock", "CVE-2021-26708 (Linux): AF_VSOCK is no part of the network namespace"},
    {"crypto sockets", "AF_ALG: a large, seldom needed part of the kernel"},
    {"kernel modules", "init_module"},
    {"runtime binary",
     "CVE-2019-5736 (runc): the runtime's program is reached through /proc/PID/exe"},
    {"mask source",
     "CVE-2025-31133 (runc): /dev/null is a link of the image, and masks what it points to"},
    {"dev is a link", "CVE-2023-27561, CVE-2025-31133: /dev of the image leads elsewhere"},
    {"mount target is a link",
     "CVE-2021-30465, CVE-2019-19921 (runc): a mount's target leaves the root"},
    {"proc is a link", "CVE-2019-19921, CVE-2023-28642 (runc): /proc of the image is a link"},
    {"proc is not proc",
     "CVE-2019-16884, CVE-2025-52881 (runc): writes to a fake /proc do nothing, or go elsewhere"},
    {"console is a link", "CVE-2025-52565 (runc): /dev/console of the image leads elsewhere"},
    {"abstract socket", "CVE-2020-15257 (containerd): an abstract socket of the host"},
    {"unix socket", "a socket of the host in the container's own tree answers"},
};

// The call whose answer makes a probe "open".
const std::map<std::string, long> kCallOf = {{"user namespaces", SYS_unshare},
                                             {"nf_tables", SYS_socket},
                                             {"io_uring", SYS_io_uring_setup},
                                             {"bpf", SYS_bpf},
                                             {"keyrings", SYS_add_key},
                                             {"userfaultfd", SYS_userfaultfd},
                                             {"perf events", SYS_perf_event_open},
                                             {"file handles", SYS_open_by_handle_at},
                                             {"packet sockets", SYS_socket},
                                             {"vsock", SYS_socket},
                                             {"crypto sockets", SYS_socket},
                                             {"kernel modules", SYS_init_module},
                                             {"release agent", SYS_mount},
                                             {"terminal input", SYS_ioctl}};

void Add(json& probes, const std::string& name, json finding) {
  finding["class"] = ClassOf(name);
  probes[name] = std::move(finding);
}

// A call that the program had an answer to, and that the workload's processes never made on the
// host, was emulated: what lies behind it is the runtime's own code and not the host's kernel.
void CloseWhatTheHostNeverSaw(json& found, const std::vector<TraceEvent>& events,
                              const Roles& roles) {
  std::set<long> made;
  for (const TraceEvent& event : events) {
    if (event.kind != TraceEvent::Kind::kEnter || event.process == getpid()) continue;
    if (roles.Of(event.process, event.command) == Role::kWorkload) made.insert(event.number);
  }
  for (const auto& [name, number] : kCallOf) {
    if (!found.contains(name) || found[name]["open"] != true || made.contains(number)) continue;
    found[name] = {
        {"open", false},
        {"evidence", absl::StrCat("the runtime answers itself, the host's kernel is not asked; ",
                                  found[name]["evidence"].get<std::string>())}};
  }
}

json FromInside(Containers& containers, const Runtime& runtime, Profile profile) {
  const auto config = containers.Config(runtime, profile, {"/bin/guest", "escape"});
  if (!config.ok()) return {{"fault", config.status().message()}};
  auto trace = SyscallTrace::Start(getpid(), SyscallTrace::Detail::kEntries);
  Roles roles;
  const Outcome ran = containers.Run(runtime, *config, kProbeSeconds, [&](const Outcome&) {
    roles.Look(containers.processes().Descendants());
    return false;
  });
  json found = json::parse(ran.out, nullptr, false);
  if (!found.is_object()) return {{"fault", ran.Fault()}};
  long lost = 0;
  const auto events = trace.ok() ? (*trace)->Stop(&lost) : trace.status();
  if (events.ok()) CloseWhatTheHostNeverSaw(found, *events, roles);
  return found;
}

}  // namespace

std::string ClassOf(const std::string& probe) {
  const auto known = kClasses.find(probe);
  return known == kClasses.end() ? "" : known->second;
}

json Escape(Containers& containers, const Runtime& runtime, Profile profile) {
  json probes = json::object();
  json inside = FromInside(containers, runtime, profile);
  if (inside.contains("fault")) return inside;
  for (const auto& [name, finding] : inside.items()) Add(probes, name, finding);
  for (const HostileProbe& probe : HostileProbes()) {
    if (containers.processes().interrupted()) return {{"fault", "interrupted"}};
    Add(probes, probe.name, probe.run(containers, runtime, profile));
  }
  Add(probes, "runtime binary", RuntimeProgramReached(containers, runtime, profile));
  int open = 0;
  for (const auto& [name, finding] : probes.items())
    open += finding.at("open").is_boolean() && finding.at("open").get<bool>();
  return {{"open", open}, {"asked", probes.size()}, {"probes", probes}};
}

}  // namespace moat::bench
