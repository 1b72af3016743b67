// Just enough of rtnetlink(7): requests with attributes, their acknowledgement, and dumps.
#ifndef MOAT_RUNTIME_NAMESPACES_NETLINK_H_
#define MOAT_RUNTIME_NAMESPACES_NETLINK_H_

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/fd.h"

namespace moat::namespaces {

// A message under construction: the header's type and flags, the family's own header, attributes.
class NetlinkRequest {
 public:
  template <typename Header>
  NetlinkRequest(uint16_t type, uint16_t flags, const Header& header)
      : type_(type), flags_(flags), body_(Bytes(header)) {}

  void Add(uint16_t attribute, absl::string_view data);
  template <typename T>
  void AddValue(uint16_t attribute, const T& value) {
    Add(attribute, Bytes(value));
  }

  // As it goes over the socket.
  std::string Message(uint32_t sequence) const;

 private:
  template <typename T>
  static std::string Bytes(const T& value) {
    return std::string(static_cast<const char*>(static_cast<const void*>(&value)), sizeof(value));
  }

  uint16_t type_, flags_;
  std::string body_;
};

struct NetlinkAttribute {
  uint16_t type = 0;
  std::string data;
};

// In the network namespace in which it was made. Not thread-safe.
class NetlinkSocket {
 public:
  static absl::StatusOr<NetlinkSocket> Create();

  // Sends and waits for the acknowledgement; `what` names the request in an error.
  absl::Status Do(const NetlinkRequest& request, absl::string_view what);
  // Sends a dump request; calls `each` with every answer's body.
  absl::Status Dump(const NetlinkRequest& request, absl::string_view what,
                    const std::function<void(absl::string_view body)>& each);

 private:
  explicit NetlinkSocket(Fd fd) : fd_(std::move(fd)) {}
  absl::Status Exchange(const NetlinkRequest& request, absl::string_view what,
                        const std::function<void(absl::string_view body)>& each);

  Fd fd_;
  uint32_t sequence_ = 0;
};

// The attributes behind a family header of `header_size` bytes in an answer's body.
std::vector<NetlinkAttribute> ParseAttributes(absl::string_view body, size_t header_size);

}  // namespace moat::namespaces

#endif  // MOAT_RUNTIME_NAMESPACES_NETLINK_H_
