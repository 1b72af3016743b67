#include "runtime/cli/bundle_flags.h"

#include <climits>
#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/policy/choose.h"
#include "runtime/spec/parse.h"
#include "runtime/state/container_id.h"

namespace moat::cli {
namespace {

// A flag of runc that would change what the container is, and that we can't honour.
void DeclareRefused(CLI::App& app, const std::string& name) {
  app.add_flag_callback(
         name, [name] { throw CLI::ValidationError(name, "moat does not support this flag yet"); })
      ->group("");
}

}  // namespace

void DeclareBundleFlags(CLI::App& app, BundleFlags& flags) {
  app.add_option("id", flags.id, "name of the new container")->required()->type_name("ID");
  app.add_option("-b,--bundle", flags.bundle, "directory with config.json (default: here)")
      ->type_name("DIR");
  app.add_option("--config", flags.config,
                 "configuration to take in place of the bundle's (as crun)")
      ->type_name("FILE");
  app.add_option("--console-socket", flags.console_socket,
                 "AF_UNIX socket that gets the master of the container's terminal")
      ->type_name("SOCKET");
  app.add_option("--pid-file", flags.pid_file, "write the process id of init to FILE")
      ->type_name("FILE");
  app.add_option("--preserve-fds", flags.preserve_fds,
                 "give the container N more descriptors, from 3 on")
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
  app.add_flag_function(
      "--no-new-keyring", [](int64_t) {}, "accepted: a container of moat cannot use keyrings");
  DeclarePolicyFlags(app, flags.policy);
  DeclareRefused(app, "--no-pivot");
  app.add_option("--pidfd-socket", flags.pidfd_socket,
                 "AF_UNIX socket that gets a pidfd of the container's init")
      ->type_name("SOCKET");
}

absl::StatusOr<Bundle> OpenBundle(const BundleFlags& flags, bool detached) {
  RETURN_IF_ERROR(state::CheckId(flags.id));
  const std::unique_ptr<char, decltype(&std::free)> path(::realpath(flags.bundle.c_str(), nullptr),
                                                         &std::free);
  if (!path) return ErrnoStatus(errno, "--bundle", flags.bundle);
  Bundle bundle;
  bundle.path = path.get();
  bundle.config_file =
      flags.config.empty() ? absl::StrCat(bundle.path, "/config.json") : flags.config;
  ASSIGN_OR_RETURN(bundle.spec, spec::Load(bundle.config_file));
  ASSIGN_OR_RETURN(bundle.policy, policy::Choose(flags.policy.name, bundle.spec.annotations));
  policy::ApplyLimits(bundle.policy.limits(), bundle.spec);
  const bool terminal = bundle.spec.process->terminal;
  if (detached && terminal && flags.console_socket.empty()) {
    return absl::InvalidArgumentError(
        "process.terminal is true and nobody would show the terminal: give --console-socket, or "
        "`moat run` without -d");
  }
  if (!flags.console_socket.empty() && (!detached || !terminal)) {
    return absl::InvalidArgumentError(
        "--console-socket is for a detached container with process.terminal");
  }
  return bundle;
}

CreateRequest RequestFor(const BundleFlags& flags, const Bundle& bundle) {
  CreateRequest request{bundle.spec, bundle.policy};
  request.audit = flags.policy.audit;
  request.id = flags.id;
  request.bundle = bundle.path;
  request.config_file = bundle.config_file;
  request.preserve_fds = flags.preserve_fds;
  request.pid_file = flags.pid_file;
  request.console_socket = flags.console_socket;
  request.pidfd_socket = flags.pidfd_socket;
  return request;
}

}  // namespace moat::cli
