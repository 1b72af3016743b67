// Client and server in one process over a temporary directory, as whoever runs it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/fd.h"
#include "base/fd_message.h"
#include "gofer/client/client.h"
#include "gofer/server/server.h"

namespace moat::gofer {
namespace {

template <typename T>
int ErrorOf(const Outcome<T>& outcome) {
  const auto* failure = std::get_if<Failure>(&outcome);
  return failure ? failure->error.value() : 0;
}

uint64_t EffectiveCapabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  ::syscall(SYS_capget, &header, data);
  return data[0].effective | uint64_t{data[1].effective} << 32;
}

Credentials OwnCredentials() {
  Credentials own;
  own.uid = ::geteuid();
  own.gid = ::getegid();
  own.groups.resize(static_cast<size_t>(std::max(0, ::getgroups(0, nullptr))));
  EXPECT_GE(::getgroups(static_cast<int>(own.groups.size()), own.groups.data()), 0);
  own.capabilities = EffectiveCapabilities();
  return own;
}

// One server with a client, over a directory of its own.
class GoferTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "moat_gofer_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    dir_.Reset(::open(name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(dir_.valid());
    auto pair = SocketPair();
    ASSERT_TRUE(pair.ok());
    server_ = std::thread([this, socket = std::move(pair->second)]() mutable {
      const IdentityPolicy policy = {kFileCapabilities, ::geteuid() != 0};
      served_ = Serve(std::move(socket), policy, /*stable_mounts=*/true);
    });
    auto client = Connect(std::move(pair->first));
    ASSERT_TRUE(client.ok());
    client_ = std::move(client).value();
    channel_ = NewChannel();
  }
  void TearDown() override {
    channel_.reset();
    client_.reset();
    server_.join();
    EXPECT_TRUE(served_.ok()) << served_;
    std::filesystem::remove_all(directory_);
  }

  std::unique_ptr<Channel> NewChannel() {
    auto channel = client_->NewChannel();
    EXPECT_TRUE(channel.ok());
    return std::move(channel).value();
  }
  PathRef In(absl::string_view path) const { return {path, dir_.get(), -1}; }
  Outcome<Opened> Open(absl::string_view path, uint64_t flags, uint32_t mode = 0,
                       uint64_t resolve = 0) {
    return channel_->Open(own_, In(path), flags, mode, resolve, nullptr);
  }
  void Create(absl::string_view path, uint32_t mode = 0644) {
    ASSERT_EQ(ErrorOf(Open(path, O_CREAT | O_EXCL | O_WRONLY, mode)), 0);
  }

  const Credentials own_ = OwnCredentials();
  std::filesystem::path directory_;
  Fd dir_;
  std::thread server_;
  absl::Status served_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Channel> channel_;
};

TEST_F(GoferTest, OpensWritesAndStats) {
  auto opened = Open("file", O_CREAT | O_EXCL | O_RDWR, 0666);
  ASSERT_EQ(ErrorOf(opened), 0);
  const auto& file = std::get<Opened>(opened);
  EXPECT_EQ(::write(file.fd.get(), "hello", 5), 5);
  EXPECT_EQ(file.attributes.stx_mode & 07777, 0666 & ~own_.umask);
  EXPECT_EQ(::fcntl(file.fd.get(), F_GETFD), FD_CLOEXEC);

  auto stat = channel_->Stat(own_, In("file"), 0, STATX_BASIC_STATS);
  ASSERT_EQ(ErrorOf(stat), 0);
  EXPECT_EQ(std::get<struct statx>(stat).stx_size, 5u);
  EXPECT_EQ(std::get<struct statx>(stat).stx_ino, file.attributes.stx_ino);
  EXPECT_EQ(ErrorOf(Open("file", O_CREAT | O_EXCL | O_RDWR, 0666)), EEXIST);
  EXPECT_EQ(ErrorOf(Open("missing", O_RDONLY)), ENOENT);
  EXPECT_EQ(ErrorOf(Open("file/", O_RDONLY)), ENOTDIR);
  EXPECT_EQ(ErrorOf(Open("", O_RDONLY)), ENOENT);
  EXPECT_EQ(ErrorOf(Open(std::string(4096, 'x'), O_RDONLY)), ENAMETOOLONG);
  EXPECT_EQ(ErrorOf(Open("..", O_RDONLY, 0, 8 /* RESOLVE_BENEATH */)), EXDEV);
}

