// unix(7): every type by path, abstract, autobound and as pairs; SCM_RIGHTS and SCM_CREDENTIALS.
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstring>
#include <thread>
#include <tuple>

#include "tests/conformance/conformance.h"
#include "tests/conformance/unix_address.h"

namespace moat::conformance {
namespace {

std::string NameOf(const Fd& fd, decltype(&getsockname) call) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (call(fd.get(), static_cast<sockaddr*>(static_cast<void*>(&address)), &size) == -1) {
    return NameOfErrno(errno);
  }
  if (size <= offsetof(sockaddr_un, sun_path)) return "(unnamed)";
  std::string name(address.sun_path, size - offsetof(sockaddr_un, sun_path));
  return name[0] == '\0' ? name : std::string(name.c_str());
}
std::string Receive(const Fd& fd, int flags = 0) {
  char bytes[256];
  const ssize_t n = recv(fd.get(), bytes, sizeof bytes, flags);
  return n < 0 ? NameOfErrno(errno) : std::string(bytes, static_cast<size_t>(n));
}
struct Pair {
  explicit Pair(int type = SOCK_STREAM) {
    int ends[2] = {-1, -1};
    EXPECT_SUCCESS(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends));
    a.Reset(ends[0]);
    b.Reset(ends[1]);
  }
  Fd a, b;
};

// How the server is named, and how a client names it.
enum class Way { kRelative, kAbsolute, kLink, kAbstract, kProcCwd };
constexpr const char* kWayNames[] = {"relative", "absolute", "link", "abstract", "proc_cwd"};
class UnixTypes : public Scratch, public ::testing::WithParamInterface<std::tuple<int, int>> {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    ASSERT_SUCCESS(symlink("server", "link"));
  }
  static int Type() { return std::get<0>(GetParam()); }
  Way way() const { return static_cast<Way>(std::get<1>(GetParam())); }
  std::string ServerName() const {
    return way() == Way::kAbstract ? std::string("\0conformance", 12) + dir() : "server";
  }
  std::string ClientsName() const {
    switch (way()) {
      case Way::kRelative:
        return "server";
      case Way::kAbsolute:
        return dir() + "/server";
      case Way::kLink:
        return "link";
      case Way::kAbstract:
        return ServerName();
      case Way::kProcCwd:
        return "/proc/self/cwd/server";
    }
    return "";
  }
  Fd Server() const {
    Fd server = New(Type());
    EXPECT_CHILD_ERRNO(0, Bind(server, ServerName()));
    if (Type() != SOCK_DGRAM) {
      EXPECT_SUCCESS(listen(server.get(), 4));
    }
    return server;
  }
  static Fd Accept(const Fd& server) {
    return Fd(Type() == SOCK_DGRAM ? dup(server.get()) : accept(server.get(), nullptr, nullptr));
  }
};
INSTANTIATE_TEST_SUITE_P(Of, UnixTypes,
                         ::testing::Combine(::testing::Values(SOCK_STREAM, SOCK_DGRAM,
                                                              SOCK_SEQPACKET),
                                            ::testing::Range(0, 5)),
                         [](const auto& of) {
                           const int type = std::get<0>(of.param);
                           return std::string(type == SOCK_STREAM  ? "stream"
                                              : type == SOCK_DGRAM ? "dgram"
                                                                   : "seqpacket") +
                                  "_" + kWayNames[std::get<1>(of.param)];
                         });
