// What the sentry needs from a mechanism that stops system calls: seccomp user-notify now, ptrace
// later.
//
// Facts behind the contract: seccomp(2), seccomp_unotify(2), ptrace(2). All methods may be called
// from any thread; one trap is handled by one thread at a time. A Session belongs to the thread
// that made it.
#ifndef MOAT_PLATFORM_PLATFORM_H_
#define MOAT_PLATFORM_PLATFORM_H_

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/fd.h"
#include "base/result.h"

namespace moat::platform {

// An address in a task of the workload. It never turns into a pointer of ours; only Platform::Read
// and Write take it.
class GuestAddr {
 public:
  constexpr GuestAddr() = default;
  constexpr explicit GuestAddr(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }
  constexpr bool null() const { return value_ == 0; }
  // Wraps around as the hardware would; the read then fails with EFAULT.
  constexpr GuestAddr Plus(uint64_t offset) const { return GuestAddr(value_ + offset); }

 private:
  uint64_t value_ = 0;
};

// One notified system call, waiting for its answer.
struct Trap {
  uint64_t id = 0;  // the listener's cookie; unique for the life of the listener
  pid_t tid = 0;    // the calling thread in the sentry's pid namespace
  int nr = -1;      // system call number, x86-64
  std::array<uint64_t, 6> args{};
  uint64_t instruction_pointer = 0;  // behind the `syscall` instruction
};

// What a program is to be known by where the kernel, which was given a descriptor to execute, says
// something else.
struct ProgramNames {
  std::string exec_name;  // AT_EXECFN
  std::string comm;       // the first 15 bytes count
};

// capabilities(7).
struct CapabilitySets {
  uint64_t effective = 0, permitted = 0, inheritable = 0;
};

// The rights that a program has by its file.
struct FileRights {
  CapabilitySets capabilities;
  bool dumpable = false;
};

// How the program of a Session's exec is to begin.
struct ProgramStart {
  std::optional<ProgramNames> names;
  // It makes ptrace(PTRACE_TRACEME) and stops for its parent with SIGTRAP, as a program does that
  // was traced when it was executed.
  bool trace_me = false;
  // The capabilities that it has from then on, at most what the exec left it with, and no ambient
  // ones; it is told so (AT_SECURE). A task that can't be made to begin so does not execute it
  // (EPERM), or dies before its first instruction.
  std::optional<FileRights> rights;
  // It is the stub that runs first, and makes a trap before anything of the program does: until
  // then the task may be kept where it is.
  bool traps_first = false;
};

// How a Session's exec ended.
struct ExecOutcome {
  bool replaced = false;  // the task now runs the new program; the session is over
  Errno error{EIO};       // when !replaced: the exec failed and the session goes on
};

// A stopped task that runs calls of our choice in its own context, before it sees an answer to its
// trap. Made by Platform::Enter. While a session lasts the task is traced by this thread and all
// its signals are blocked. Ends with Finish, with an exec that replaced the program, or with the
// destructor (which answers EINTR and lets the task go).
class Session {
 public:
  virtual ~Session() = default;
  // Runs one system call. Value: what it returned; error: its errno, or ESRCH when the task died
  // (every later call then gives ESRCH too). Pointers among the arguments are the task's own. `nr`
  // must be native in the filter or carry the cookie.
  virtual Result<uint64_t> Call(int nr, std::array<uint64_t, 6> args) = 0;
  // Runs execveat(fd, empty_path, argv, envp, AT_EMPTY_PATH, cookie). `fd` is a number in the
  // task's table. When the kernel has replaced the program and before its first instruction,
  // `on_replaced(tgid)` runs (an exec from another thread takes on the tgid). Then the program is
  // made to begin as `start` says; one that has no vdso, no memory left for it, or a tracer, begins
  // as the kernel has it.
  virtual ExecOutcome Exec(int fd, GuestAddr empty_path, GuestAddr argv, GuestAddr envp,
                           const ProgramStart& start,
                           const std::function<void(pid_t tgid)>& on_replaced) = 0;
  // Maps `size` bytes of private anonymous memory, readable and writable, into the task. Unmap
  // before Finish.
  virtual Result<GuestAddr> MapScratch(size_t size) = 0;
  virtual void UnmapScratch(GuestAddr address, size_t size) = 0;
  // Whether a session that waits for something should give up, with -ERESTARTSYS: a signal came
  // that the task had not blocked, or a tracer is held up with it.
  virtual bool ShouldEnd() = 0;
  // Ends the session: the trapped call returns `value` (negative errno included) and signals are as
  // before.
  virtual void Finish(int64_t value) = 0;
};

class Platform {
 public:
  virtual ~Platform() = default;

  // Blocks until a trap comes. ENOENT-like races are handled inside. Errors: ECANCELED once no task
  // is left under the filter; anything else is a fault of the host and ends the container.
  virtual Result<Trap> Next() = 0;

  // Whether the task still waits. To be asked after reading its memory and before acting on the
  // bytes: a `true` means that trap.tid named the right task while it was read.
  virtual bool StillWaits(const Trap& trap) = 0;

  // Copies from or to the task's memory; returns the bytes copied, which is less than asked when a
  // later page is missing. EFAULT when not even one byte could be copied, ESRCH when the task is
  // gone.
  virtual Result<size_t> Read(const Trap& trap, GuestAddr from, absl::Span<std::byte> to) = 0;
  virtual Result<size_t> Write(const Trap& trap, GuestAddr to,
                               absl::Span<const std::byte> from) = 0;

  // The final answers. Each may find the task gone, which is no error. `value` must not lie in
  // [-4095, -1].
  virtual void ReturnValue(const Trap& trap, int64_t value) = 0;
  virtual void ReturnErrno(const Trap& trap, Errno error) = 0;
  // Asks the kernel to run the call again from the start once signals are handled, as SA_RESTART
  // says (-ERESTARTSYS). For blocking calls that were given up because a signal is pending.
  virtual void ReturnRestart(const Trap& trap) = 0;
  // Lets the kernel run the call as the task's registers and memory say *then*. Only for lines of
  // the table with a reason.
  virtual void Continue(const Trap& trap) = 0;
  // Puts `fd` into the task's table under the lowest free number, without answering; the number, or
  // EMFILE (the table is full), ESRCH, EBADF: an O_PATH descriptor, for which a Session with
  // recvmsg is the way.
  virtual Result<int> AddFd(const Trap& trap, const Fd& fd, bool close_on_exec) = 0;
  // The same under the number `at`, which is replaced as by dup3(2).
  virtual Result<void> AddFdAt(const Trap& trap, const Fd& fd, int at, bool close_on_exec) = 0;

  // Stops the task in the middle of its trap, to act in its context; one that is traced inside is
  // reached through its tracer. EPERM when that one is traced, too; ESRCH when the task is gone.
  // From here on the trap must not be answered by the Return functions, only by the session.
  virtual Result<std::unique_ptr<Session>> Enter(const Trap& trap) = 0;
  // AddFd, close-on-exec, and Enter in one. When the task can't be entered the descriptors stay in
  // its table. Of `more` only those come that find room there.
  struct Entered {
    std::unique_ptr<Session> session;
    int number = -1;  // of the descriptor, in the task's table
    std::vector<int> more = {};
  };
  virtual Result<Entered> EnterWith(const Trap& trap, const Fd& fd,
                                    absl::Span<const Fd* const> more) = 0;

  // The secret that the filter lets execveat and chroot pass with, in the sixth argument.
  virtual uint64_t cookie() const = 0;
};

}  // namespace moat::platform

#endif  // MOAT_PLATFORM_PLATFORM_H_
