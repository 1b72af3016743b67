// moat-resolver: answers a container's questions for names, of which the policy's egress rules
// allow some, and opens the way to their addresses. Started by runtime/launch as base/boot.h says;
// ends with the sentry.
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "base/boot.h"
#include "base/boot_message.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/status.h"
#include "policies/process/process_filter.h"
#include "resolver/boot.h"
#include "resolver/confinement.h"
#include "resolver/server.h"

namespace moat::resolver {
namespace {

// From the boot message to a process in its cage.
absl::StatusOr<Boot> Start(int boot_socket) {
  ASSIGN_OR_RETURN(Boot boot, ReceiveBoot(boot_socket));
  RETURN_IF_ERROR(PrepareProcess(boot.log.get()));
  SetLog(STDERR_FILENO, LogFormat::kText, LogLevel::kInfo, "moat-resolver");
  boot.log.Reset();
  RETURN_IF_ERROR(EnterCage(boot.user_namespace, boot.servers));
  boot.user_namespace.Reset();
  return boot;
}

absl::Status Serve(Boot boot) {
  RETURN_IF_ERROR(policies::ConfineProcess(policies::ResolverFilter()));
  OpenedAddresses opened(KernelMap(std::move(boot.map)));
  return Server(std::move(boot.questions), Connections(std::move(boot.connections)),
                std::move(boot.sentry), std::move(boot.servers),
                NameRules(std::move(boot.egress), std::move(opened)))
      .Run();
}

int Main() {
  Fd boot_socket(kBootFd);
  auto boot = Start(boot_socket.get());
  if (!boot.ok()) {
    ReportBootError(boot_socket.get(), boot.status());
    LogError(boot.status().message());
    return EXIT_FAILURE;
  }
  absl::Status status = SendBootMessage(boot_socket.get(), "ready");
  boot_socket.Reset();
  if (status.ok()) status = Serve(*std::move(boot));
  if (status.ok()) return EXIT_SUCCESS;
  LogError(status.message());
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace moat::resolver

int main() { return moat::resolver::Main(); }
