// The launcher's first words to sentry, gofer and resolver (base/boot.h).
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/status.h"
#include "runtime/launch/boot_config.h"
#include "runtime/launch/later_mounts.h"
#include "runtime/launch/launcher.h"
#include "runtime/launch/message.h"
#include "runtime/namespaces/joined_network.h"
#include "runtime/resolv/questions.h"

namespace moat::launch {
namespace {

using nlohmann::json;

// A text that does not fit in a message.
absl::StatusOr<Fd> TextAsFile(const std::string& text) {
  Fd file(::memfd_create("policy", MFD_CLOEXEC));
  if (!file) return ErrnoStatus(errno, "memfd_create", "policy");
  if (::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, "write", "the policy's memory");
  }
  return file;
}

}  // namespace

// What the container's own is to be called without a word in the config.
absl::StatusOr<std::string> Launcher::Hostname() const {
  if (namespaces_.joins_foreign(CLONE_NEWUTS)) return namespaces::InheritedHostname(namespaces_);
  char name[HOST_NAME_MAX + 1] = {};
  if (::gethostname(name, HOST_NAME_MAX) < 0) return ErrnoStatus(errno, "gethostname", "");
  return std::string(name);
}

absl::Status Launcher::BootSentry() {
  std::string hostname = request_.spec.hostname;
  if (hostname.empty()) {
    ASSIGN_OR_RETURN(hostname, Hostname());
  }
  json fields = {{"id", request_.id},
                 {"trace", request_.trace},
                 {"audit_all", request_.audit_all},
                 {"filters", filter_.asking_filters},
                 {"cookie", absl::StrFormat("%016x", filter_.cookie)},
                 {"tree", TreeValues(request_.spec, hostname, root_.mount_table,
                                     namespaces::SysctlsOfJoined(request_.spec, namespaces_))}};
  NamedFds fds = {{"gofer", service_.first.get()},
                  {"log", request_.log_fd},
                  {"init", init_socket_.first.get()},
                  {"listen", listen_.get()},
                  {"loader", loader_.get()}};
  if (request_.trace) {
    fds.emplace_back("trace", request_.trace_fd >= 0 ? request_.trace_fd : request_.log_fd);
  }
  if (request_.audit_fd >= 0) fds.emplace_back("audit", request_.audit_fd);
  if (pids_) {
    fds.emplace_back("tie", tie_.first.get());
    fds.emplace_back("proc_a", pids_->proc_a.get());
  }
  if (request_.names) fds.emplace_back("resolver", resolver_link_.first.get());
  ASSIGN_OR_RETURN(const Fd policy, TextAsFile(filter_.policy));
  fds.emplace_back("policy", policy.get());
  const auto group_fds = groups_.groups.OpenForSentry();
  for (const auto& [name, fd] : group_fds) fds.emplace_back(name, fd.get());
  RETURN_IF_ERROR(Annotate(Send(sentry_.control.get(), "boot", std::move(fields), fds), kSentry));
  service_.first.Reset();
  tie_.first.Reset();
  resolver_link_.first.Reset();
  init_socket_.first.Reset();
  listen_.Reset();
  return absl::OkStatus();
}

absl::Status Launcher::BootGofer() {
  const uint64_t keep = capabilities_.bounding | capabilities_.permitted | capabilities_.ambient;
  RETURN_IF_ERROR(
      Annotate(Send(gofer_.boot.get(), "boot",
                    {{"keep_capabilities", keep}, {"stable_mounts", !MountsMayCome(request_.spec)}},
                    {{"user_namespace", sentry_.user_namespace.get()},
                     {"mount_namespace", root_.mount_namespace.get()},
                     {"net_namespace", sentry_.net_namespace.get()},
                     {"service", service_.second.get()},
                     {"log", request_.log_fd}}),
               kGofer));
  service_.second.Reset();
  return absl::OkStatus();
}

// Once the container's network is there. From here on the resolver is the sentry's: it ends with
// it, and nobody else waits for it.
absl::Status Launcher::StartResolver() {
  ASSIGN_OR_RETURN(const resolv::Questions questions,
                   resolv::OpenQuestions(init_.pidfd(), request_.names->resolver));
  ASSIGN_OR_RETURN(const cgroups::Entrance groups, groups_.groups.ForSupervisor());
  ASSIGN_OR_RETURN(resolver_boot_, launch::StartResolver(resolver_program_.get(),
                                                         sentry_.pid_namespace.get(), groups));
  ASSIGN_OR_RETURN(const Fd policy, TextAsFile(filter_.policy));
  const Fd map = groups_.groups.TakeNameMap();
  json servers = json::array();
  for (const policies::EndPoint& server : request_.names->servers) {
    servers.push_back(policies::EndPointText(server));
  }
  RETURN_IF_ERROR(Annotate(Send(resolver_boot_.get(), "boot", {{"servers", std::move(servers)}},
                                {{"user_namespace", sentry_.user_namespace.get()},
                                 {"questions", questions.datagrams.get()},
                                 {"connections", questions.streams.get()},
                                 {"sentry", resolver_link_.second.get()},
                                 {"map", map.get()},
                                 {"policy", policy.get()},
                                 {"log", request_.log_fd}}),
                           kResolver));
  resolver_link_.second.Reset();
  return absl::OkStatus();
}

}  // namespace moat::launch
