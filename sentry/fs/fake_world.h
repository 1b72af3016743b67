// For unit tests: a call whose "task" is the test itself, with a gofer and a virtual tree that
// answer as the test says. No privileges.
#ifndef MOAT_SENTRY_FS_FAKE_WORLD_H_
#define MOAT_SENTRY_FS_FAKE_WORLD_H_

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "sentry/call.h"
#include "sentry/container.h"

namespace moat::sentry {

// Memory and descriptors of the test's own process.
class FakePlatform : public platform::Platform {
 public:
  bool still_waits = true;

  Result<platform::Trap> Next() override { return Errno(ECANCELED); }
  bool StillWaits(const platform::Trap&) override { return still_waits; }
  Result<size_t> Read(const platform::Trap&, platform::GuestAddr from,
                      absl::Span<std::byte> to) override {
    return Copied(::process_vm_readv(::getpid(), Vector(to.data(), to.size()).get(), 1,
                                     Vector(from, to.size()).get(), 1, 0));
  }
  Result<size_t> Write(const platform::Trap&, platform::GuestAddr to,
                       absl::Span<const std::byte> from) override {
    std::vector<std::byte> bytes(from.begin(), from.end());
    return Copied(::process_vm_writev(::getpid(), Vector(bytes.data(), bytes.size()).get(), 1,
                                      Vector(to, bytes.size()).get(), 1, 0));
  }
  void ReturnValue(const platform::Trap&, int64_t) override {}
  void ReturnErrno(const platform::Trap&, Errno) override {}
  void ReturnRestart(const platform::Trap&) override {}
  void Continue(const platform::Trap&) override {}
  Result<int> AddFd(const platform::Trap&, const Fd&, bool) override { return Errno(EMFILE); }
  Result<void> AddFdAt(const platform::Trap&, const Fd&, int, bool) override {
    return Errno(EMFILE);
  }
  Result<std::unique_ptr<platform::Session>> Enter(const platform::Trap&) override {
    return Errno(EPERM);
  }
  Result<Entered> EnterWith(const platform::Trap&, const Fd&,
                            absl::Span<const Fd* const>) override {
    return Errno(EPERM);
  }
  uint64_t cookie() const override { return 0; }

 private:
  struct Vector {
    Vector(std::byte* data, size_t size) : vector{data, size} {}
    Vector(platform::GuestAddr address, size_t size) : vector{nullptr, size} {
      const uint64_t value = address.value();
      std::memcpy(&vector.iov_base, &value, sizeof(value));
    }
    const iovec* get() const { return &vector; }
    iovec vector;
  };

  static Result<size_t> Copied(ssize_t size) {
    if (size < 0) return Errno::Last();
    return static_cast<size_t>(size);
  }
};

// What the gofer was asked, and what it is to say. Operations without an answer fail with ENOSYS.
class FakeChannel : public gofer::Channel {
 public:
  std::vector<std::string> asked;  // "operation path"
  Memory remembered;
  std::function<gofer::Outcome<gofer::Opened>(const gofer::PathRef&)> on_open;
  std::function<gofer::Outcome<struct statx>(const gofer::PathRef&)> on_stat;
  std::function<gofer::Outcome<Unit>(const std::string& operation)> on_change;

  template <typename T>
  using Out = gofer::Outcome<T>;
  using Who = gofer::Credentials;
  using Ref = gofer::PathRef;
  using Text = absl::string_view;