TEST_F(GoferTest, StatsABaseItself) {
  auto stat = channel_->Stat(own_, In(""), AT_EMPTY_PATH, STATX_BASIC_STATS);
  ASSERT_EQ(ErrorOf(stat), 0);
  EXPECT_TRUE(S_ISDIR(std::get<struct statx>(stat).stx_mode));
  EXPECT_EQ(ErrorOf(channel_->Stat(own_, In(""), 0, STATX_BASIC_STATS)), ENOENT);
}

TEST_F(GoferTest, RelativePathsWithoutBaseStartAtTheRoot) {
  const std::string relative = directory_.string().substr(1);
  EXPECT_EQ(ErrorOf(channel_->Stat(own_, {relative, -1, -1}, 0, STATX_BASIC_STATS)), 0);
  EXPECT_EQ(ErrorOf(channel_->ListXattr(own_, {relative, -1, -1}, Follow::kYes)), 0);
}

TEST_F(GoferTest, ChangesNames) {
  EXPECT_EQ(ErrorOf(channel_->Mkdir(own_, In("d"), 0777)), 0);
  EXPECT_EQ(ErrorOf(channel_->Mkdir(own_, In("d"), 0777)), EEXIST);
  EXPECT_EQ(ErrorOf(channel_->Symlink(own_, "d/target", In("link"))), 0);
  EXPECT_EQ(std::get<std::string>(channel_->ReadLink(own_, In("link"))), "d/target");
  EXPECT_EQ(ErrorOf(channel_->ReadLink(own_, In("d"))), EINVAL);
  EXPECT_EQ(ErrorOf(Open("link", O_CREAT | O_EXCL | O_RDWR, 0600)), EEXIST);
  EXPECT_EQ(ErrorOf(Open("link", O_CREAT | O_RDWR, 0600)), 0);
  EXPECT_EQ(ErrorOf(Open("link", O_NOFOLLOW | O_RDONLY)), ELOOP);
}

TEST_F(GoferTest, LinksAndRenames) {
  Create("a");
  EXPECT_EQ(ErrorOf(channel_->Link(own_, In("a"), In("b"), 0)), 0);
  EXPECT_EQ(ErrorOf(channel_->Rename(own_, In("b"), In("c"), 0)), 0);
  EXPECT_EQ(ErrorOf(channel_->Rename(own_, In("a"), In("c"), RENAME_NOREPLACE)), EEXIST);
  EXPECT_EQ(ErrorOf(channel_->Unlink(own_, In("c"), 0)), 0);
  EXPECT_EQ(ErrorOf(channel_->Unlink(own_, In("c"), 0)), ENOENT);
  EXPECT_EQ(ErrorOf(channel_->Mknod(own_, In("pipe"), S_IFIFO | 0600, 0)), 0);
}

TEST_F(GoferTest, ChangesAttributes) {
  Create("f");
  EXPECT_EQ(ErrorOf(channel_->Chmod(own_, In("f"), 0700, 0)), 0);
  EXPECT_EQ(ErrorOf(channel_->Chown(own_, In("f"), own_.uid, own_.gid, 0)), 0);
  EXPECT_EQ(ErrorOf(channel_->Truncate(own_, In("f"), 100)), 0);
  const std::array<struct timespec, 2> times = {timespec{1, 2}, timespec{3, 4}};
  EXPECT_EQ(ErrorOf(channel_->SetTimes(own_, In("f"), times, 0)), 0);
  auto stat = channel_->Stat(own_, In("f"), 0, STATX_BASIC_STATS);
  const auto& attributes = std::get<struct statx>(stat);
  EXPECT_EQ(attributes.stx_mode & 07777, 0700);
  EXPECT_EQ(attributes.stx_size, 100u);
  EXPECT_EQ(attributes.stx_mtime.tv_sec, 3);
  EXPECT_EQ(ErrorOf(channel_->SetTimes(own_, In("f"), std::nullopt, 0)), 0);
  EXPECT_EQ(ErrorOf(channel_->Access(own_, In("f"), R_OK | X_OK, 0)), 0);
  EXPECT_EQ(ErrorOf(channel_->Access(own_, In("f"), 0x1000, 0)), EINVAL);
  EXPECT_EQ(ErrorOf(channel_->StatFs(own_, In("f"))), 0);
  EXPECT_EQ(ErrorOf(channel_->Truncate(own_, In("f"), -1)), EINVAL);
}