TEST_P(UnixTypes, ConnectAndSend) {
  Fd server = Server(), client = New(Type());
  ASSERT_EQ(0, Connect(client, ClientsName()));
  EXPECT_EQ(5, send(client.get(), "hello", 5, 0));
  EXPECT_EQ("hello", Receive(Accept(server)));
}
TEST_P(UnixTypes, PeerNameIsAsTheServerBoundIt) {
  Fd server = Server(), client = New(Type());
  ASSERT_EQ(0, Connect(client, ClientsName()));
  EXPECT_EQ(ServerName(), NameOf(client, getpeername));
  EXPECT_EQ(ServerName(), NameOf(server, getsockname));
}
TEST_P(UnixTypes, ServerSeesTheClientsName) {
  Fd server = Server(), client = New(Type());
  ASSERT_EQ(0, Bind(client, "client"));
  ASSERT_EQ(0, Connect(client, ClientsName()));
  if (Type() == SOCK_DGRAM) {
    ASSERT_EQ(1, send(client.get(), "x", 1, 0));
    Name from("");
    from.size = sizeof from.address;
    char byte;
    ASSERT_EQ(1, recvfrom(server.get(), &byte, 1, 0,
                          static_cast<sockaddr*>(static_cast<void*>(&from.address)), &from.size));
    EXPECT_STREQ("client", from.address.sun_path);
  } else {
    EXPECT_EQ("client", NameOf(Accept(server), getpeername));
  }
}
TEST_P(UnixTypes, FromAChildOfAnotherUser) {
  ASSERT_SUCCESS(chmod(".", 0755));
  Fd server = Server();
  if (way() != Way::kAbstract) {
    ASSERT_SUCCESS(chmod("server", 0777));
  }
  EXPECT_CHILD_ERRNO(0, As({}, [&] {
                       Fd client = New(Type());
                       const int error = Connect(client, ClientsName());
                       return error != 0 ? error : ErrnoOf(send(client.get(), "u", 1, 0));
                     }));
  EXPECT_EQ("u", Receive(Accept(server)));
}
TEST_P(UnixTypes, ServerGoneIsEconnrefused) {
  Server().Reset();
  EXPECT_CHILD_ERRNO(ECONNREFUSED, Connect(New(Type()), ClientsName()));
}

class UnixSocket : public Scratch {};

// Sends with control data: descriptors, or credentials.
ssize_t SendRights(const Fd& to, const std::vector<int>& descriptors) {
  char byte = 'r';
  iovec part{&byte, 1};
  std::vector<char> control(CMSG_SPACE(descriptors.size() * sizeof(int)));
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
  std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
  return sendmsg(to.get(), &message, 0);
}
struct Received {
  std::vector<int> descriptors;
  ucred credentials{};
  int flags = 0;
};
Received ReceiveControl(const Fd& from, size_t room = 4096, int flags = 0) {
  char byte;
  iovec part{&byte, 1};
  std::vector<char> control(room);
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  Received received;
  EXPECT_EQ(1, recvmsg(from.get(), &message, flags));
  received.flags = message.msg_flags;
  for (cmsghdr* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_type == SCM_CREDENTIALS) {
      std::memcpy(&received.credentials, CMSG_DATA(h), sizeof received.credentials);
    } else if (h->cmsg_type == SCM_RIGHTS) {
      const size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      received.descriptors.resize(count);
      std::memcpy(received.descriptors.data(), CMSG_DATA(h), count * sizeof(int));
    }
  }
  return received;
}

