// One trap being handled: what a system call handler gets, and what it may answer.
//
// A handler is a free function of about 15 lines: decode the arguments, copy what they point to
// once, check, make one domain call.
//
//   Outcome SysMkdirat(Call& call) {
//     TRY_ASSIGN(std::string path, call.ReadPath(call.AddrArg(1)));
//     return OnPath(call, call.FdArg(0), path, ...);   // sentry/fs/on_path.h
//   }
#ifndef MOAT_SENTRY_CALL_H_
#define MOAT_SENTRY_CALL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/fd.h"
#include "base/result.h"
#include "gofer/client/client.h"
#include "platform/platform.h"
#include "sentry/task/task_info.h"

namespace moat::sentry {

class Container;
struct KnownTask;
struct CurrentDirectory;

struct Value {
  int64_t value = 0;
};
// Put into the caller's table under the lowest free number, which is the result. The sentry's own
// copy is gone when the program goes on.
struct GiveFd {
  Fd fd;
  bool close_on_exec = false;
};
// Run natively; the table's line must carry the reason why this is harmless whatever the caller
// swaps in.
struct ContinueNative {};
// -ERESTARTSYS: a blocking call was given up because a signal is pending.
struct Restart {};
// Already answered in a session, or the task is gone.
struct Finished {};

// Implicitly made from Errno, so TRY and TRY_ASSIGN work in handlers.
using Outcome = std::variant<Value, Errno, GiveFd, ContinueNative, Restart, Finished>;

// Lives on the worker's stack while it handles one trap; not thread-safe.
class Call {
 public:
  // `before`: TaskCache::Moment from before the trap was received; 0: not known.
  Call(Container& container, platform::Platform& platform, gofer::Channel& gofer,
       const platform::Trap& trap, uint64_t before = 0)
      : container_(container), platform_(platform), gofer_(gofer), trap_(trap), before_(before) {}

  const platform::Trap& trap() const { return trap_; }
  platform::Platform& platform() { return platform_; }
  gofer::Channel& gofer() { return gofer_; }
  Container& container() { return container_; }

  uint64_t Arg(int index) const { return trap_.args[static_cast<size_t>(index)]; }
  // The kernel takes these as 32 bits: the upper half is ignored, as it does.
  int IntArg(int index) const { return static_cast<int>(Arg(index)); }
  uint32_t UintArg(int index) const { return static_cast<uint32_t>(Arg(index)); }
  int FdArg(int index) const { return static_cast<int>(Arg(index)); }
  platform::GuestAddr AddrArg(int index) const { return platform::GuestAddr(Arg(index)); }

  // A NUL-terminated path. EFAULT, ENAMETOOLONG (PATH_MAX with its NUL). The empty string is
  // returned as such: whether it is ENOENT depends on AT_EMPTY_PATH.
  Result<std::string> ReadPath(platform::GuestAddr from);
  // A NUL-terminated string of at most `limit` bytes with its NUL; `too_long` otherwise.
  Result<std::string> ReadString(platform::GuestAddr from, size_t limit, Errno too_long);
  // Exactly `size` bytes, or EFAULT.
  Result<std::string> ReadBytes(platform::GuestAddr from, size_t size);
  Result<void> WriteBytes(platform::GuestAddr to, absl::string_view bytes);

  template <typename T>
  Result<T> ReadObject(platform::GuestAddr from) {
    static_assert(std::is_trivially_copyable_v<T>);
    T object = {};
    TRY(ReadInto(from, &object, sizeof(object)));
    return object;
  }
  template <typename T>
  Result<void> WriteObject(platform::GuestAddr to, const T& object) {
    static_assert(std::is_trivially_copyable_v<T>);
    return WriteBytes(
        to,
        absl::string_view(static_cast<const char*>(static_cast<const void*>(&object)), sizeof(T)));
  }

  // The caller's identity and credentials as they are now. The reference lives as long as the call.
  // ESRCH when it is gone.
  Result<const TaskInfo*> Task();
  // The same, and the proof that everything read from the task's memory, descriptors and
  // credentials until now was that of the task that made the trap. ESRCH otherwise.
  Result<const TaskInfo*> ConfirmedTask();
  // For a caller that cannot have ended: Task() is what is remembered of it, and does not ask
  // whether that is still so. Not for calls that create files: the umask may be an older one.
  // False: nothing is remembered.
  bool AdoptRemembered();
  // A duplicate of the caller's descriptor (EBADF when it has none of that number).
  Result<Fd> TakeFd(int fd);
  // The caller's working directory.
  Result<std::shared_ptr<const CurrentDirectory>> WorkingDirectory();
  // The caller's root as an O_PATH descriptor; an empty Fd unless it did chroot(2).
  Result<Fd> RootDirectory();
  // Whether an unblocked signal waits for the caller or it is being killed: for
  // gofer::Channel::GiveUp.
  bool SignalPending();

  // The strings that were read, by address: what the trace shows is what was decided on. Only kept
  // while tracing.
  const std::vector<std::pair<uint64_t, std::string>>& strings_read() const { return seen_; }

 private:
  // All `size` bytes, or EFAULT.
  Result<void> ReadInto(platform::GuestAddr from, void* to, size_t size);

  Container& container_;
  platform::Platform& platform_;
  gofer::Channel& gofer_;
  const platform::Trap& trap_;
  const uint64_t before_;
  std::shared_ptr<const KnownTask> known_;  // null until asked for
  TaskInfo task_;
  std::vector<std::pair<uint64_t, std::string>> seen_;
};

using Handler = Outcome (*)(Call& call);

}  // namespace moat::sentry

#endif  // MOAT_SENTRY_CALL_H_
