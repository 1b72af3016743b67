// Unix sockets that are named by paths, and what works between processes without paths.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <utility>

#include "tests/conformance/conformance.h"

namespace moat::conformance {
namespace {

class Socket : public Scratch {};

// sockaddr and its kin without reinterpret_cast.
class Address {
 public:
  explicit Address(const std::string& path) {
    address_.sun_family = AF_UNIX;
    std::memcpy(address_.sun_path, path.data(), path.size());
    size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  }
  const sockaddr* get() const {
    return static_cast<const sockaddr*>(static_cast<const void*>(&address_));
  }
  socklen_t size() const { return size_; }

 private:
  sockaddr_un address_{};
  socklen_t size_;
};

Fd NewSocket(int type = SOCK_STREAM) { return Fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0)); }
int Bind(const Fd& fd, const std::string& path) {
  const Address address(path);
  return ErrnoOf(bind(fd.get(), address.get(), address.size()));
}
int Connect(const Fd& fd, const std::string& path) {
  const Address address(path);
  return ErrnoOf(connect(fd.get(), address.get(), address.size()));
}
std::string NameOf(const Fd& fd, decltype(&getsockname) call) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (call(fd.get(), static_cast<sockaddr*>(static_cast<void*>(&address)), &size) == -1) {
    return NameOfErrno(errno);
  }
  return std::string(address.sun_path, size - offsetof(sockaddr_un, sun_path));
}

