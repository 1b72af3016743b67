// unix(7): who is at the other end. SO_PEERCRED and its kin, and SCM_CREDENTIALS of datagrams that
// are sent to a path, however the path is given and wherever the caller stands.
#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <memory>
#include <thread>
#include <tuple>

#include "tests/conformance/conformance.h"
#include "tests/conformance/unix_address.h"

namespace moat::conformance {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

int SendTo(const Fd& fd, const std::string& path, int flags = 0) {
  const Name name(path);
  return ErrnoOf(sendto(fd.get(), "x", 1, flags, name.get(), name.size));
}
// As sd_notify(3) sends, with a descriptor besides unless that is -1.
int SendMessage(const Fd& fd, const std::string& path, int flags, int descriptor = -1) {
  Name name(path);
  char text[] = "two parts";
  iovec parts[2] = {{text, 4}, {text + 4, 5}};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_name = &name.address;
  message.msg_namelen = name.size;
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  return ErrnoOf(sendmsg(fd.get(), &message, flags));
}
// Messages for one sendmmsg(2), each of one part.
class Letters {
 public:
  // An empty path: without a name.
  void Add(const std::string& path, const std::string& text) {
    letters_.push_back(std::make_unique<Letter>(path, text));
  }
  // How many were sent, or minus the errno; what the kernel wrote is in sizes().
  int Send(const Fd& fd, int flags = 0) {
    std::vector<mmsghdr> headers(letters_.size());
    for (size_t i = 0; i < headers.size(); ++i) headers[i] = letters_[i]->Header();
    const int count =
        sendmmsg(fd.get(), headers.data(), static_cast<unsigned>(headers.size()), flags);
    if (count < 0) return -errno;
    sizes_.clear();
    for (const mmsghdr& header : headers) sizes_.push_back(header.msg_len);
    return count;
  }
  const std::vector<unsigned>& sizes() const { return sizes_; }

