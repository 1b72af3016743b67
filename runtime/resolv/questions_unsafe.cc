#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/resolv/questions.h"

namespace moat::resolv {
namespace {

constexpr int kBacklog = 16;

absl::StatusOr<Fd> Bind(const policies::EndPoint& resolver, int type) {
  Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return ErrnoStatus(errno, "socket", "AF_INET");
  // The loopback device may still be down: a hook sets the network up.
  const int on = 1;
  if (::setsockopt(socket.get(), IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) < 0) {
    return ErrnoStatus(errno, "setsockopt", "IP_FREEBIND");
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(resolver.port);
  std::memcpy(&address.sin_addr, resolver.address.data() + 12, sizeof(address.sin_addr));
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0) {
    const absl::Status failed =
        ErrnoStatus(errno, "bind", absl::StrCat(policies::AddressText(resolver.address), ":53"));
    if (StatusErrno(failed) != EADDRINUSE) return failed;
    return Annotate(failed,
                    "a DNS server that takes every address of the container's network is in the "
                    "way of moat-resolver");
  }
  return socket;
}

absl::StatusOr<Questions> BindBoth(const policies::EndPoint& resolver) {
  Questions questions;
  ASSIGN_OR_RETURN(questions.datagrams, Bind(resolver, SOCK_DGRAM));
  ASSIGN_OR_RETURN(questions.streams, Bind(resolver, SOCK_STREAM));
  if (::listen(questions.streams.get(), kBacklog) < 0) return ErrnoStatus(errno, "listen", ":53");
  return questions;
}

}  // namespace

absl::StatusOr<Questions> OpenQuestions(int pidfd, const policies::EndPoint& resolver) {
  const Fd own(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own) return ErrnoStatus(errno, "open", "/proc/thread-self/ns/net");
  if (::setns(pidfd, CLONE_NEWNET) < 0)
    return ErrnoStatus(errno, "setns", "the container's network");
  absl::StatusOr<Questions> questions = BindBoth(resolver);
  if (::setns(own.get(), CLONE_NEWNET) < 0) return ErrnoStatus(errno, "setns", "the own network");
  return questions;
}

}  // namespace moat::resolv