TEST_F(GoferTest, OpensProgramsAsExecveWould) {
  Create("program", 0755);
  Create("data", 0644);
  ASSERT_EQ(ErrorOf(channel_->Symlink(own_, "program", In("link"))), 0);
  auto opened = channel_->OpenForExec(own_, In("link"), Follow::kYes);
  ASSERT_EQ(ErrorOf(opened), 0);
  EXPECT_EQ(::fcntl(std::get<Opened>(opened).fd.get(), F_GETFL) & (O_ACCMODE | O_NONBLOCK),
            O_RDONLY);
  EXPECT_EQ(ErrorOf(channel_->OpenForExec(own_, In("link"), Follow::kNo)), ELOOP);
  EXPECT_EQ(ErrorOf(channel_->OpenForExec(own_, In("data"), Follow::kYes)), EACCES);
  EXPECT_EQ(ErrorOf(channel_->OpenForExec(own_, In("."), Follow::kYes)), EACCES);
  EXPECT_EQ(ErrorOf(channel_->OpenForExec(own_, In("missing"), Follow::kYes)), ENOENT);
}

TEST_F(GoferTest, SpeaksForUnixSockets) {
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(ErrorOf(channel_->BindUnix(own_, listener.get(), In("s"))), 0);
  EXPECT_EQ(ErrorOf(channel_->ConnectUnix(own_, socket.get(), In("s"), nullptr)), ECONNREFUSED);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(ErrorOf(channel_->ConnectUnix(own_, socket.get(), In("s"), nullptr)), 0);
  EXPECT_EQ(ErrorOf(channel_->ConnectUnix(own_, socket.get(), In("no"), nullptr)), ENOENT);

  const Fd receiver(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Fd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(ErrorOf(channel_->BindUnix(own_, receiver.get(), In("d"))), 0);
  auto sent = channel_->SendToUnix(own_, sender.get(), In("d"), "datagram", 0);
  ASSERT_EQ(ErrorOf(sent), 0);
  EXPECT_EQ(std::get<size_t>(sent), 8u);
  char data[16];
  EXPECT_EQ(::recv(receiver.get(), data, sizeof(data), 0), 8);
}

TEST_F(GoferTest, AddsInotifyWatches) {
  const Fd inotify(::inotify_init1(IN_CLOEXEC));
  auto watch = channel_->InotifyAdd(own_, inotify.get(), In("."), IN_CREATE);
  ASSERT_EQ(ErrorOf(watch), 0);
  EXPECT_EQ(std::get<int>(watch), 1);
  Create("new");
  pollfd readable = {inotify.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&readable, 1, 1000), 1);
}

TEST_F(GoferTest, GivesUpABlockedFifo) {
  ASSERT_EQ(ErrorOf(channel_->Mknod(own_, In("fifo"), S_IFIFO | 0600, 0)), 0);
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> asked = 0;
    const auto give_up = [&asked] { return ++asked == 2; };
    EXPECT_EQ(ErrorOf(channel_->Open(own_, In("fifo"), O_RDONLY, 0, 0, give_up)), EINTR);
    EXPECT_EQ(asked, 2);
    EXPECT_EQ(ErrorOf(channel_->Stat(own_, In("fifo"), 0, STATX_BASIC_STATS)), 0);
  }
}

TEST_F(GoferTest, ABlockedFifoWaitsForItsOtherEnd) {
  ASSERT_EQ(ErrorOf(channel_->Mknod(own_, In("fifo"), S_IFIFO | 0600, 0)), 0);
  auto other = NewChannel();
  std::thread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    EXPECT_EQ(ErrorOf(other->Open(own_, In("fifo"), O_WRONLY, 0, 0, nullptr)), 0);
  });
  EXPECT_EQ(ErrorOf(channel_->Open(own_, In("fifo"), O_RDONLY, 0, 0, [] { return false; })), 0);
  writer.join();
}

