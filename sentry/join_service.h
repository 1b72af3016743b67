// Lets processes that `moat exec` made join the running container (base/boot.h, "join").
#ifndef MOAT_SENTRY_JOIN_SERVICE_H_
#define MOAT_SENTRY_JOIN_SERVICE_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/fd.h"
#include "platform/platform.h"
#include "sentry/boot_protocol.h"
#include "sentry/container.h"
#include "sentry/task/served_filters.h"

namespace moat::sentry {

// Used by the supervisor's thread.
class JoinService {
 public:
  using MakePlatform = std::function<absl::StatusOr<std::unique_ptr<platform::Platform>>(
      Fd listener, uint64_t cookie)>;

  // `container` and `filters` outlive it.
  JoinService(Container& container, ServedFilters& filters, MakePlatform make_platform)
      : container_(container), filters_(filters), make_platform_(std::move(make_platform)) {}

  // Serves the filter of the process that `request` brings. What becomes of its program is said to
  // `client` (borrowed) later, from any thread.
  absl::Status Join(BootMessage& request, const Fd& client);

  // As of ServedFilters.
  int ended_fd() const { return filters_.ended_fd(); }
  void Collect() { filters_.Collect(); }

 private:
  Container& container_;
  ServedFilters& filters_;
  const MakePlatform make_platform_;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_JOIN_SERVICE_H_