TEST_F(UnixSocket, SeveralDescriptorsAtOnce) {
  WriteFile("one", "1");
  WriteFile("two", "2");
  Pair pair;
  Fd one(open("one", O_RDONLY)), two(open("two", O_RDONLY));
  ASSERT_EQ(1, SendRights(pair.a, {one.get(), two.get()}));
  const Received received = ReceiveControl(pair.b);
  ASSERT_EQ(2u, received.descriptors.size());
  EXPECT_EQ("1", ReadAll(received.descriptors[0]));
  EXPECT_EQ("2", ReadAll(received.descriptors[1]));
  for (int fd : received.descriptors) close(fd);
}
TEST_F(UnixSocket, PathOnlyDescriptorIsPassed) {
  WriteFile("file");
  Pair pair;
  Fd path(open("file", O_PATH | O_CLOEXEC));
  ASSERT_EQ(1, SendRights(pair.a, {path.get()}));
  const Received received = ReceiveControl(pair.b);
  ASSERT_EQ(1u, received.descriptors.size());
  EXPECT_TRUE(fcntl(received.descriptors[0], F_GETFL) & O_PATH);
  close(received.descriptors[0]);
}
TEST_F(UnixSocket, DirectoryIsPassedAndServesAsBase) {
  ASSERT_SUCCESS(mkdir("folder", 0755));
  WriteFile("folder/file", "x");
  Pair pair;
  Fd folder(open("folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(1, SendRights(pair.a, {folder.get()}));
  const Received received = ReceiveControl(pair.b);
  EXPECT_TRUE(Fd(openat(received.descriptors.at(0), "file", O_RDONLY)).valid());
  close(received.descriptors.at(0));
}
TEST_F(UnixSocket, TooManyDescriptorsIsEinval) {
  Pair pair;
  EXPECT_EQ(-1, SendRights(pair.a, std::vector<int>(254, 0)));
  EXPECT_EQ(EINVAL, errno);
  EXPECT_EQ(1, SendRights(pair.a, std::vector<int>(253, 0)));
}
TEST_F(UnixSocket, ClosedDescriptorIsEbadf) {
  Pair pair;
  EXPECT_EQ(-1, SendRights(pair.a, {999}));
  EXPECT_EQ(EBADF, errno);
}
TEST_F(UnixSocket, LittleRoomCutsThem) {
  Pair pair;
  ASSERT_EQ(1, SendRights(pair.a, {0, 0, 0}));
  const Received received = ReceiveControl(pair.b, CMSG_SPACE(sizeof(int)));
  EXPECT_TRUE(received.flags & MSG_CTRUNC);
  for (int fd : received.descriptors) close(fd);
}
TEST_F(UnixSocket, ReceivedOnesAreCloseOnExecWhenAsked) {
  Pair pair;
  ASSERT_EQ(1, SendRights(pair.a, {0}));
  Received received = ReceiveControl(pair.b, 4096, MSG_CMSG_CLOEXEC);
  EXPECT_EQ(FD_CLOEXEC, fcntl(received.descriptors.at(0), F_GETFD));
  close(received.descriptors.at(0));
  ASSERT_EQ(1, SendRights(pair.a, {0}));
  received = ReceiveControl(pair.b);
  EXPECT_EQ(0, fcntl(received.descriptors.at(0), F_GETFD));
  close(received.descriptors.at(0));
}
TEST_F(UnixSocket, SocketInFlightThroughItself) {
  Pair pair;
  ASSERT_EQ(1, SendRights(pair.a, {pair.a.get()}));
  const Received received = ReceiveControl(pair.b);
  EXPECT_EQ(1, write(received.descriptors.at(0), "x", 1));
  EXPECT_EQ("x", Receive(pair.b));
  close(received.descriptors.at(0));
}
TEST_F(UnixSocket, CredentialsOfTheSender) {
  Pair pair(SOCK_DGRAM);
  const int yes = 1;
  ASSERT_SUCCESS(setsockopt(pair.b.get(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes));
  const pid_t child = fork();
  if (child == 0) {
    if (setresgid(8, 8, 8) != 0 || setresuid(7, 7, 7) != 0) _exit(1);
    _exit(send(pair.a.get(), "x", 1, 0) == 1 ? 0 : 1);
  }
  const Received received = ReceiveControl(pair.b);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(child, received.credentials.pid);
  EXPECT_EQ(7u, received.credentials.uid);
  EXPECT_EQ(8u, received.credentials.gid);
}
TEST_F(UnixSocket, IdsOfTheSenderOfADatagramToAPath) {
  ASSERT_SUCCESS(chmod(".", 0777));
  Fd server = New(SOCK_DGRAM);
  ASSERT_EQ(0, Bind(server, "server"));
  ASSERT_SUCCESS(chmod("server", 0777));
  const int yes = 1;
  ASSERT_SUCCESS(setsockopt(server.get(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes));
  EXPECT_EQ(0, As({7, 8, {}}, [] {
              const Name to("server");
              const ssize_t sent = sendto(New(SOCK_DGRAM).get(), "x", 1, 0, to.get(), to.size);
              return sent == 1 ? 0 : errno;
            }));
  const Received received = ReceiveControl(server);
  EXPECT_EQ(7u, received.credentials.uid);
  EXPECT_EQ(8u, received.credentials.gid);
}
TEST_F(UnixSocket, PairKnowsItsMaker) {
  Pair pair;
  ucred peer{};
  socklen_t size = sizeof peer;
  ASSERT_SUCCESS(getsockopt(pair.a.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size));
  EXPECT_EQ(getpid(), peer.pid);
  EXPECT_EQ(geteuid(), peer.uid);
}
TEST_F(UnixSocket, UnboundHasNoName) {
  EXPECT_EQ("(unnamed)", NameOf(New(SOCK_STREAM), getsockname));
  EXPECT_EQ("ENOTCONN", NameOf(New(SOCK_STREAM), getpeername));
  Pair pair;
  EXPECT_EQ("(unnamed)", NameOf(pair.a, getpeername));
}
TEST_F(UnixSocket, AutobindGivesAnAbstractName) {
  Fd fd = New(SOCK_DGRAM);
  const Name none("");
  ASSERT_SUCCESS(bind(fd.get(), none.get(), sizeof(sa_family_t)));
  EXPECT_EQ(6u, NameOf(fd, getsockname).size());
}
TEST_F(UnixSocket, AbstractNamesAreBytes) {
  const std::string one("\0a\0b", 4), two("\0a\0c", 4);
  Fd first = New(SOCK_DGRAM), second = New(SOCK_DGRAM);
  EXPECT_EQ(0, Bind(first, one));
  EXPECT_EQ(0, Bind(second, two));
  EXPECT_EQ(one, NameOf(first, getsockname));
}
TEST_F(UnixSocket, LongestPathHasNoNul) {
  const std::string name(108 - dir().size() - 1, 'n');
  const std::string path = dir() + "/" + name;
  if (dir().size() > 100) GTEST_SKIP() << "the scratch folder's name is too long";
  Fd server = New(SOCK_STREAM);
  ASSERT_EQ(0, Bind(server, path));
  EXPECT_TRUE(Exists(name));
  ASSERT_SUCCESS(listen(server.get(), 1));
  EXPECT_EQ(0, Connect(New(SOCK_STREAM), path));
}
TEST_F(UnixSocket, NameOfARemovedSocketIsFree) {
  Fd first = New(SOCK_STREAM), second = New(SOCK_STREAM);
  ASSERT_EQ(0, Bind(first, "name"));
  ASSERT_SUCCESS(unlink("name"));
  EXPECT_EQ(0, Bind(second, "name"));
}
TEST_F(UnixSocket, RenamedSocketIsStillReached) {
  Fd server = New(SOCK_STREAM);
  ASSERT_EQ(0, Bind(server, "name"));
  ASSERT_SUCCESS(listen(server.get(), 1));
  ASSERT_SUCCESS(rename("name", "other"));
  EXPECT_EQ(0, Connect(New(SOCK_STREAM), "other"));
  EXPECT_CHILD_ERRNO(ENOENT, Connect(New(SOCK_STREAM), "name"));
}
TEST_F(UnixSocket, ModeAndOwnerAreThoseOfTheBinder) {
  ASSERT_SUCCESS(chmod(".", 0777));
  EXPECT_CHILD_ERRNO(0, As({7, 8, {}}, [] {
                       umask(0177);
                       return Bind(New(SOCK_DGRAM), "name");
                     }));
  EXPECT_EQ(0600u, ModeOf("name"));
  EXPECT_EQ(7u, StatOf("name").st_uid);
  EXPECT_EQ(8u, StatOf("name").st_gid);
}
TEST_F(UnixSocket, OfAnotherTypeIsEprototype) {
  Fd server = New(SOCK_SEQPACKET);
  ASSERT_EQ(0, Bind(server, "name"));
  ASSERT_SUCCESS(listen(server.get(), 1));
  EXPECT_CHILD_ERRNO(EPROTOTYPE, Connect(New(SOCK_STREAM), "name"));
}
TEST_F(UnixSocket, SeqpacketKeepsBorders) {
  Pair pair(SOCK_SEQPACKET);
  send(pair.a.get(), "abc", 3, 0);
  send(pair.a.get(), "de", 2, 0);
  EXPECT_EQ("abc", Receive(pair.b));
  EXPECT_EQ("de", Receive(pair.b));
}
TEST_F(UnixSocket, ClosedPeerIsTheEndAndEpipe) {
  Pair pair;
  pair.a.Reset();
  EXPECT_EQ("", Receive(pair.b));
  EXPECT_ERRNO(EPIPE, send(pair.b.get(), "x", 1, MSG_NOSIGNAL));
}
TEST_F(UnixSocket, UnreadBytesMakeItEconnreset) {
  Pair pair;
  send(pair.a.get(), "x", 1, 0);
  pair.b.Reset();
  EXPECT_EQ("ECONNRESET", Receive(pair.a));
}
TEST_F(UnixSocket, DatagramToAFullQueueIsEagain) {
  Pair pair(SOCK_DGRAM | SOCK_NONBLOCK);
  int error = 0;
  for (int i = 0; i < 10000 && error == 0; ++i) error = ErrnoOf(send(pair.a.get(), "x", 1, 0));
  EXPECT_CHILD_ERRNO(EAGAIN, error);
}
TEST_F(UnixSocket, UnreadBytesAreCounted) {
  Pair pair;
  send(pair.a.get(), "abc", 3, 0);
  int count = 0;
  ASSERT_SUCCESS(ioctl(pair.b.get(), FIONREAD, &count));
  EXPECT_EQ(3, count);
}
TEST_F(UnixSocket, BlockingConnectWaitsForRoom) {
  Fd server = New(SOCK_STREAM);
  ASSERT_EQ(0, Bind(server, "name"));
  ASSERT_SUCCESS(listen(server.get(), 0));
  Fd first = New(SOCK_STREAM);
  ASSERT_EQ(0, Connect(first, "name"));
  const pid_t child = fork();
  if (child == 0) _exit(Connect(New(SOCK_STREAM), "name"));
  usleep(50000);
  EXPECT_EQ(0, waitpid(child, nullptr, WNOHANG));
  Fd accepted(accept(server.get(), nullptr, nullptr));
  int status = -1;
  EXPECT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
}
TEST_F(UnixSocket, BlockedConnectIsInterrupted) {
  Fd server = New(SOCK_STREAM);
  ASSERT_EQ(0, Bind(server, "name"));
  ASSERT_SUCCESS(listen(server.get(), 0));
  Fd first = New(SOCK_STREAM);
  ASSERT_EQ(0, Connect(first, "name"));
  EXPECT_CHILD_ERRNO(EINTR, InChild([] {
                       struct sigaction action {};
                       action.sa_handler = [](int) {};
                       sigaction(SIGALRM, &action, nullptr);
                       ualarm(50000, 0);
                       return Connect(New(SOCK_STREAM), "name");
                     }));
}
TEST_F(UnixSocket, BlockedConnectDoesNotStopOthers) {
  Fd server = New(SOCK_STREAM);
  ASSERT_EQ(0, Bind(server, "name"));
  ASSERT_SUCCESS(listen(server.get(), 0));
  Fd first = New(SOCK_STREAM);
  ASSERT_EQ(0, Connect(first, "name"));
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    children.push_back(fork());
    if (children.back() == 0) _exit(Connect(New(SOCK_STREAM), "name"));
  }
  usleep(20000);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(Exists("name"));
  for (const pid_t child : children) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
}
TEST_F(UnixSocket, DatagramPeersOnlyHearEachOther) {
  Fd server = New(SOCK_DGRAM), friendly = New(SOCK_DGRAM);
  ASSERT_EQ(0, Bind(server, "server"));
  ASSERT_EQ(0, Bind(friendly, "friend"));
  ASSERT_EQ(0, Connect(server, "friend"));
  EXPECT_CHILD_ERRNO(EPERM, Connect(New(SOCK_DGRAM), "server"));
}
TEST_F(UnixSocket, PathOnlySocketIsReachedThroughProc) {
  Fd server = New(SOCK_STREAM);
  ASSERT_EQ(0, Bind(server, "name"));
  ASSERT_SUCCESS(listen(server.get(), 1));
  Fd path(open("name", O_PATH | O_CLOEXEC));
  EXPECT_EQ(0, Connect(New(SOCK_STREAM), "/proc/self/fd/" + std::to_string(path.get())));
}

}  // namespace
}  // namespace moat::conformance
