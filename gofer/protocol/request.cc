#include "gofer/protocol/request.h"

#include <time.h>

#include <cstring>

#include "gofer/protocol/rules.h"

namespace moat::gofer {
namespace {

constexpr char kNul[1] = {0};
constexpr uint32_t kUmaskBits = 0777;

bool HasNul(absl::string_view text) { return text.find('\0') != absl::string_view::npos; }

iovec Part(const void* data, size_t size) { return {const_cast<void*>(data), size}; }

Result<void> CheckStrings(const Request& request, const OperationRule& rule) {
  if (request.path.size() > kMaxPath) return Errno(ENAMETOOLONG);
  if (request.second.size() > rule.max_second) {
    return Errno(rule.max_second == 0 ? EINVAL : rule.second_too_long);
  }
  if (request.data.size() > rule.max_data) {
    return Errno(rule.max_data == 0 ? EINVAL : rule.data_too_long);
  }
  if (request.data.size() < rule.min_data) return Errno(EINVAL);
  if (HasNul(request.path) || HasNul(request.second)) return Errno(EINVAL);
  const bool partial_times = request.operation == Operation::kSetTimes && !request.data.empty() &&
                             request.data.size() != 2 * sizeof(timespec);
  if (partial_times) return Errno(EINVAL);
  return {};
}

// Cuts `size` bytes and, when asked, the NUL behind them off the front of `rest`.
Result<absl::string_view> Cut(absl::string_view& rest, size_t size, bool terminated) {
  const size_t whole = size + (terminated ? 1 : 0);
  if (rest.size() < whole) return Errno(EPROTO);
  if (terminated && rest[size] != '\0') return Errno(EPROTO);
  const absl::string_view cut = rest.substr(0, size);
  rest.remove_prefix(whole);
  return cut;
}

}  // namespace

Result<void> CheckRequest(const Request& request) {
  const OperationRule* rule = FindRule(static_cast<uint16_t>(request.operation));
  if (!rule || request.sequence == 0) return Errno(EINVAL);
  if ((request.descriptors & ~rule->allowed) != 0) return Errno(EINVAL);
  if ((request.descriptors & rule->required) != rule->required) return Errno(EINVAL);
  if ((request.umask & ~kUmaskBits) != 0 || request.groups.size() > kMaxGroups) {
    return Errno(EINVAL);
  }
  for (size_t i = rule->arguments; i < kArguments; ++i) {
    if (request.arguments[i] != 0) return Errno(EINVAL);
  }
  return CheckStrings(request, *rule);
}

EncodedRequest::EncodedRequest(const Request& request) : header_{} {
  header_.version = kProtocolVersion;
  header_.operation = static_cast<uint16_t>(request.operation);
  header_.descriptors = static_cast<uint16_t>(request.descriptors);
  header_.sequence = request.sequence;
  header_.uid = request.uid;
  header_.gid = request.gid;
  header_.umask = request.umask;
  header_.capabilities = request.capabilities;
  std::memcpy(header_.arguments, request.arguments.data(), sizeof(header_.arguments));
  header_.group_count = static_cast<uint32_t>(request.groups.size());
  header_.path_size = static_cast<uint32_t>(request.path.size());
  header_.second_size = static_cast<uint32_t>(request.second.size());
  header_.data_size = static_cast<uint32_t>(request.data.size());
  // The NULs are parts of their own, as a string_view has none behind it.
  parts_ = {Part(&header_, sizeof(header_)),
            Part(request.groups.data(), request.groups.size() * sizeof(uint32_t)),
            Part(request.path.data(), request.path.size()),
            Part(kNul, 1),
            Part(request.second.data(), request.second.size()),
            Part(kNul, 1),
            Part(request.data.data(), request.data.size())};
}

Result<Request> DecodeRequest(absl::Span<const char> packet, size_t descriptor_count) {
  RequestHeader header;
  if (packet.size() < sizeof(header)) return Errno(EPROTO);
  std::memcpy(&header, packet.data(), sizeof(header));
  if (header.version != kProtocolVersion || header.group_count > kMaxGroups) return Errno(EPROTO);
  if (static_cast<size_t>(__builtin_popcount(header.descriptors)) != descriptor_count) {
    return Errno(EPROTO);
  }

  Request request;
  request.operation = static_cast<Operation>(header.operation);
  request.descriptors = header.descriptors;
  request.sequence = header.sequence;
  request.uid = header.uid;
  request.gid = header.gid;
  request.umask = header.umask;
  request.capabilities = header.capabilities;
  std::memcpy(request.arguments.data(), header.arguments, sizeof(header.arguments));

  absl::string_view rest(packet.data(), packet.size());
  rest.remove_prefix(sizeof(header));
  TRY_ASSIGN(const absl::string_view groups,
             Cut(rest, header.group_count * sizeof(uint32_t), false));
  request.groups = absl::MakeConstSpan(
      static_cast<const uint32_t*>(static_cast<const void*>(groups.data())), header.group_count);
  TRY_ASSIGN(request.path, Cut(rest, header.path_size, true));
  TRY_ASSIGN(request.second, Cut(rest, header.second_size, true));
  TRY_ASSIGN(request.data, Cut(rest, header.data_size, false));
  if (!rest.empty() || !CheckRequest(request).ok()) return Errno(EPROTO);
  return request;
}

}  // namespace moat::gofer
