// The flags that create and run share, with runc's meaning.
#ifndef MOAT_RUNTIME_CLI_BUNDLE_FLAGS_H_
#define MOAT_RUNTIME_CLI_BUNDLE_FLAGS_H_

#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "runtime/cli/container.h"
#include "runtime/cli/policy_flags.h"
#include "runtime/spec/spec.h"

namespace moat::cli {

struct BundleFlags {
  std::string id;
  std::string bundle = ".";
  std::string config;  // "": the bundle's config.json
  std::string console_socket;
  std::string pidfd_socket;
  std::string pid_file;
  int preserve_fds = 0;
  PolicyFlags policy;
};

void DeclareBundleFlags(CLI::App& app, BundleFlags& flags);

struct Bundle {
  std::string path;         // absolute
  std::string config_file;  // what `spec` was read from
  spec::Spec spec;          // with the limits of `policy`
  policies::Policy policy;
};

// Reads and checks the bundle; checks too that a terminal has somebody to show it: us when not
// `detached`, else the console socket.
absl::StatusOr<Bundle> OpenBundle(const BundleFlags& flags, bool detached);

// `bundle` outlives the request.
CreateRequest RequestFor(const BundleFlags& flags, const Bundle& bundle);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_BUNDLE_FLAGS_H_
