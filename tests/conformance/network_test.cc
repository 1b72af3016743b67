// tcp(7) and udp(7) over IPv4 and IPv6 on the loopback.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_storage storage;
};
// The loopback of the family, port 0 for any.
class Network : public ::testing::TestWithParam<int> {
 protected:
  static Address Loopback(uint16_t port = 0) {
    Address address{};
    address.storage.ss_family = static_cast<sa_family_t>(GetParam());
    if (GetParam() == AF_INET) {
      address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.v4.sin_port = htons(port);
    } else {
      address.v6.sin6_addr = in6addr_loopback;
      address.v6.sin6_port = htons(port);
    }
    return address;
  }
  static socklen_t Size() {
    return GetParam() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  }
  static Fd New(int type) { return Fd(socket(GetParam(), type | SOCK_CLOEXEC, 0)); }
  static int Bind(const Fd& fd, const Address& address) {
    return ErrnoOf(bind(fd.get(), &address.any, Size()));
  }
  static int Connect(const Fd& fd, const Address& address) {
    return ErrnoOf(connect(fd.get(), &address.any, Size()));
  }
  static Address NameOf(const Fd& fd) {
    Address address{};
    socklen_t size = sizeof address;
    EXPECT_SUCCESS(getsockname(fd.get(), &address.any, &size));
    return address;
  }
  static uint16_t Port(const Address& address) {
    return ntohs(GetParam() == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
  }
  static Fd Listening(int type = SOCK_STREAM) {
    Fd fd = New(type);
    EXPECT_EQ(0, Bind(fd, Loopback()));
    EXPECT_SUCCESS(listen(fd.get(), 8));
    return fd;
  }
  struct Pair {
    Fd client, server;
  };
  static Pair Connected() {
    Fd listener = Listening();
    Pair pair;
    pair.client = New(SOCK_STREAM);
    EXPECT_EQ(0, Connect(pair.client, NameOf(listener)));
    pair.server.Reset(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return pair;
  }
};
INSTANTIATE_TEST_SUITE_P(Over, Network, ::testing::Values(AF_INET, AF_INET6),
                         [](const auto& of) { return of.param == AF_INET ? "v4" : "v6"; });

std::string Receive(const Fd& fd, int flags = 0) {
  char bytes[256];
  const ssize_t n = recv(fd.get(), bytes, sizeof bytes, flags);
  return n < 0 ? NameOfErrno(errno) : std::string(bytes, static_cast<size_t>(n));
}

TEST_P(Network, StreamCarriesBytes) {
  Pair pair = Connected();
  EXPECT_EQ(5, send(pair.client.get(), "hello", 5, 0));
  EXPECT_EQ("hello", Receive(pair.server));
}
TEST_P(Network, PortIsGiven) {
  Fd fd = Listening();
  EXPECT_NE(0, Port(NameOf(fd)));
}
TEST_P(Network, PeerAndOwnNamesAgree) {
  Pair pair = Connected();
  Address peer{};
  socklen_t size = sizeof peer;
  ASSERT_SUCCESS(getpeername(pair.server.get(), &peer.any, &size));
  EXPECT_EQ(Size(), size);
  EXPECT_EQ(Port(NameOf(pair.client)), Port(peer));
}
TEST_P(Network, AcceptTellsTheClient) {
  Fd listener = Listening();
  Fd client = New(SOCK_STREAM);
  ASSERT_EQ(0, Connect(client, NameOf(listener)));
  Address peer{};
  socklen_t size = sizeof peer;
  Fd accepted(accept(listener.get(), &peer.any, &size));
  EXPECT_EQ(Port(NameOf(client)), Port(peer));
}
TEST_P(Network, ConnectWithoutListenerIsEconnrefused) {
  Fd reserved = New(SOCK_STREAM);
  ASSERT_EQ(0, Bind(reserved, Loopback()));
  EXPECT_CHILD_ERRNO(ECONNREFUSED, Connect(New(SOCK_STREAM), NameOf(reserved)));
}
TEST_P(Network, NonblockingConnectIsEinprogressAndCompletes) {
  Fd listener = Listening();
  Fd client = New(SOCK_STREAM | SOCK_NONBLOCK);
  const int error = Connect(client, NameOf(listener));
  EXPECT_TRUE(error == EINPROGRESS || error == 0) << NameOfErrno(error);
  pollfd waiting{client.get(), POLLOUT, 0};
  EXPECT_EQ(1, poll(&waiting, 1, 5000));
  int result = -1;
  socklen_t size = sizeof result;
  ASSERT_SUCCESS(getsockopt(client.get(), SOL_SOCKET, SO_ERROR, &result, &size));
  EXPECT_EQ(0, result);
}
TEST_P(Network, ConnectTwiceIsEisconn) {
  Fd listener = Listening();
  Fd client = New(SOCK_STREAM);
  ASSERT_EQ(0, Connect(client, NameOf(listener)));
  EXPECT_CHILD_ERRNO(EISCONN, Connect(client, NameOf(listener)));
}
TEST_P(Network, BindInUseIsEaddrinuse) {
  Fd listener = Listening();
  EXPECT_CHILD_ERRNO(EADDRINUSE, Bind(New(SOCK_STREAM), NameOf(listener)));
}
TEST_P(Network, BindTwiceIsEinval) {
  Fd listener = Listening();
  EXPECT_CHILD_ERRNO(EINVAL, Bind(listener, Loopback()));
}
TEST_P(Network, BindToAForeignAddressIsEaddrnotavail) {
  Address address = Loopback();
  if (GetParam() == AF_INET) {
    inet_pton(AF_INET, "192.0.2.1", &address.v4.sin_addr);
  } else {
    inet_pton(AF_INET6, "2001:db8::1", &address.v6.sin6_addr);
  }
  EXPECT_CHILD_ERRNO(EADDRNOTAVAIL, Bind(New(SOCK_STREAM), address));
}
TEST_P(Network, LowPortNeedsCapability) {
  EXPECT_CHILD_ERRNO(EACCES, As({}, [] { return Bind(New(SOCK_STREAM), Loopback(1)); }));
}
TEST_P(Network, AddressOfAnotherFamilyIsRefused) {
  Address address = Loopback();
  address.storage.ss_family = AF_UNIX;
  EXPECT_CHILD_ERRNO(EAFNOSUPPORT, Bind(New(SOCK_STREAM), address));
}
TEST_P(Network, ShortAddressIsEinval) {
  const Address address = Loopback();
  Fd fd = New(SOCK_STREAM);
  EXPECT_ERRNO(EINVAL, bind(fd.get(), &address.any, 4));
  EXPECT_ERRNO(EINVAL, connect(fd.get(), &address.any, 4));
}
TEST_P(Network, UnmappedAddressIsEfault) {
  Fd fd = New(SOCK_STREAM);
  EXPECT_ERRNO(EFAULT, connect(fd.get(), nullptr, Size()));
}
TEST_P(Network, AcceptWithoutListenIsEinval) {
  EXPECT_ERRNO(EINVAL, accept(New(SOCK_STREAM).get(), nullptr, nullptr));
}
TEST_P(Network, AcceptOfDatagramsIsEopnotsupp) {
  EXPECT_ERRNO(EOPNOTSUPP, accept(New(SOCK_DGRAM).get(), nullptr, nullptr));
  EXPECT_ERRNO(EOPNOTSUPP, listen(New(SOCK_DGRAM).get(), 1));
}
TEST_P(Network, NonblockingAcceptIsEagain) {
  Fd listener = Listening(SOCK_STREAM | SOCK_NONBLOCK);
  EXPECT_ERRNO(EAGAIN, accept(listener.get(), nullptr, nullptr));
}
TEST_P(Network, SendBeforeConnectIsEpipe) {
  EXPECT_ERRNO(EPIPE, send(New(SOCK_STREAM).get(), "x", 1, MSG_NOSIGNAL));
}
TEST_P(Network, ReceiveBeforeConnectIsEnotconn) {
  EXPECT_EQ("ENOTCONN", Receive(New(SOCK_STREAM)));
}
TEST_P(Network, ShutdownOfWritingIsTheEnd) {
  Pair pair = Connected();
  ASSERT_SUCCESS(shutdown(pair.client.get(), SHUT_WR));
  EXPECT_EQ("", Receive(pair.server));
  EXPECT_ERRNO(EPIPE, send(pair.client.get(), "x", 1, MSG_NOSIGNAL));
  EXPECT_EQ(1, send(pair.server.get(), "y", 1, 0));
  EXPECT_EQ("y", Receive(pair.client));
}
TEST_P(Network, ShutdownErrors) {
  EXPECT_ERRNO(ENOTCONN, shutdown(New(SOCK_STREAM).get(), SHUT_RD));
  Pair pair = Connected();
  EXPECT_ERRNO(EINVAL, shutdown(pair.client.get(), 7));
}
TEST_P(Network, LingerZeroResets) {
  Pair pair = Connected();
  const linger now{1, 0};
  ASSERT_SUCCESS(setsockopt(pair.client.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now));
  pair.client.Reset();
  EXPECT_EQ("ECONNRESET", Receive(pair.server));
}
TEST_P(Network, PeekLeavesTheBytes) {
  Pair pair = Connected();
  send(pair.client.get(), "abc", 3, 0);
  EXPECT_EQ("abc", Receive(pair.server, MSG_PEEK));
  EXPECT_EQ("abc", Receive(pair.server));
  EXPECT_EQ("EAGAIN", Receive(pair.server, MSG_DONTWAIT));
}
TEST_P(Network, UrgentByteIsOutOfBand) {
  Pair pair = Connected();
  ASSERT_EQ(1, send(pair.client.get(), "!", 1, MSG_OOB));
  pollfd waiting{pair.server.get(), POLLPRI, 0};
  ASSERT_EQ(1, poll(&waiting, 1, 5000));
  int at_mark = -1;
  EXPECT_SUCCESS(ioctl(pair.server.get(), SIOCATMARK, &at_mark));
  EXPECT_EQ(1, at_mark);
  EXPECT_EQ("!", Receive(pair.server, MSG_OOB));
}
TEST_P(Network, ReceiveTimesOut) {
  Pair pair = Connected();
  const timeval soon{0, 20000};
  ASSERT_SUCCESS(setsockopt(pair.server.get(), SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon));
  EXPECT_EQ("EAGAIN", Receive(pair.server));
}
TEST_P(Network, DatagramsKeepBordersAndTellTheSender) {
  Fd server = New(SOCK_DGRAM), client = New(SOCK_DGRAM);
  ASSERT_EQ(0, Bind(server, Loopback()));
  ASSERT_EQ(0, Bind(client, Loopback()));
  const Address to = NameOf(server);
  EXPECT_EQ(3, sendto(client.get(), "abc", 3, 0, &to.any, Size()));
  EXPECT_EQ(2, sendto(client.get(), "de", 2, 0, &to.any, Size()));
  char bytes[16];
  Address from{};
  socklen_t size = sizeof from;
  EXPECT_EQ(3, recvfrom(server.get(), bytes, sizeof bytes, 0, &from.any, &size));
  EXPECT_EQ(Port(NameOf(client)), Port(from));
  EXPECT_EQ("de", Receive(server));
}
TEST_P(Network, SendmsgToAnAddress) {
  Fd server = New(SOCK_DGRAM), client = New(SOCK_DGRAM);
  ASSERT_EQ(0, Bind(server, Loopback()));
  Address to = NameOf(server);
  char one[] = "ab", two[] = "cd";
  iovec parts[2] = {{one, 2}, {two, 2}};
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = Size();
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  EXPECT_EQ(4, sendmsg(client.get(), &message, 0));
  EXPECT_EQ("abcd", Receive(server));
}
TEST_P(Network, ManyMessagesAtOnce) {
  Fd server = New(SOCK_DGRAM), client = New(SOCK_DGRAM);
  ASSERT_EQ(0, Bind(server, Loopback()));
  ASSERT_EQ(0, Connect(client, NameOf(server)));
  char text[] = "ab";
  iovec parts[2] = {{text, 1}, {text + 1, 1}};
  mmsghdr messages[2] = {};
  for (int i = 0; i < 2; ++i) {
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  EXPECT_EQ(2, sendmmsg(client.get(), messages, 2, 0));
  EXPECT_EQ(2, recvmmsg(server.get(), messages, 2, 0, nullptr));
  EXPECT_EQ(1u, messages[0].msg_len);
}
TEST_P(Network, DatagramIsCut) {
  Fd server = New(SOCK_DGRAM), client = New(SOCK_DGRAM);
  ASSERT_EQ(0, Bind(server, Loopback()));
  ASSERT_EQ(0, Connect(client, NameOf(server)));
  send(client.get(), "abcdef", 6, 0);
  char bytes[2];
  EXPECT_EQ(6, recv(server.get(), bytes, 2, MSG_TRUNC));
}
TEST_P(Network, DatagramTooLongIsEmsgsize) {
  Fd server = New(SOCK_DGRAM), client = New(SOCK_DGRAM);
  ASSERT_EQ(0, Bind(server, Loopback()));
  ASSERT_EQ(0, Connect(client, NameOf(server)));
  const std::string large(70000, 'x');
  EXPECT_ERRNO(EMSGSIZE, send(client.get(), large.data(), large.size(), 0));
}
TEST_P(Network, DatagramWithoutAddressIsEdestaddrreq) {
  EXPECT_ERRNO(EDESTADDRREQ, send(New(SOCK_DGRAM).get(), "x", 1, 0));
}
TEST_P(Network, ConnectedDatagramsHearOfADeafPeer) {
  Fd reserved = New(SOCK_DGRAM), client = New(SOCK_DGRAM);
  ASSERT_EQ(0, Bind(reserved, Loopback()));
  const Address deaf = NameOf(reserved);
  reserved.Reset();
  ASSERT_EQ(0, Connect(client, deaf));
  send(client.get(), "x", 1, 0);
  EXPECT_EQ("ECONNREFUSED", Receive(client));
}
TEST_P(Network, UnspecifiedAddressDissolvesTheConnection) {
  Fd server = New(SOCK_DGRAM), client = New(SOCK_DGRAM);
  ASSERT_EQ(0, Bind(server, Loopback()));
  ASSERT_EQ(0, Connect(client, NameOf(server)));
  Address none{};
  none.storage.ss_family = AF_UNSPEC;
  EXPECT_SUCCESS(connect(client.get(), &none.any, sizeof none.any));
  Address peer{};
  socklen_t size = sizeof peer;
  EXPECT_ERRNO(ENOTCONN, getpeername(client.get(), &peer.any, &size));
}
TEST_P(Network, ReusedPortIsShared) {
  Fd one = New(SOCK_STREAM), two = New(SOCK_STREAM);
  const int yes = 1;
  setsockopt(one.get(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
  setsockopt(two.get(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
  ASSERT_EQ(0, Bind(one, Loopback()));
  EXPECT_EQ(0, Bind(two, NameOf(one)));
}
TEST_P(Network, SendfileIntoASocket) {
  Pair pair = Connected();
  Fd file(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  off_t offset = 5;
  ASSERT_EQ(10, sendfile(pair.client.get(), file.get(), &offset, 10));
  EXPECT_EQ(ReadFile("/etc/passwd").substr(5, 10), Receive(pair.server));
}
TEST_P(Network, OwnerGetsSigio) {
  Pair pair = Connected();
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGIO);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  ASSERT_SUCCESS(fcntl(pair.server.get(), F_SETOWN, getpid()));
  EXPECT_EQ(getpid(), fcntl(pair.server.get(), F_GETOWN));
  ASSERT_SUCCESS(fcntl(pair.server.get(), F_SETFL, O_ASYNC));
  send(pair.client.get(), "x", 1, 0);
  const timespec limit{5, 0};
  EXPECT_EQ(SIGIO, sigtimedwait(&set, nullptr, &limit));
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
}
TEST_P(Network, ProcNetListsListeners) {
  Fd listener = Listening();
  char port[8];
  snprintf(port, sizeof port, ":%04X ", Port(NameOf(listener)));
  const std::string table = ReadFile(GetParam() == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6");
  EXPECT_NE(std::string::npos, table.find(port)) << table;
}

}  // namespace
}  // namespace moat::conformance