  bool broken() const override { return false; }
  Out<gofer::Opened> Open(const Who&, const Ref& path, uint64_t, uint32_t, uint64_t,
                          const GiveUp&) override {
    Note("open", path);
    if (on_open) return on_open(path);
    return Unanswered();
  }
  Memory Recall(const Who&, const Ref&, gofer::Follow) override { return remembered; }
  Out<gofer::Opened> OpenForExec(const Who&, const Ref& path, gofer::Follow) override {
    Note("exec", path);
    return Unanswered();
  }
  Out<struct statx> Stat(const Who&, const Ref& path, int, uint32_t) override {
    Note("stat", path);
    if (on_stat) return on_stat(path);
    return Unanswered();
  }
  Out<struct statfs> StatFs(const Who&, const Ref&) override { return Unanswered(); }
  Out<Unit> Access(const Who&, const Ref& path, int, int) override {
    return Change("access", path);
  }
  Out<std::string> ReadLink(const Who&, const Ref&) override { return Unanswered(); }
  Out<Unit> Mkdir(const Who&, const Ref& path, uint32_t) override { return Change("mkdir", path); }
  Out<Unit> Mknod(const Who&, const Ref& path, uint32_t, uint64_t) override {
    return Change("mknod", path);
  }
  Out<Unit> Symlink(const Who&, Text, const Ref& path) override { return Change("symlink", path); }
  Out<Unit> Link(const Who&, const Ref& from, const Ref&, int) override {
    return Change("link", from);
  }
  Out<Unit> Unlink(const Who&, const Ref& path, int) override { return Change("unlink", path); }
  Out<Unit> Rename(const Who&, const Ref& from, const Ref&, uint32_t) override {
    return Change("rename", from);
  }
  Out<Unit> Chmod(const Who&, const Ref& path, uint32_t, int) override {
    return Change("chmod", path);
  }
  Out<Unit> Chown(const Who&, const Ref& path, uint32_t, uint32_t, int) override {
    return Change("chown", path);
  }
  Out<Unit> SetTimes(const Who&, const Ref& path, const std::optional<std::array<timespec, 2>>&,
                     int) override {
    return Change("times", path);
  }
  Out<Unit> Truncate(const Who&, const Ref& path, int64_t) override {
    return Change("truncate", path);
  }
  Out<std::string> GetXattr(const Who&, const Ref&, gofer::Follow, Text) override {
    return Unanswered();
  }
  Out<std::string> ListXattr(const Who&, const Ref&, gofer::Follow) override {
    return Unanswered();
  }
  Out<Unit> SetXattr(const Who&, const Ref& path, gofer::Follow, Text, Text, int) override {
    return Change("setxattr", path);
  }
  Out<Unit> RemoveXattr(const Who&, const Ref& path, gofer::Follow, Text) override {
    return Change("removexattr", path);
  }
  Out<Unit> BindUnix(const Who&, int, const Ref& path) override { return Change("bind", path); }
  Out<Unit> ConnectUnix(const Who&, int, const Ref& path, const GiveUp&) override {
    return Change("connect", path);
  }
  Out<size_t> SendToUnix(const Who&, int, const Ref&, Text, int) override { return Unanswered(); }
  Out<int> InotifyAdd(const Who&, int, const Ref&, uint32_t) override { return Unanswered(); }

 private:
  static gofer::Failure Unanswered() { return {Errno(ENOSYS), {}}; }
  void Note(const std::string& operation, const Ref& path) {
    asked.push_back(operation + " " + std::string(path.path));
  }
  Out<Unit> Change(const std::string& operation, const Ref& path) {
    Note(operation, path);
    if (on_change) return on_change(operation);
    return Unanswered();
  }
};

// A virtual tree that answers every question through one function.
class FakeTree : public VirtualTree {
 public:
  template <typename T>
  using Out = VirtualResult<T>;
  using Text = absl::string_view;

  std::vector<std::string> asked;  // paths
  std::function<Out<VirtualOpened>(Text path)> on_open;
  std::function<Out<struct statx>(Text path)> on_stat;
  std::function<std::optional<std::string>(const struct statx&)> path_of_directory;

  Out<VirtualOpened> Open(const Viewer&, Text path, uint64_t) override {
    asked.emplace_back(path);
    if (on_open) return on_open(path);
    return Errno(ENOENT);
  }
  Out<struct statx> Stat(const Viewer&, Text path, bool) override {
    asked.emplace_back(path);
    if (on_stat) return on_stat(path);
    return Errno(ENOENT);
  }
  Out<std::string> ReadLink(const Viewer&, Text) override { return Errno(EINVAL); }
  Out<Unit> Access(const Viewer&, Text, int, bool) override { return Unit(); }
  Out<Unit> Modify(const Viewer&, Text path, bool) override {
    asked.emplace_back(path);
    return Errno(EPERM);
  }
  std::optional<std::string> PathOfDirectory(const struct statx& attributes) override {
    return path_of_directory ? path_of_directory(attributes) : std::nullopt;
  }
  Result<Fd> Refresh(const Viewer&, const struct statx&) override { return Errno(ENOENT); }
  struct sysinfo SystemInfo() override {
    return {};
  }
  std::optional<std::string> PathOfLink(const Fd&) override { return std::nullopt; }
  long MagicOf(const struct statx&) override { return 0; }
};

// Owns all of the above and makes calls.
class FakeWorld {
 public:
  FakeWorld() {
    container.tasks = std::make_unique<TaskTable>(proc.get());
    container.cache = std::make_unique<TaskCache>(proc.get());
    auto owned = std::make_unique<FakeTree>();
    tree = owned.get();
    container.tree = std::move(owned);
  }

  // `before` as for Call.
  Outcome Run(Handler handler, std::array<uint64_t, 6> args, uint64_t before = 0) {
    platform::Trap trap;
    trap.tid = ::gettid();
    trap.args = args;
    Call call(container, platform, channel, trap, before);
    return handler(call);
  }
  // The argument that points to `text`, which must outlive the call.
  static uint64_t Address(const void* object) {
    uint64_t value = 0;
    std::memcpy(&value, &object, sizeof(object));
    return value;
  }

  Fd proc{::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  Container container;
  FakePlatform platform;
  FakeChannel channel;
  FakeTree* tree = nullptr;
};

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_FS_FAKE_WORLD_H_
