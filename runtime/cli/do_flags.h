// `moat do`: its flags, and the container that they describe.
#ifndef MOAT_RUNTIME_CLI_DO_FLAGS_H_
#define MOAT_RUNTIME_CLI_DO_FLAGS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/cli/policy_flags.h"
#include "runtime/hostview/keep_changes.h"
#include "runtime/hostview/working_directory.h"
#include "runtime/rootfs/root_plan.h"
#include "runtime/spec/spec.h"

namespace moat::cli {

// As written; "" and 0: not given.
struct DoFlags {
  std::string rootfs;
  std::vector<std::string> volumes;
  std::vector<std::string> env;
  std::string cwd;
  bool write_cwd = false;
  std::string user = "0";
  bool new_privileges = false;
  std::string hostname = "moat";
  std::string net = "none";
  std::string cpus;
  std::string memory;
  int64_t pids = 0;
  std::string timeout;
  std::string keep;
  PolicyFlags policy;
  std::string trace;  // file; "-" for standard error
  bool tty = false;
  bool no_tty = false;
};

// What of the caller goes into the sandbox.
struct Surroundings {
  std::string directory;           // getcwd
  std::vector<std::string> homes;  // of this machine's accounts, and $HOME
  std::optional<std::string> term;
  std::optional<std::string> lang;
  bool has_tty_group = true;  // group 5, which terminals belong to, is mapped here
  std::string ping_groups;    // for net.ipv4.ping_group_range: every group that is mapped here
  bool terminal = false;      // standard input and output are terminals
};
absl::StatusOr<Surroundings> LookAround();

struct Sandbox {
  spec::Spec spec;
  rootfs::RootPlan root_plan;
  std::vector<std::string> notices;  // for the user: what is not as one may expect
};

absl::StatusOr<Sandbox> DescribeSandbox(const DoFlags& flags,
                                        const std::vector<std::string>& command,
                                        const Surroundings& surroundings);

}  // namespace moat::cli

#endif  // MOAT_RUNTIME_CLI_DO_FLAGS_H_
