// Requests: checking, encoding, decoding. Pure functions, no allocation; thread-safe.
#ifndef MOAT_GOFER_PROTOCOL_REQUEST_H_
#define MOAT_GOFER_PROTOCOL_REQUEST_H_

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/result.h"
#include "gofer/protocol/wire.h"

namespace moat::gofer {

// One request; what it points to is borrowed.
struct Request {
  Operation operation = Operation::kStat;
  uint32_t descriptors = 0;  // k...Descriptor bits
  uint32_t sequence = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t umask = 0;
  uint64_t capabilities = 0;
  absl::Span<const uint32_t> groups;
  std::array<uint64_t, kArguments> arguments{};
  absl::string_view path;    // NUL-terminated when decoded
  absl::string_view second;  // NUL-terminated when decoded
  absl::string_view data;
};

// Whether the request keeps the rules of its operation. The errno is what Linux says to the fault
// where it has a word for it (ENAMETOOLONG, ERANGE, E2BIG), else EINVAL.
Result<void> CheckRequest(const Request& request);

// A request as the parts of one packet. Not movable: the parts point into it and into what the
// request borrows. Precondition: CheckRequest.
class EncodedRequest {
 public:
  explicit EncodedRequest(const Request& request);
  EncodedRequest(const EncodedRequest&) = delete;
  EncodedRequest& operator=(const EncodedRequest&) = delete;

  absl::Span<const iovec> parts() const { return absl::MakeConstSpan(parts_); }

 private:
  RequestHeader header_;
  std::array<iovec, 7> parts_;
};

// Takes a packet apart. `packet` must be 8-aligned and outlive the result. EPROTO when it is not a
// well-formed request that keeps the rules with exactly `descriptor_count` descriptors.
Result<Request> DecodeRequest(absl::Span<const char> packet, size_t descriptor_count);

}  // namespace moat::gofer

#endif  // MOAT_GOFER_PROTOCOL_REQUEST_H_