TEST_F(Socket, BindMakesASocketFile) {
  umask(027);
  Fd server = NewSocket();
  EXPECT_CHILD_ERRNO(0, Bind(server, "socket"));
  EXPECT_TRUE(S_ISSOCK(StatOf("socket").st_mode));
  EXPECT_EQ(0750u, ModeOf("socket"));
}
TEST_F(Socket, BindOverExistingIsEaddrinuse) {
  WriteFile("file");
  EXPECT_CHILD_ERRNO(EADDRINUSE, Bind(NewSocket(), "file"));
}
TEST_F(Socket, BindInMissingFolderIsEnoent) {
  EXPECT_CHILD_ERRNO(ENOENT, Bind(NewSocket(), "missing/socket"));
}
TEST_F(Socket, BindTwiceIsEinval) {
  Fd server = NewSocket();
  EXPECT_CHILD_ERRNO(0, Bind(server, "one"));
  EXPECT_CHILD_ERRNO(EINVAL, Bind(server, "two"));
}
TEST_F(Socket, BindNeedsPermission) {
  EXPECT_CHILD_ERRNO(EACCES, As({}, [] { return Bind(NewSocket(), "socket"); }));
}
TEST_F(Socket, BindOnReadOnlyMountIsErofs) {
  EXPECT_CHILD_ERRNO(EROFS, Bind(NewSocket(), GetOptions().read_only + "/socket"));
}
TEST_F(Socket, NameIsThePathAsGiven) {
  Fd server = NewSocket();
  ASSERT_EQ(0, Bind(server, "./socket"));
  EXPECT_EQ("./socket", NameOf(server, getsockname).substr(0, 8));
}
TEST_F(Socket, ConnectAndTalk) {
  Fd server = NewSocket();
  ASSERT_EQ(0, Bind(server, "socket"));
  ASSERT_SUCCESS(listen(server.get(), 4));
  Fd client = NewSocket();
  ASSERT_EQ(0, Connect(client, dir() + "/socket"));
  Fd accepted(accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_EQ(5, write(client.get(), "hello", 5));
  char bytes[5];
  EXPECT_EQ(5, read(accepted.get(), bytes, 5));
  EXPECT_EQ("socket", NameOf(client, getpeername).substr(0, 6));
}
TEST_F(Socket, ConnectThroughALink) {
  Fd server = NewSocket();
  ASSERT_EQ(0, Bind(server, "socket"));
  ASSERT_SUCCESS(listen(server.get(), 4));
  ASSERT_SUCCESS(symlink("socket", "link"));
  EXPECT_CHILD_ERRNO(0, Connect(NewSocket(), "link"));
}
TEST_F(Socket, ConnectErrors) {
  WriteFile("file");
  EXPECT_CHILD_ERRNO(ENOENT, Connect(NewSocket(), "missing"));
  EXPECT_CHILD_ERRNO(ECONNREFUSED, Connect(NewSocket(), "file"));
  Fd server = NewSocket();
  ASSERT_EQ(0, Bind(server, "deaf"));
  EXPECT_CHILD_ERRNO(ECONNREFUSED, Connect(NewSocket(), "deaf"));
  EXPECT_CHILD_ERRNO(EPROTOTYPE, [&] {
    listen(server.get(), 1);
    return Connect(NewSocket(SOCK_DGRAM), "deaf");
  }());
}
TEST_F(Socket, ConnectNeedsWritePermission) {
  Fd server = NewSocket();
  ASSERT_EQ(0, Bind(server, "socket"));
  ASSERT_SUCCESS(listen(server.get(), 4));
  ASSERT_SUCCESS(chmod("socket", 0700));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [] { return Connect(NewSocket(), "socket"); }));
}
TEST_F(Socket, NonblockingConnectToFullQueueIsEagain) {
  Fd server = NewSocket();
  ASSERT_EQ(0, Bind(server, "socket"));
  ASSERT_SUCCESS(listen(server.get(), 0));
  int error = 0;
  std::vector<Fd> clients;
  for (int i = 0; i < 8 && error == 0; ++i) {
    clients.push_back(NewSocket(SOCK_STREAM | SOCK_NONBLOCK));
    error = Connect(clients.back(), "socket");
  }
  EXPECT_CHILD_ERRNO(EAGAIN, error);
}
// The pid of a client with uid 8 and gid 7, and its credentials as the server sees them.
std::pair<pid_t, ucred> CredentialsOfAClient() {
  const Fd server = NewSocket();
  EXPECT_EQ(0, Bind(server, "socket"));
  EXPECT_SUCCESS(listen(server.get(), 4));
  const pid_t child = fork();
  if (child == 0) {
    if (setresgid(7, 7, 7) == -1 || chmod("socket", 0777) == -1 || setresuid(8, 8, 8) == -1)
      _exit(1);
    const Fd client = NewSocket();
    char byte;
    _exit(Connect(client, "socket") == 0 && read(client.get(), &byte, 1) == 0 ? 0 : 1);
  }
  Fd accepted(accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ucred peer{};
  socklen_t size = sizeof peer;
  EXPECT_SUCCESS(getsockopt(accepted.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size));
  accepted.Reset();
  int status = -1;
  EXPECT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
  return {child, peer};
}

TEST_F(Socket, PeerCredentialsNameTheClientsUidAndGid) {
  const ucred peer = CredentialsOfAClient().second;
  EXPECT_EQ(8u, peer.uid);
  EXPECT_EQ(7u, peer.gid);
}
TEST_F(Socket, PeerCredentialsNameTheClientsPid) {
  const auto [client, peer] = CredentialsOfAClient();
  EXPECT_EQ(client, peer.pid);
}
TEST_F(Socket, DatagramsByPath) {
  Fd server = NewSocket(SOCK_DGRAM), client = NewSocket(SOCK_DGRAM);
  ASSERT_EQ(0, Bind(server, "server"));
  ASSERT_EQ(0, Bind(client, "client"));
  const Address to("server");
  EXPECT_EQ(4, sendto(client.get(), "ping", 4, 0, to.get(), to.size()));
  char bytes[16];
  sockaddr_un from{};
  socklen_t size = sizeof from;
  auto* from_address = static_cast<sockaddr*>(static_cast<void*>(&from));
  EXPECT_EQ(4, recvfrom(server.get(), bytes, sizeof bytes, 0, from_address, &size));
  EXPECT_STREQ("client", from.sun_path);
}
TEST_F(Socket, SendmsgByPath) {
  Fd server = NewSocket(SOCK_DGRAM), client = NewSocket(SOCK_DGRAM);
  ASSERT_EQ(0, Bind(server, "server"));
  const Address to("server");
  char text[] = "two parts";
  iovec parts[2] = {{text, 4}, {text + 4, 5}};
  msghdr message{};
  message.msg_name = const_cast<sockaddr*>(to.get());
  message.msg_namelen = to.size();
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  EXPECT_EQ(9, sendmsg(client.get(), &message, 0));
  char bytes[16];
  EXPECT_EQ(9, recv(server.get(), bytes, sizeof bytes, 0));
  EXPECT_EQ("two parts", std::string(bytes, 9));
}
TEST_F(Socket, SendToMissingIsEnoent) {
  Fd client = NewSocket(SOCK_DGRAM);
  const Address to("missing");
  EXPECT_ERRNO(ENOENT, sendto(client.get(), "x", 1, 0, to.get(), to.size()));
}
TEST_F(Socket, AbstractNamesWork) {
  const std::string name = std::string("\0moat", 5) + dir();
  Fd server = NewSocket();
  ASSERT_EQ(0, Bind(server, name));
  ASSERT_SUCCESS(listen(server.get(), 4));
  EXPECT_CHILD_ERRNO(0, Connect(NewSocket(), name));
  EXPECT_CHILD_ERRNO(EADDRINUSE, Bind(NewSocket(), name));
}
TEST_F(Socket, BadAddressesAreEinval) {
  Fd fd = NewSocket();
  EXPECT_ERRNO(EINVAL, connect(fd.get(), Address("x").get(), 1));
  EXPECT_ERRNO(EINVAL, bind(fd.get(), Address("x").get(), 200));
  EXPECT_ERRNO(EFAULT, syscall(SYS_connect, fd.get(), 0x7ffffffff000L, 20));
  EXPECT_ERRNO(ENOTSOCK, connect(0, Address("x").get(), Address("x").size()));
  EXPECT_ERRNO(EBADF, connect(999, Address("x").get(), Address("x").size()));
}
TEST_F(Socket, DescriptorsPassThroughSocketpair) {
  WriteFile("file", "passed");
  int pair[2];
  ASSERT_SUCCESS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  Fd file(open("file", O_RDONLY));
  char control[CMSG_SPACE(sizeof(int))] = {};
  char byte = 'x';
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int number = file.get();
  std::memcpy(CMSG_DATA(header), &number, sizeof number);
  ASSERT_EQ(1, sendmsg(pair[0], &message, 0));
  ASSERT_EQ(1, recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC));
  int received = -1;
  std::memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received);
  EXPECT_EQ("passed", ReadAll(Fd(received).get()));
  close(pair[0]);
  close(pair[1]);
}

}  // namespace
}  // namespace moat::conformance
