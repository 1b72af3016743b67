// DNS messages on a stream: each behind its length in two bytes (RFC 1035, 4.2.2). Pure.
#ifndef MOAT_RESOLVER_FRAMING_H_
#define MOAT_RESOLVER_FRAMING_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace moat::resolver {

inline constexpr size_t kMaxFramed = 0xffff;

// `message` has at most kMaxFramed bytes.
std::string Framed(absl::string_view message);

// Puts messages together from what arrives in any pieces.
class Unframer {
 public:
  void Add(absl::string_view bytes) { held_.append(bytes.data(), bytes.size()); }
  // The next message that is there as a whole.
  std::optional<std::string> Next();
  // Bytes that no message was made of yet.
  size_t held() const { return held_.size(); }

 private:
  std::string held_;
};

}  // namespace moat::resolver

#endif  // MOAT_RESOLVER_FRAMING_H_
