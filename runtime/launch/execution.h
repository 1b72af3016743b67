// The steps of Exec (exec.h).
#ifndef MOAT_RUNTIME_LAUNCH_EXECUTION_H_
#define MOAT_RUNTIME_LAUNCH_EXECUTION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "runtime/attributes/process_attributes.h"
#include "runtime/launch/exec.h"
#include "runtime/launch/filter.h"
#include "runtime/launch/identity.h"
#include "runtime/launch/process.h"
#include "runtime/rootfs/container_root.h"
#include "runtime/rootfs/terminal.h"

namespace moat::launch {

// One exec. Each step leaves what it made in a member whose destructor undoes it.
class Execution {
 public:
  // Both outlive it.
  Execution(const ExecRequest& request, const Filter& filter)
      : request_(request), filter_(filter) {}
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  absl::StatusOr<Executed> Run();

 private:
  absl::Status CheckRequest();
  absl::Status LookInside();
  absl::Status OpenTerminal(const rootfs::ContainerRoot& root);
  absl::Status StartJoiner();
  absl::Status AwaitBirth();
  absl::Status InstallFilter();
  absl::Status TellSentry();
  absl::Status LetGo();
  absl::Status AwaitProgram();
  absl::Status ProgramFailed(const absl::Status& failed, const std::string& step) const;

  const spec::Process& process() const { return *request_.spec.process; }

  const ExecRequest& request_;
  const Filter& filter_;

  CapabilityMasks capabilities_;
  attributes::ProcessAttributes attributes_;
  std::vector<std::string> environment_;
  rootfs::Terminal terminal_;
  std::pair<Fd, Fd> setup_socket_;  // first: ours
  Process joiner_, process_;
  Fd listener_;
  Fd control_;
};

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_EXECUTION_H_
