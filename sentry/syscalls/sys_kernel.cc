// What the kernel tells of the machine, told of the container: sysinfo.
#include "sentry/container.h"
#include "sentry/syscalls/handlers.h"

namespace moat::sentry {

Outcome SysSysinfo(Call& call) {
  TRY(call.WriteObject(call.AddrArg(0), call.container().tree->SystemInfo()));
  return Value{0};
}

}  // namespace moat::sentry
