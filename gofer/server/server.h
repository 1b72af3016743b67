// The gofer's main loop: answers the service socket and keeps the channels' threads.
#ifndef MOAT_GOFER_SERVER_SERVER_H_
#define MOAT_GOFER_SERVER_SERVER_H_

#include "absl/status/status.h"
#include "base/fd.h"
#include "gofer/server/identity.h"

namespace moat::gofer {

// Serves `service` until the sentry closes it, in the calling process as it is: its root directory
// is the container's, its permitted capabilities are what it can act with. Sets a handler for
// SIGUSR1. All threads have ended when it returns. An error: the root could not be examined, or the
// sentry broke the protocol.
// `stable_mounts`: no mount will appear or go in the container's tree from now on; without it the
// sentry must not remember names.
absl::Status Serve(Fd service, const IdentityPolicy& policy, bool stable_mounts);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_SERVER_SERVER_H_
