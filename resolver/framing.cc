#include "resolver/framing.h"

#include <cstdint>

namespace moat::resolver {
namespace {

constexpr size_t kLength = 2;

}  // namespace

std::string Framed(absl::string_view message) {
  std::string out;
  out.reserve(kLength + message.size());
  out.push_back(static_cast<char>(message.size() >> 8 & 0xff));
  out.push_back(static_cast<char>(message.size() & 0xff));
  out.append(message.data(), message.size());
  return out;
}

std::optional<std::string> Unframer::Next() {
  if (held_.size() < kLength) return std::nullopt;
  const size_t size =
      static_cast<size_t>(static_cast<uint8_t>(held_[0])) << 8 | static_cast<uint8_t>(held_[1]);
  if (held_.size() - kLength < size) return std::nullopt;
  std::string message = held_.substr(kLength, size);
  held_.erase(0, kLength + size);
  return message;
}

}  // namespace moat::resolver