 private:
  struct Letter {
    Letter(const std::string& path, const std::string& what)
        : name(path), has_name(!path.empty()), text(what), part{text.data(), text.size()} {}
    mmsghdr Header() {
      mmsghdr header{};
      header.msg_len = 99;
      header.msg_hdr.msg_name = has_name ? &name.address : nullptr;
      header.msg_hdr.msg_namelen = has_name ? name.size : 0;
      header.msg_hdr.msg_iov = &part;
      header.msg_hdr.msg_iovlen = 1;
      return header;
    }
    Name name;
    bool has_name;
    std::string text;
    iovec part;
  };
  std::vector<std::unique_ptr<Letter>> letters_;
  std::vector<unsigned> sizes_;
};
// Bound, open to all, listening unless it is for datagrams, and told of credentials.
Fd NewServer(int type, const std::string& path) {
  Fd server = New(type);
  const Name name(path);
  const int yes = 1;
  const timeval patience = {5, 0};
  EXPECT_SUCCESS(setsockopt(server.get(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes));
  EXPECT_SUCCESS(setsockopt(server.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
  EXPECT_SUCCESS(bind(server.get(), name.get(), name.size));
  if (path[0] != '\0') {
    EXPECT_SUCCESS(chmod(path.c_str(), 0777));
  }
  if (type != SOCK_DGRAM) {
    EXPECT_SUCCESS(listen(server.get(), 8));
  }
  return server;
}
ucred PeerOf(const Fd& fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  EXPECT_SUCCESS(getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size));
  return peer;
}
struct Received {
  ucred sender{};
  int descriptor = -1;
  std::string text;
};
Received Receive(const Fd& from) {
  char text[64];
  iovec part{text, sizeof text};
  alignas(cmsghdr) char control[256];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  Received received;
  const ssize_t size = recvmsg(from.get(), &message, MSG_DONTWAIT);
  EXPECT_LT(0, size);
  if (size > 0) received.text.assign(text, static_cast<size_t>(size));
  for (cmsghdr* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_type == SCM_CREDENTIALS) {
      std::memcpy(&received.sender, CMSG_DATA(h), sizeof received.sender);
    } else if (h->cmsg_type == SCM_RIGHTS) {
      std::memcpy(&received.descriptor, CMSG_DATA(h), sizeof received.descriptor);
    }
  }
  return received;
}

// Runs `body` in a child with uid 7, gid 8 and group 9; the child's number. It stays until `hold`
// is readable or closed.
class Client {
 public:
  explicit Client(const std::function<int()>& body) {
    int ends[2];
    EXPECT_SUCCESS(pipe2(ends, O_CLOEXEC));
    Fd wait(ends[0]);
    hold_.Reset(ends[1]);
    pid_ = fork();
    if (pid_ != 0) return;
    hold_.Reset();
    alarm(20);
    const gid_t group = 9;
    if (setgroups(1, &group) != 0 || setresgid(8, 8, 8) != 0 || setresuid(7, 7, 7) != 0) _exit(200);
    const int error = body();
    char byte;
    if (error == 0 && read(wait.get(), &byte, 1) != 0) _exit(201);
    _exit(error);
  }
  ~Client() {
    hold_.Reset();
    int status = -1;
    EXPECT_EQ(pid_, waitpid(pid_, &status, 0));
    EXPECT_EQ(0, status) << NameOfErrno(WEXITSTATUS(status));
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  pid_t pid() const { return pid_; }
  void ExpectIs(const ucred& credentials) const {
    EXPECT_EQ(pid_, credentials.pid);
    EXPECT_EQ(7u, credentials.uid);
    EXPECT_EQ(8u, credentials.gid);
  }

 private:
  Fd hold_;
  pid_t pid_ = -1;
};

// How a client names the server, which is bound as "server", and where it stands.
enum class Way {
  kRelative,
  kUpAndDown,
  kAbsolute,
  kLink,
  kAbsoluteLink,
  kProcCwd,
  kFromRoot,
  kFromProc,
  kFromDeleted
};
constexpr const char* kWayNames[] = {"relative",  "up_and_down",   "absolute",
                                     "link",      "absolute_link", "proc_cwd",
                                     "from_root", "from_proc",     "from_deleted"};
constexpr int kWays = 9;
class StandsSomewhere : public Scratch {
 protected:
  void SetUp() override {
    Scratch::SetUp();
    ASSERT_SUCCESS(chmod(".", 0777));
    ASSERT_SUCCESS(mkdir("deep", 0777));
    ASSERT_SUCCESS(symlink("server", "link"));
    ASSERT_SUCCESS(symlink((dir() + "/server").c_str(), "absolute_link"));
  }
  virtual Way way() const = 0;
  // Goes where the client is to stand.
  int Go() const {
    switch (way()) {
      case Way::kFromRoot:
        return ErrnoOf(chdir("/"));
      case Way::kFromProc:
        return ErrnoOf(chdir("/proc/self"));
      case Way::kFromDeleted:
        return ErrnoOf(mkdir("gone", 0777)) + ErrnoOf(chdir("gone")) + ErrnoOf(rmdir("../gone"));
      default:
        return 0;
    }
  }
  std::string Path() const {
    switch (way()) {
      case Way::kRelative:
        return "server";
      case Way::kUpAndDown:
        return "deep/.././server";
      case Way::kLink:
        return "link";
      case Way::kAbsoluteLink:
        return "absolute_link";
      case Way::kProcCwd:
        return "/proc/self/cwd/server";
      default:
        return dir() + "/server";
    }
  }
};
class UnixPeer : public StandsSomewhere,
                 public ::testing::WithParamInterface<std::tuple<int, int>> {
 protected:
  static int Type() { return std::get<0>(GetParam()); }
  Way way() const override { return static_cast<Way>(std::get<1>(GetParam())); }
};
class UnixDatagram : public StandsSomewhere, public ::testing::WithParamInterface<int> {
 protected:
  Way way() const override { return static_cast<Way>(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Of, UnixPeer,
                         ::testing::Combine(::testing::Values(SOCK_STREAM, SOCK_SEQPACKET),
                                            ::testing::Range(0, kWays)),
                         [](const auto& of) {
                           const bool stream = std::get<0>(of.param) == SOCK_STREAM;
                           return std::string(stream ? "stream" : "seqpacket") + "_" +
                                  kWayNames[std::get<1>(of.param)];
                         });
INSTANTIATE_TEST_SUITE_P(Of, UnixDatagram, ::testing::Range(0, kWays),
                         [](const auto& of) { return std::string(kWayNames[of.param]); });

TEST_P(UnixPeer, IsKnownToTheServer) {
  const Fd server = NewServer(Type(), "server");
  Fd kept = New(Type());
  const Client client([&] {
    if (const int error = Go()) return error;
    if (const int error = Connect(kept, Path())) return error;
    return ErrnoOf(send(kept.get(), "x", 1, 0));
  });
  const Fd accepted(accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  client.ExpectIs(PeerOf(accepted));
  gid_t groups[4];
  socklen_t size = sizeof groups;
  EXPECT_SUCCESS(getsockopt(accepted.get(), SOL_SOCKET, 59 /* SO_PEERGROUPS */, groups, &size));
  ASSERT_EQ(sizeof(gid_t), size);
  EXPECT_EQ(9u, groups[0]);
  char byte;
  ASSERT_EQ(1, recv(accepted.get(), &byte, 1, MSG_PEEK));
  client.ExpectIs(Receive(accepted).sender);
}
TEST_P(UnixPeer, KnowsTheServer) {
  Fd ready[2];
  int ends[2];
  ASSERT_SUCCESS(pipe2(ends, O_CLOEXEC));
  ready[0].Reset(ends[0]);
  ready[1].Reset(ends[1]);
  const Client server([&] {
    const Fd listening = NewServer(Type(), "server");
    if (write(ready[1].get(), "r", 1) != 1) return EIO;
    return accept(listening.get(), nullptr, nullptr) < 0 ? errno : 0;
  });
  char byte;
  ASSERT_EQ(1, read(ready[0].get(), &byte, 1));
  if (way() == Way::kFromProc || way() == Way::kFromRoot) {
    ASSERT_EQ(0, Go());
  }
  const Fd client = New(Type());
  ASSERT_EQ(0, Connect(client, Path()));
  server.ExpectIs(PeerOf(client));
}
TEST_P(UnixDatagram, IsSentAfterConnect) {
  const Fd server = NewServer(SOCK_DGRAM, "server");
  const Client client([&] {
    const Fd own = New(SOCK_DGRAM);
    if (const int error = Go()) return error;
    if (const int error = Connect(own, Path())) return error;
    return ErrnoOf(send(own.get(), "x", 1, 0));
  });
  char byte;
  ASSERT_EQ(1, recv(server.get(), &byte, 1, MSG_PEEK));
  client.ExpectIs(Receive(server).sender);
}
TEST_P(UnixDatagram, IsSentByPath) {
  const Fd server = NewServer(SOCK_DGRAM, "server");
  const Client client([&] {
    if (const int error = Go()) return error;
    return SendTo(New(SOCK_DGRAM), Path());
  });
  char byte;
  ASSERT_EQ(1, recv(server.get(), &byte, 1, MSG_PEEK));
  client.ExpectIs(Receive(server).sender);
}
TEST_P(UnixDatagram, IsSentAsAMessageByPath) {
  const Fd server = NewServer(SOCK_DGRAM, "server");
  WriteFile("file", "passed");
  const Client client([&] {
    const Fd file(open("file", O_RDONLY | O_CLOEXEC));
    if (const int error = Go()) return error;
    return SendMessage(New(SOCK_DGRAM), Path(), MSG_NOSIGNAL, file.get());
  });
  char byte;
  ASSERT_EQ(1, recv(server.get(), &byte, 1, MSG_PEEK));
  const Received received = Receive(server);
  client.ExpectIs(received.sender);
  EXPECT_EQ("two parts", received.text);
  EXPECT_EQ("passed", ReadAll(received.descriptor));
  close(received.descriptor);
}

TEST_P(UnixDatagram, AreSentTogetherByPath) {
  const Fd server = NewServer(SOCK_DGRAM, "server");
  const Client client([&] {
    if (const int error = Go()) return error;
    Letters letters;
    letters.Add(Path(), "one");
    letters.Add(Path(), "and two");
    if (const int count = letters.Send(New(SOCK_DGRAM)); count != 2)
      return count < 0 ? -count : EIO;
    return letters.sizes() == std::vector<unsigned>{3, 7} ? 0 : EBADMSG;
  });
  char byte;
  ASSERT_EQ(1, recv(server.get(), &byte, 1, MSG_PEEK));
  const Received first = Receive(server);
  client.ExpectIs(first.sender);
  EXPECT_EQ("one", first.text);
  ASSERT_EQ(1, recv(server.get(), &byte, 1, MSG_PEEK));
  const Received second = Receive(server);
  client.ExpectIs(second.sender);
  EXPECT_EQ("and two", second.text);
}

// The flags of a sendmsg(2) to an absolute path.
class UnixMessageFlags : public Scratch, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Of, UnixMessageFlags,
                         ::testing::Values(0, MSG_DONTWAIT, MSG_NOSIGNAL,
                                           MSG_DONTWAIT | MSG_NOSIGNAL, MSG_EOR, MSG_MORE,
                                           MSG_NOSIGNAL | MSG_CONFIRM),
                         [](const auto& of) { return "x" + std::to_string(of.param); });
TEST_P(UnixMessageFlags, ReachAnAbsolutePath) {
  const Fd server = NewServer(SOCK_DGRAM, "server");
  ASSERT_EQ(0, SendMessage(New(SOCK_DGRAM), dir() + "/server", GetParam()));
  const Received received = Receive(server);
  EXPECT_EQ("two parts", received.text);
  EXPECT_EQ(getpid(), received.sender.pid);
}

class UnixPeers : public Scratch {
 protected:
  // As somebody who may not search a directory on the way up from where they stand.
  static int Shut(const std::function<int()>& body) {
    return As({}, [&] { return body(); });
  }
};

TEST_F(UnixPeers, FromWhereNobodyMaySearch) {
  ASSERT_SUCCESS(chmod(".", 0777));
  ASSERT_SUCCESS(mkdir("shut", 0700));
  const Fd server = NewServer(SOCK_STREAM, "server");
  const std::string path = dir() + "/server";
  ASSERT_SUCCESS(chdir("shut"));
  EXPECT_CHILD_ERRNO(0, Shut([&] { return Connect(New(SOCK_STREAM), path); }));
  EXPECT_CHILD_ERRNO(EACCES, Shut([&] { return Connect(New(SOCK_STREAM), "../server"); }));
  const ucred peer = PeerOf(Fd(accept(server.get(), nullptr, nullptr)));
  EXPECT_EQ(1000u, peer.uid);
  EXPECT_EQ(1000u, peer.gid);
}
TEST_F(UnixPeers, WithoutWritePermissionIsEacces) {
  ASSERT_SUCCESS(chmod(".", 0777));
  const Fd stream = NewServer(SOCK_STREAM, "stream"),
           datagrams = NewServer(SOCK_DGRAM, "datagrams");
  ASSERT_SUCCESS(chmod("stream", 0755));
  ASSERT_SUCCESS(chmod("datagrams", 0755));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] { return Connect(New(SOCK_STREAM), dir() + "/stream"); }));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] { return SendTo(New(SOCK_DGRAM), dir() + "/datagrams"); }));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] {
                       return SendMessage(New(SOCK_DGRAM), dir() + "/datagrams", MSG_NOSIGNAL);
                     }));
}
TEST_F(UnixPeers, AfterChroot) {
  ASSERT_SUCCESS(chmod(".", 0777));
  const Fd server = NewServer(SOCK_STREAM, "server");
  int status = -1;
  const pid_t child = fork();
  if (child == 0) {
    if (chroot(".") != 0 || chdir("/") != 0) _exit(errno);
    _exit(Connect(New(SOCK_STREAM), "/server"));
  }
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
  EXPECT_EQ(child, PeerOf(Fd(accept(server.get(), nullptr, nullptr))).pid);
}
TEST_F(UnixPeers, ByAPathOnlyDescriptor) {
  const Fd server = NewServer(SOCK_STREAM, "server");
  const Fd path(open("server", O_PATH | O_CLOEXEC));
  ASSERT_EQ(0, Connect(New(SOCK_STREAM), "/proc/self/fd/" + std::to_string(path.get())));
  EXPECT_EQ(getpid(), PeerOf(Fd(accept(server.get(), nullptr, nullptr))).pid);
}
TEST_F(UnixPeers, ByADescriptorWhosePathIsTooLong) {
  const std::string folder(100, 'f');
  ASSERT_SUCCESS(mkdir(folder.c_str(), 0755));
  ASSERT_SUCCESS(chdir(folder.c_str()));
  const Fd stream = NewServer(SOCK_STREAM, "stream"),
           datagrams = NewServer(SOCK_DGRAM, "datagrams");
  const Fd to_stream(open("stream", O_PATH | O_CLOEXEC));
  const Fd to_datagrams(open("datagrams", O_PATH | O_CLOEXEC));
  ASSERT_SUCCESS(chdir("/"));
  const auto link = [](const Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); };
  EXPECT_CHILD_ERRNO(0, Connect(New(SOCK_STREAM), link(to_stream)));
  EXPECT_CHILD_ERRNO(0, Connect(New(SOCK_DGRAM), link(to_datagrams)));
  EXPECT_CHILD_ERRNO(0, SendTo(New(SOCK_DGRAM), link(to_datagrams)));
}
TEST_F(UnixPeers, ByADescriptorWhoseNameIsTooLong) {
  const std::string stream_name(NAME_MAX, 's'), datagrams_name(NAME_MAX, 'd');
  const Fd stream = NewServer(SOCK_STREAM, "stream"),
           datagrams = NewServer(SOCK_DGRAM, "datagrams");
  ASSERT_SUCCESS(rename("stream", stream_name.c_str()));
  ASSERT_SUCCESS(rename("datagrams", datagrams_name.c_str()));
  const Fd to_stream(open(stream_name.c_str(), O_PATH | O_CLOEXEC));
  const Fd to_datagrams(open(datagrams_name.c_str(), O_PATH | O_CLOEXEC));
  const Fd to_file(open(".", O_PATH | O_CLOEXEC));
  const auto link = [](const Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); };
  EXPECT_CHILD_ERRNO(0, Connect(New(SOCK_STREAM), link(to_stream)));
  EXPECT_CHILD_ERRNO(0, Connect(New(SOCK_DGRAM), link(to_datagrams)));
  EXPECT_CHILD_ERRNO(0, SendTo(New(SOCK_DGRAM), link(to_datagrams)));
  EXPECT_CHILD_ERRNO(EPROTOTYPE, Connect(New(SOCK_DGRAM), link(to_stream)));
  EXPECT_CHILD_ERRNO(ECONNREFUSED, Connect(New(SOCK_STREAM), link(to_file)));
  // The caller's right to the socket counts.
  ASSERT_SUCCESS(chmod(stream_name.c_str(), 0600));
  EXPECT_CHILD_ERRNO(EACCES, As({}, [&] { return Connect(New(SOCK_STREAM), link(to_stream)); }));
}
TEST_F(UnixPeers, OfAThreadIsTheProcess) {
  const Fd server = NewServer(SOCK_STREAM, "server");
  int error = -1;
  std::thread([&] { error = Connect(New(SOCK_STREAM), dir() + "/server"); }).join();
  EXPECT_CHILD_ERRNO(0, error);
  EXPECT_EQ(getpid(), PeerOf(Fd(accept(server.get(), nullptr, nullptr))).pid);
}
TEST_F(UnixPeers, ManyThreadsAtOnce) {
  const Fd server = New(SOCK_STREAM);
  const Name name("server");
  ASSERT_SUCCESS(bind(server.get(), name.get(), name.size));
  ASSERT_SUCCESS(listen(server.get(), 64));
  const std::string path = dir() + "/server";
  std::vector<std::thread> threads;
  std::vector<int> errors(8, -1);
  for (int& error : errors) {
    threads.emplace_back([&error, &path] {
      error = 0;
      for (int i = 0; i < 8 && error == 0; ++i) error = Connect(New(SOCK_STREAM), path);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::vector<int>(8, 0), errors);
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(getpid(), PeerOf(Fd(accept(server.get(), nullptr, nullptr))).pid);
  }
}
TEST_F(UnixPeers, ConnectedAndListeningOnesSayWhatTheyAre) {
  const Fd server = NewServer(SOCK_STREAM, "server");
  const std::string path = dir() + "/server";
  const Fd client = New(SOCK_STREAM);
  ASSERT_EQ(0, Connect(client, path));
  EXPECT_CHILD_ERRNO(EISCONN, Connect(client, path));
  EXPECT_CHILD_ERRNO(EINVAL, Connect(server, path));
  EXPECT_CHILD_ERRNO(EPROTOTYPE, Connect(New(SOCK_SEQPACKET), path));
  EXPECT_CHILD_ERRNO(EPROTOTYPE, SendTo(New(SOCK_DGRAM), path));
  EXPECT_CHILD_ERRNO(EPROTOTYPE, SendMessage(New(SOCK_DGRAM), path, MSG_NOSIGNAL));
  EXPECT_CHILD_ERRNO(EISCONN, SendTo(client, path));
  EXPECT_CHILD_ERRNO(EOPNOTSUPP, SendTo(New(SOCK_STREAM), path));
  EXPECT_CHILD_ERRNO(EOPNOTSUPP, SendMessage(New(SOCK_STREAM), path, MSG_NOSIGNAL));
}
TEST_F(UnixPeers, MessageErrors) {
  WriteFile("file");
  const Fd client = New(SOCK_DGRAM);
  EXPECT_CHILD_ERRNO(ENOENT, SendMessage(client, dir() + "/missing", MSG_NOSIGNAL));
  EXPECT_CHILD_ERRNO(ECONNREFUSED, SendMessage(client, dir() + "/file", MSG_NOSIGNAL));
  EXPECT_CHILD_ERRNO(ENOTDIR, SendMessage(client, dir() + "/file/x", MSG_NOSIGNAL));
  NewServer(SOCK_DGRAM, "gone").Reset();
  EXPECT_CHILD_ERRNO(ECONNREFUSED, SendMessage(client, dir() + "/gone", MSG_NOSIGNAL));
  msghdr message{};
  EXPECT_ERRNO(ENOTCONN, sendmsg(client.get(), &message, MSG_NOSIGNAL));
  EXPECT_ERRNO(EBADF, sendmsg(-1, &message, MSG_NOSIGNAL));
  EXPECT_ERRNO(EFAULT, sendmsg(client.get(), static_cast<msghdr*>(nullptr) + 1, MSG_NOSIGNAL));
}

TEST_F(UnixPeers, LettersWithAndWithoutNames) {
  const Fd known = NewServer(SOCK_DGRAM, "known"), other = NewServer(SOCK_DGRAM, "other");
  const Fd client = New(SOCK_DGRAM);
  ASSERT_EQ(0, Connect(client, dir() + "/known"));
  Letters letters;
  letters.Add("", "to whom it knows");
  letters.Add(dir() + "/other", "to another");
  letters.Add("other", "and again");
  ASSERT_EQ(3, letters.Send(client));
  EXPECT_EQ("to whom it knows", Receive(known).text);
  EXPECT_EQ("to another", Receive(other).text);
  EXPECT_EQ("and again", Receive(other).text);
}
TEST_F(UnixPeers, LettersEndAtTheFirstError) {
  const Fd server = NewServer(SOCK_DGRAM, "server"), client = New(SOCK_DGRAM);
  Letters letters;
  letters.Add(dir() + "/server", "one");
  letters.Add(dir() + "/missing", "two");
  letters.Add(dir() + "/server", "three");
  ASSERT_EQ(1, letters.Send(client));
  EXPECT_EQ((std::vector<unsigned>{3, 99, 99}), letters.sizes());
  EXPECT_EQ("one", Receive(server).text);
  char byte;
  EXPECT_ERRNO(EAGAIN, recv(server.get(), &byte, 1, MSG_DONTWAIT));
  Letters lost;
  lost.Add(dir() + "/missing", "one");
  lost.Add(dir() + "/server", "two");
  EXPECT_EQ(-ENOENT, lost.Send(client));
}
TEST_F(UnixPeers, LettersErrors) {
  const Fd client = New(SOCK_DGRAM);
  Letters none;
  EXPECT_EQ(0, none.Send(client));
  Letters letters;
  letters.Add(dir() + "/missing", "x");
  EXPECT_EQ(-EBADF, letters.Send(Fd()));
  EXPECT_EQ(-EOPNOTSUPP, letters.Send(New(SOCK_STREAM)));
  EXPECT_ERRNO(EFAULT, sendmmsg(client.get(), static_cast<mmsghdr*>(nullptr) + 1, 1, 0));
}
TEST_F(UnixPeers, LettersThatFindNoRoomAreCounted) {
  const Fd server = NewServer(SOCK_DGRAM, "server");
  Letters letters;
  for (int i = 0; i < 1000; ++i) letters.Add(dir() + "/server", "x");
  const int sent = letters.Send(New(SOCK_DGRAM | SOCK_NONBLOCK));
  EXPECT_LT(0, sent);
  EXPECT_GT(1000, sent);
  EXPECT_EQ(-EAGAIN, letters.Send(New(SOCK_DGRAM), MSG_DONTWAIT));
}

// A socket that has no room, and a thread that makes some after a while.
class UnixWaits : public Scratch {
 protected:
  Fd FullStream(const Fd& server) const {
    Fd first = New(SOCK_STREAM);
    EXPECT_SUCCESS(listen(server.get(), 0));
    EXPECT_EQ(0, Connect(first, dir() + "/server"));
    return first;
  }
  void FillDatagrams() const {
    const Fd client = New(SOCK_DGRAM);
    int error = 0;
    for (int i = 0; i < 10000 && error == 0; ++i) error = SendTo(client, "server", MSG_DONTWAIT);
    EXPECT_CHILD_ERRNO(EAGAIN, error);
  }
  static void SetTimeout(const Fd& fd, milliseconds time) {
    const timeval value = {time.count() / 1000, time.count() % 1000 * 1000};
    EXPECT_SUCCESS(setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value));
  }
  static milliseconds Timeout(const Fd& fd) {
    timeval value{};
    socklen_t size = sizeof value;
    EXPECT_SUCCESS(getsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &value, &size));
    return milliseconds(value.tv_sec * 1000 + value.tv_usec / 1000);
  }
};
TEST_F(UnixWaits, ConnectGivesUpAfterTheSendTimeout) {
  const Fd server = NewServer(SOCK_STREAM, "server");
  const Fd first = FullStream(server), second = New(SOCK_STREAM);
  SetTimeout(second, milliseconds(200));
  const auto start = steady_clock::now();
  EXPECT_CHILD_ERRNO(EAGAIN, Connect(second, dir() + "/server"));
  EXPECT_LE(milliseconds(190), steady_clock::now() - start);
  EXPECT_GT(milliseconds(5000), steady_clock::now() - start);
  EXPECT_EQ(milliseconds(200), Timeout(second));
}
TEST_F(UnixWaits, ConnectLeavesTheTimeoutsAsTheyAre) {
  const Fd server = NewServer(SOCK_STREAM, "server");
  const Fd client = New(SOCK_STREAM), slow = New(SOCK_STREAM);
  SetTimeout(slow, milliseconds(3000));
  ASSERT_EQ(0, Connect(client, dir() + "/server"));
  ASSERT_EQ(0, Connect(slow, dir() + "/server"));
  EXPECT_EQ(milliseconds(0), Timeout(client));
  EXPECT_EQ(milliseconds(3000), Timeout(slow));
}
TEST_F(UnixWaits, ConnectGoesOnAfterAHandlerWithRestart) {
  const Fd server = NewServer(SOCK_STREAM, "server");
  const Fd first = FullStream(server);
  const pid_t child = fork();
  if (child == 0) {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, nullptr);
    ualarm(30000, 30000);
    _exit(Connect(New(SOCK_STREAM), dir() + "/server"));
  }
  usleep(150000);
  EXPECT_EQ(0, waitpid(child, nullptr, WNOHANG));
  const Fd taken(accept(server.get(), nullptr, nullptr));
  int status = -1;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
  EXPECT_EQ(child, PeerOf(Fd(accept(server.get(), nullptr, nullptr))).pid);
}
TEST_F(UnixWaits, DatagramWaitsForRoom) {
  const Fd server = NewServer(SOCK_DGRAM, "server");
  FillDatagrams();
  const pid_t child = fork();
  if (child == 0) {
    const int error = SendTo(New(SOCK_DGRAM), dir() + "/server");
    _exit(error != 0 ? error : SendMessage(New(SOCK_DGRAM), dir() + "/server", MSG_NOSIGNAL));
  }
  usleep(100000);
  EXPECT_EQ(0, waitpid(child, nullptr, WNOHANG));
  int status = -1;
  char bytes[16];
  while (waitpid(child, &status, WNOHANG) == 0) {
    recv(server.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  }
  EXPECT_EQ(0, status);
}
TEST_F(UnixWaits, DatagramGivesUpAfterTheSendTimeout) {
  const Fd server = NewServer(SOCK_DGRAM, "server"), client = New(SOCK_DGRAM);
  FillDatagrams();
  SetTimeout(client, milliseconds(100));
  const auto start = steady_clock::now();
  EXPECT_CHILD_ERRNO(EAGAIN, SendTo(client, dir() + "/server"));
  EXPECT_LE(milliseconds(90), steady_clock::now() - start);
  EXPECT_CHILD_ERRNO(EAGAIN, SendTo(client, dir() + "/server", MSG_DONTWAIT));
}
TEST_F(UnixWaits, DatagramIsInterrupted) {
  const Fd server = NewServer(SOCK_DGRAM, "server");
  FillDatagrams();
  EXPECT_CHILD_ERRNO(EINTR, InChild([&] {
                       struct sigaction action {};
                       action.sa_handler = [](int) {};
                       sigaction(SIGALRM, &action, nullptr);
                       ualarm(50000, 0);
                       return SendTo(New(SOCK_DGRAM), dir() + "/server");
                     }));
}
TEST_F(UnixWaits, WaitingOnesAreKilled) {
  const Fd server = NewServer(SOCK_STREAM, "server");
  const Fd first = FullStream(server);
  const pid_t child = fork();
  if (child == 0) _exit(Connect(New(SOCK_STREAM), dir() + "/server"));
  usleep(60000);
  EXPECT_SUCCESS(kill(child, SIGKILL));
  int status = -1;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_TRUE(WIFSIGNALED(status));
}

}  // namespace
}  // namespace moat::conformance
