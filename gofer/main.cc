// moat-gofer: the only process of a container that can name its files. Started by runtime/launch
// as base/boot.h says; serves the sentry as gofer/protocol/wire.h says; ends with its socket.
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "base/boot.h"
#include "base/boot_message.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/status.h"
#include "gofer/boot.h"
#include "gofer/confinement.h"
#include "gofer/server/server.h"
#include "policies/process/process_filter.h"

namespace moat::gofer {
namespace {

struct Started {
  Fd service;
  IdentityPolicy policy;
  bool stable_mounts = false;
};

// From the boot message to a confined process that is ready to serve.
absl::StatusOr<Started> Start(int boot_socket) {
  ASSIGN_OR_RETURN(Boot boot, ReceiveBoot(boot_socket));
  RETURN_IF_ERROR(PrepareProcess(boot.log.get()));
  SetLog(STDERR_FILENO, LogFormat::kText, LogLevel::kInfo, "moat-gofer");
  ASSIGN_OR_RETURN(const IdentityPolicy policy, EnterCage(boot.cage));
  return Started{std::move(boot.service), policy, boot.stable_mounts};
}

int Main() {
  Fd boot_socket(kBootFd);
  auto started = Start(boot_socket.get());
  if (!started.ok()) {
    ReportBootError(boot_socket.get(), started.status());
    LogError(started.status().message());
    return EXIT_FAILURE;
  }
  absl::Status status = SendBootMessage(boot_socket.get(), "ready");
  (void)boot_socket.Release();  // CloseAllBut closes it with all others
  if (status.ok()) status = CloseAllBut(started->service.get());
  if (status.ok()) status = policies::ConfineProcess(policies::GoferFilter());
  if (status.ok())
    status = Serve(std::move(started->service), started->policy, started->stable_mounts);
  if (status.ok()) return EXIT_SUCCESS;
  LogError(status.message());
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace moat::gofer

int main() { return moat::gofer::Main(); }
