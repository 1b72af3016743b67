// Messages of the service socket. Pure; thread-safe.
#ifndef MOAT_GOFER_PROTOCOL_SERVICE_H_
#define MOAT_GOFER_PROTOCOL_SERVICE_H_

#include <cstddef>

#include "absl/types/span.h"
#include "base/result.h"
#include "gofer/protocol/wire.h"

namespace moat::gofer {

ServiceMessage MakeServiceMessage(ServiceKind kind, uint32_t channel = 0, uint32_t sequence = 0,
                                  int error = 0);

// A message from the sentry. EPROTO when it is not well-formed or comes with the wrong number of
// descriptors (two for kNewChannel, else none).
Result<ServiceMessage> DecodeServiceRequest(absl::Span<const char> packet, size_t descriptor_count);

// The gofer's answer to a message of `kind` about `channel`; kFollower comes unasked. EPROTO when
// it is anything else, or has another number of descriptors (one for a kFollower, at most one
// for a kHello, none with an error and for all others).
Result<ServiceMessage> DecodeServiceAnswer(absl::Span<const char> packet, size_t descriptor_count,
                                           ServiceKind kind, uint32_t channel);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_PROTOCOL_SERVICE_H_
