// A request under construction with the descriptors that go along:
//
//   RequestBuilder(Operation::kMkdir, credentials, path).Arguments(mode).CallOn(exchange);
#ifndef MOAT_GOFER_CLIENT_REQUEST_BUILDER_H_
#define MOAT_GOFER_CLIENT_REQUEST_BUILDER_H_

#include <array>
#include <cstdint>
#include <type_traits>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gofer/client/client.h"
#include "gofer/client/exchange.h"
#include "gofer/protocol/request.h"

namespace moat::gofer {

// What it is given is borrowed until CallOn has returned.
class RequestBuilder {
 public:
  RequestBuilder(Operation operation, const Credentials& credentials, const PathRef& path) {
    request_.operation = operation;
    request_.uid = credentials.uid;
    request_.gid = credentials.gid;
    request_.umask = credentials.umask;
    request_.capabilities = credentials.capabilities;
    request_.groups = credentials.groups;
    request_.path = path.path;
    Attach(path.base, kBaseDescriptor);
    Attach(path.root, kRootDescriptor);
  }

  template <typename... T>
  RequestBuilder& Arguments(T... values) {
    static_assert(sizeof...(T) <= kArguments);
    request_.arguments = {Widen(values)...};
    return *this;
  }
  RequestBuilder& Second(absl::string_view text) {
    request_.second = text;
    return *this;
  }
  // A second path of the same caller: its root is the first path's.
  RequestBuilder& SecondPath(const PathRef& path) {
    Attach(path.base, kSecondBaseDescriptor);
    return Second(path.path);
  }
  RequestBuilder& Data(absl::string_view data) {
    request_.data = data;
    return *this;
  }
  RequestBuilder& Object(int fd) {
    Attach(fd, kObjectDescriptor);
    return *this;
  }

  Outcome<Answer> CallOn(Exchange& exchange, const Channel::GiveUp* give_up = nullptr) {
    return exchange.Call(request_, absl::MakeConstSpan(fds_).first(fd_count_), give_up);
  }

 private:
  // Negative arguments (flags that are wrong) stay what they are in 32 bits.
  template <typename T>
  static uint64_t Widen(T value) {
    return static_cast<uint64_t>(static_cast<std::make_unsigned_t<T>>(value));
  }
  // Descriptors must be attached in the order of their bits.
  void Attach(int fd, uint32_t bit) {
    if (fd < 0) return;
    fds_[fd_count_++] = fd;
    request_.descriptors |= bit;
  }

  Request request_;
  std::array<int, kMaxDescriptors> fds_{};
  size_t fd_count_ = 0;
};

}  // namespace moat::gofer

#endif  // MOAT_GOFER_CLIENT_REQUEST_BUILDER_H_