TEST_F(GoferTest, TheServerEndsWithABlockedChannel) {
  ASSERT_EQ(ErrorOf(channel_->Mknod(own_, In("fifo"), S_IFIFO | 0600, 0)), 0);
  auto blocked = NewChannel();
  std::thread opener(
      [&] { EXPECT_NE(ErrorOf(blocked->Open(own_, In("fifo"), O_RDONLY, 0, 0, nullptr)), 0); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ::shutdown(client_->hangup_fd(), SHUT_RDWR);
  opener.join();
  EXPECT_TRUE(blocked->broken());
}

// Answers that are remembered: every change must show at once, whoever makes it.
class Remembers : public GoferTest {
 protected:
  std::string At(absl::string_view name) const { return (directory_ / std::string(name)).string(); }
  // The same file below the directory, whose identity is told.
  PathRef Below(absl::string_view name) const {
    PathRef path = In(name);
    struct statx attributes {};
    EXPECT_EQ(::statx(dir_.get(), "", AT_EMPTY_PATH, kFileIdMask, &attributes), 0);
    path.base_id = FileId::From(attributes);
    EXPECT_TRUE(path.base_id);
    return path;
  }
  // 0 or an errno, as the third and later calls see it: the second one is remembered. By an
  // absolute path and by one from the directory.
  int StatOften(absl::string_view name, const Credentials& as, int at_flags = 0) {
    const std::string absolute = At(name);
    const int error = StatOften(PathRef{absolute, -1, -1}, as, at_flags);
    EXPECT_EQ(StatOften(Below(name), as, at_flags), error) << name;
    return error;
  }
  int StatOften(const PathRef& path, const Credentials& as, int at_flags) {
    int error = -1;
    for (int i = 0; i < 4; ++i) {
      auto stat = channel_->Stat(as, path, at_flags, STATX_BASIC_STATS);
      const int now = ErrorOf(stat);
      EXPECT_TRUE(i == 0 || now == error) << path.path << " call " << i;
      error = now;
      if (now == 0) last_ = std::get<struct statx>(stat);
    }
    return error;
  }
  int StatOften(absl::string_view name) { return StatOften(name, own_); }

  struct statx last_ {};
};

TEST_F(Remembers, NamesThatComeGoAndMove) {
  for (int round = 0; round < 50; ++round) {
    EXPECT_EQ(StatOften("f"), ENOENT);
    EXPECT_EQ(ErrorOf(channel_->Open(own_, {At("f"), -1, -1}, O_RDONLY, 0, 0, nullptr)), ENOENT);
    EXPECT_EQ(ErrorOf(channel_->Access(own_, {At("f"), -1, -1}, R_OK, 0)), ENOENT);
    Fd file(::open(At("f").c_str(), O_CREAT | O_WRONLY, 0644));
    EXPECT_EQ(StatOften("f"), 0);
    EXPECT_EQ(last_.stx_size, 0u);
    EXPECT_EQ(::write(file.get(), "abc", 3), 3);
    EXPECT_EQ(StatOften("f"), 0);
    EXPECT_EQ(last_.stx_size, 3u);
    EXPECT_EQ(::fchmod(file.get(), 0600), 0);
    EXPECT_EQ(StatOften("f"), 0);
    EXPECT_EQ(last_.stx_mode & 07777, 0600);
    EXPECT_EQ(::rename(At("f").c_str(), At("g").c_str()), 0);
    EXPECT_EQ(StatOften("f"), ENOENT);
    EXPECT_EQ(StatOften("g"), 0);
    EXPECT_EQ(ErrorOf(channel_->Unlink(own_, {At("g"), -1, -1}, 0)), 0);
    EXPECT_EQ(StatOften("g"), ENOENT);
    struct stat gone;
    EXPECT_EQ(::fstat(file.get(), &gone), 0);
    EXPECT_EQ(gone.st_nlink, 0u);
  }
}

TEST_F(Remembers, LinksAndDirectoriesOnTheWay) {
  namespace fs = std::filesystem;
  fs::create_directories(At("a/deep"));
  fs::create_directories(At("b/deep"));
  Create("a/deep/one");
  fs::create_symlink("a", At("link"));
  EXPECT_EQ(StatOften("link/deep/one"), 0);
  EXPECT_EQ(StatOften("link/deep/../deep/one"), 0);
  EXPECT_EQ(StatOften("link", own_, AT_SYMLINK_NOFOLLOW), 0);
  EXPECT_TRUE(S_ISLNK(last_.stx_mode));
  EXPECT_EQ(StatOften("link"), 0);
  EXPECT_TRUE(S_ISDIR(last_.stx_mode));
  fs::remove(At("link"));
  fs::create_symlink("b", At("link"));
  EXPECT_EQ(StatOften("link/deep/one"), ENOENT);
  EXPECT_EQ(StatOften("a/deep/one"), 0);
  fs::rename(At("a"), At("c"));
  EXPECT_EQ(StatOften("a/deep/one"), ENOENT);
  EXPECT_EQ(StatOften("c/deep/one"), 0);
  EXPECT_EQ(::renameat2(AT_FDCWD, At("c").c_str(), AT_FDCWD, At("b").c_str(), RENAME_EXCHANGE), 0);
  EXPECT_EQ(StatOften("link/deep/one"), 0);
  EXPECT_EQ(StatOften("c/deep/one"), ENOENT);
  // ".." of a directory that moves.
  fs::create_directories(At("x/sub"));
  fs::create_directories(At("y"));
  Create("x/mark");
  fs::create_symlink("x/sub", At("in"));
  EXPECT_EQ(StatOften("in/../mark"), 0);
  fs::rename(At("x/sub"), At("y/sub"));
  fs::remove(At("in"));
  fs::create_symlink("y/sub", At("in"));
  EXPECT_EQ(StatOften("in/../mark"), ENOENT);
  fs::remove_all(At("b"));
  EXPECT_EQ(StatOften("link/deep/one"), ENOENT);
}

TEST_F(Remembers, WhatLiesBelowEachDirectory) {
  namespace fs = std::filesystem;
  // More directories than there are numbers for credentials, each gone before the next one comes,
  // so that inode numbers are used again.
  for (int round = 0; round < 200; ++round) {
    fs::create_directories(At("d"));
    if (round % 2 == 0) Create("d/f");
    const Fd directory(::open(At("d").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct statx attributes {};
    ASSERT_EQ(::statx(directory.get(), "", AT_EMPTY_PATH, kFileIdMask, &attributes), 0);
    const PathRef path = {"f", directory.get(), -1, FileId::From(attributes)};
    const int expected = round % 2 == 0 ? 0 : ENOENT;
    EXPECT_EQ(StatOften(path, own_, 0), expected);
    const auto memory = channel_->Recall(own_, path, Follow::kYes);
    EXPECT_TRUE(memory.known);
    EXPECT_EQ(memory.missing, round % 2 != 0);
    fs::remove_all(At("d"));
    EXPECT_EQ(StatOften(path, own_, 0), ENOENT);
  }
}

TEST_F(Remembers, WhereLinksLead) {
  namespace fs = std::filesystem;
  const std::string name = At("link");
  const auto read = [&] { return channel_->ReadLink(own_, {name, -1, -1}); };
  const std::string longest(4000, 'x');
  for (const std::string& target : {std::string("a"), std::string("no/such/b"), longest}) {
    fs::create_symlink(target, name);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(std::get<std::string>(read()), target);
    fs::remove(name);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(ErrorOf(read()), ENOENT);
    Create("link");
    for (int i = 0; i < 10; ++i) EXPECT_EQ(ErrorOf(read()), EINVAL);
    fs::remove(name);
  }
}

TEST_F(Remembers, ForAChannelThatAsksNobody) {
  const auto memory = client_->NewMemoryChannel();
  Create("f");
  const std::string name = At("f");
  const PathRef path = {name, -1, -1};
  const auto stat = [&] { return ErrorOf(memory->Stat(own_, path, 0, STATX_BASIC_STATS)); };
  for (int i = 0; i < 20; ++i) EXPECT_EQ(stat(), EAGAIN);
  EXPECT_TRUE(memory->TakeForgotten());
  EXPECT_FALSE(memory->TakeForgotten());
  EXPECT_EQ(StatOften("f"), 0);
  EXPECT_EQ(stat(), 0);
  EXPECT_FALSE(memory->TakeForgotten());
  std::filesystem::remove(At("f"));
  EXPECT_EQ(stat(), ENOENT);  // from the directory, which is remembered
  EXPECT_FALSE(memory->TakeForgotten());
  EXPECT_EQ(ErrorOf(memory->Unlink(own_, path, 0)), EAGAIN);
  EXPECT_FALSE(memory->broken());
}

// Each name is asked for once: what is remembered is the directory.
TEST_F(Remembers, DirectoriesOfManyNames) {
  namespace fs = std::filesystem;
  fs::create_directories(At("d/sub"));
  const auto stat = [this](absl::string_view name, int at_flags = 0) {
    auto answer = channel_->Stat(own_, {At(name), -1, -1}, at_flags, STATX_BASIC_STATS);
    if (ErrorOf(answer) == 0) last_ = std::get<struct statx>(answer);
    return ErrorOf(answer);
  };
  const auto known = [this](absl::string_view name) {
    return channel_->Recall(own_, {At(name), -1, -1}, Follow::kYes).known;
  };
  int count = 0;
  const auto fresh = [&count] { return "d/" + std::to_string(++count); };
  for (int i = 0; i < 8; ++i) {
    const std::string name = fresh();
    if (i % 2 == 0) Create(name);
    EXPECT_EQ(stat(name), i % 2 == 0 ? 0 : ENOENT);
  }
  const std::string first = fresh();
  EXPECT_TRUE(known(first));
  Create(first);
  EXPECT_EQ(stat(first), 0);
  EXPECT_EQ(stat("d/sub"), 0);
  EXPECT_TRUE(S_ISDIR(last_.stx_mode));
  fs::create_symlink("sub", At("d/link"));
  EXPECT_EQ(stat("d/link"), 0);
  EXPECT_TRUE(S_ISDIR(last_.stx_mode));
  EXPECT_EQ(stat("d/link", AT_SYMLINK_NOFOLLOW), 0);
  EXPECT_TRUE(S_ISLNK(last_.stx_mode));
  EXPECT_EQ(ErrorOf(channel_->ReadLink(own_, {At("d/link"), -1, -1})), 0);
  EXPECT_EQ(ErrorOf(channel_->ReadLink(own_, {At(first), -1, -1})), EINVAL);
  EXPECT_EQ(ErrorOf(channel_->Access(own_, {At(first), -1, -1}, F_OK, 0)), 0);
  EXPECT_EQ(stat(first + "/below"), ENOTDIR);
  EXPECT_EQ(stat("d/" + std::string(NAME_MAX + 1, 'x')), ENAMETOOLONG);

  fs::rename(At("d"), At("e"));
  EXPECT_EQ(stat(first), ENOENT);
  EXPECT_EQ(stat("e/" + first.substr(2)), 0);
  fs::create_symlink("e", At("d"));
  EXPECT_EQ(stat(first), 0);
  fs::remove(At("d"));
  EXPECT_EQ(stat(fresh()), ENOENT);
  fs::create_directories(At("d"));
  const std::string second = fresh();
  Create(second);
  EXPECT_EQ(stat(second), 0);
  fs::remove_all(At("d"));
  EXPECT_EQ(stat(fresh()), ENOENT);
}

TEST_F(Remembers, WhoMaySearchADirectoryOfManyNames) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  std::filesystem::create_directories(At("d"));
  Credentials other = own_;
  other.uid = other.gid = 12345;
  other.groups.clear();
  other.capabilities = 0;
  int count = 0;
  // What `other` is told of four names that nobody has asked for before.
  const auto ask = [&] {
    int error = -1;
    for (int i = 0; i < 4; ++i) {
      const std::string name = "d/" + std::to_string(++count);
      Create(name);
      const int now = ErrorOf(channel_->Stat(other, {At(name), -1, -1}, 0, STATX_BASIC_STATS));
      EXPECT_TRUE(i == 0 || now == error) << name;
      error = now;
    }
    return error;
  };
  EXPECT_EQ(ask(), 0);
  ASSERT_EQ(::chmod(At("d").c_str(), 0700), 0);
  EXPECT_EQ(ask(), EACCES);
  ASSERT_EQ(::chown(At("d").c_str(), 12345, 12345), 0);
  EXPECT_EQ(ask(), 0);
  ASSERT_EQ(::chmod(At("d").c_str(), 0655), 0);
  EXPECT_EQ(ask(), EACCES);
  ASSERT_EQ(::chmod(directory_.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(At("d").c_str(), 0755), 0);
  EXPECT_EQ(ask(), EACCES);
}

TEST_F(Remembers, RightsOfEachCaller) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  std::filesystem::create_directories(At("d"));
  Create("d/f");
  Credentials other = own_;
  other.uid = other.gid = 12345;
  other.groups.clear();
  other.capabilities = 0;
  EXPECT_EQ(StatOften("d/f"), 0);
  EXPECT_EQ(StatOften("d/f", other), 0);
  ASSERT_EQ(::chmod(At("d").c_str(), 0700), 0);
  EXPECT_EQ(StatOften("d/f", other), EACCES);
  EXPECT_EQ(StatOften("d/f"), 0);
  ASSERT_EQ(::chmod(At("d").c_str(), 0711), 0);
  EXPECT_EQ(StatOften("d/f", other), 0);
  ASSERT_EQ(::chown(At("d").c_str(), 12345, 12345), 0);
  EXPECT_EQ(StatOften("d/f", other), 0);
  ASSERT_EQ(::chmod(At("d").c_str(), 0600), 0);
  EXPECT_EQ(StatOften("d/f", other), EACCES);
}

TEST_F(Remembers, WhatOthersDoAtTheSameTime) {
  // A thread replaces a file over and over by rename: there is always one.
  Create("always");
  EXPECT_EQ(StatOften("always"), 0);
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    while (!stop.load()) {
      Fd(::open(At("next").c_str(), O_CREAT | O_WRONLY, 0644)).Reset();
      ::rename(At("next").c_str(), At("always").c_str());
    }
  });
  const PathRef below = Below("always");
  for (int i = 0; i < 20'000; ++i) {
    auto stat = channel_->Stat(own_, {At("always"), -1, -1}, 0, STATX_BASIC_STATS);
    ASSERT_EQ(ErrorOf(stat), 0) << i;
    stat = channel_->Stat(own_, below, 0, STATX_BASIC_STATS);
    ASSERT_EQ(ErrorOf(stat), 0) << i;
  }
  stop.store(true);
  changer.join();
}

TEST_F(GoferTest, SixteenChannelsAtOnce) {
  std::vector<std::thread> threads;
  for (int number = 0; number < 16; ++number) {
    threads.emplace_back([this, number] {
      auto channel = NewChannel();
      for (int round = 0; round < 200; ++round) {
        const std::string name = absl::StrCat("f", number, "_", round % 10);
        auto opened = channel->Open(own_, In(name), O_CREAT | O_RDWR, 0600, 0, nullptr);
        ASSERT_EQ(ErrorOf(opened), 0);
        auto stat = channel->Stat(own_, In(name), 0, STATX_BASIC_STATS);
        ASSERT_EQ(ErrorOf(stat), 0);
        EXPECT_EQ(std::get<struct statx>(stat).stx_ino,
                  std::get<Opened>(opened).attributes.stx_ino);
        if (round % 3 == 0) {
          ASSERT_EQ(ErrorOf(channel->Unlink(own_, In(name), 0)), 0);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(GoferTest, LeaksNoDescriptors) {
  const auto count = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  Create("f");
  const auto before = count();
  for (int round = 0; round < 100; ++round) {
    EXPECT_EQ(ErrorOf(Open("f", O_RDONLY)), 0);
    EXPECT_EQ(ErrorOf(Open("nothing", O_RDONLY)), ENOENT);
    auto passing = NewChannel();
  }
  NewChannel();  // the server forgets ended channels when it makes new ones
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  NewChannel();
  EXPECT_LE(count(), before + 3);
}

TEST(Client, AGoferThatBreaksTheProtocolMeansEio) {
  auto pair = SocketPair();
  ASSERT_TRUE(pair.ok());
  std::thread impostor([&] { ASSERT_TRUE(SendMessage(pair->second.get(), "hello").ok()); });
  auto client = Connect(std::move(pair->first));
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().value(), EPROTO);
  impostor.join();
}

TEST(Client, AGoferThatIsGoneMeansEio) {
  auto pair = SocketPair();
  ASSERT_TRUE(pair.ok());
  pair->second.Reset();
  EXPECT_EQ(Connect(std::move(pair->first)).error().value(), EIO);
}

}  // namespace
}  // namespace moat::gofer
