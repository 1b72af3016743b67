// The control socket file of a container, <state_dir>/control.sock.
#ifndef MOAT_RUNTIME_LAUNCH_CONTROL_H_
#define MOAT_RUNTIME_LAUNCH_CONTROL_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"

namespace moat::launch {

// Makes and listens on it. An error when it exists.
absl::StatusOr<Fd> ListenControl(const std::string& state_dir);
void RemoveControl(const std::string& state_dir);

}  // namespace moat::launch

#endif  // MOAT_RUNTIME_LAUNCH_CONTROL_H_
