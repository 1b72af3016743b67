#include "platform/seccomp_notify/session.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <string>

#include "base/linux_abi/errno.h"
#include "platform/seccomp_notify/guest_copy.h"
#include "platform/seccomp_notify/initial_stack.h"

namespace moat::platform::seccomp_notify {
namespace {

constexpr uint64_t kSyscallSize = 2;  // 0f 05
constexpr int64_t kMaxErrno = 4095;
constexpr size_t kMaxComm = 15;  // TASK_COMM_LEN without its NUL

// What a call leaves behind when a signal came in between (SIGSTOP; all others are blocked). The
// kernel would run it again; so do we.
bool WantsRestart(int64_t result) {
  switch (-result) {
    case linux_abi::kErestartSys:
    case linux_abi::kErestartNoIntr:
    case linux_abi::kErestartNoHand:
    case linux_abi::kErestartRestartBlock:
      return true;
  }
  return false;
}

// All of it, or EFAULT.
Result<void> Put(pid_t tid, GuestAddr to, const void* from, size_t size) {
  const auto* bytes = static_cast<const std::byte*>(from);
  TRY_ASSIGN(const size_t written, CopyToGuest(tid, to, absl::MakeConstSpan(bytes, size)));
  if (written != size) return Errno(EFAULT);
  return {};
}

}  // namespace

TracedSession::~TracedSession() {
  if (!over_) Finish(-EINTR);
}

Result<void> TracedSession::Prepare(int nr, const std::array<uint64_t, 6>& args) {
  user_regs_struct registers = trapped_;
  registers.rip -= kSyscallSize;
  registers.rax = static_cast<uint64_t>(nr);
  registers.orig_rax = ~uint64_t{0};  // not in a call: nothing for the kernel to restart
  registers.rdi = args[0];
  registers.rsi = args[1];
  registers.rdx = args[2];
  registers.r10 = args[3];
  registers.r8 = args[4];
  registers.r9 = args[5];
  return tracee_.SetRegisters(registers);
}

Result<uint64_t> TracedSession::Call(int nr, std::array<uint64_t, 6> args) {
  if (over_) return Errno(ESRCH);
  // For a profile of the config that would refuse the call (runtime/seccomp); of those that are run
  // here only mmap has a sixth argument.
  if (nr != __NR_mmap) args[5] = cookie_;
  for (;;) {
    TRY(Prepare(nr, args));
    TRY_ASSIGN(const Tracee::StepEnd end, tracee_.Step());
    if (end == Tracee::StepEnd::kReplaced) {
      // Only Exec may end this way: the caller asked for an exec by Call.
      over_ = true;
      tracee_.Release();
      return Errno(ESRCH);
    }
    TRY_ASSIGN(const user_regs_struct after, tracee_.Registers());
    // A sibling thread has rewritten the instruction under us, and something else ran.
    if (after.rip != trapped_.rip) return Errno(EFAULT);
    const auto result = static_cast<int64_t>(after.rax);
    if (WantsRestart(result)) continue;
    if (result < 0 && result >= -kMaxErrno) return Errno(static_cast<int>(-result));
    return after.rax;
  }
}

ExecOutcome TracedSession::Exec(int fd, GuestAddr empty_path, GuestAddr argv, GuestAddr envp,
                                const std::optional<ProgramNames>& names,
                                const std::function<void(pid_t tgid)>& on_replaced) {
  if (over_) return {false, Errno(ESRCH)};
  const std::array<uint64_t, 6> args = {static_cast<uint64_t>(fd),
                                        empty_path.value(),
                                        argv.value(),
                                        envp.value(),
                                        AT_EMPTY_PATH,
                                        cookie_};
  if (auto prepared = Prepare(__NR_execveat, args); !prepared.ok())
    return {false, prepared.error()};
  auto end = tracee_.Step();
  if (!end.ok()) return {false, end.error()};
  if (*end == Tracee::StepEnd::kReplaced) {
    on_replaced(tracee_.tid());
    if (names) static_cast<void>(NameProgram(*names));
    over_ = true;
    tracee_.Release();
    return {true, Errno(EIO)};
  }
  auto after = tracee_.Registers();
  if (!after.ok()) return {false, after.error()};
  const auto result = static_cast<int64_t>(after->rax);
  if (after->rip != trapped_.rip || result >= 0 || result < -kMaxErrno)
    return {false, Errno(EFAULT)};
  return {false, Errno(WantsRestart(result) ? EINTR : static_cast<int>(-result))};
}

Result<void> TracedSession::NameProgram(const ProgramNames& names) {
  // It stands in the middle of its execve; a step takes it out of there and executes nothing yet
  // (syscall_exit_work of kernel/entry, Linux 6.18).
  TRY(tracee_.Step());
  TRY_ASSIGN(const user_regs_struct start, tracee_.Registers());
  const auto read = [this](GuestAddr from, absl::Span<std::byte> to) {
    return CopyFromGuest(tracee_.tid(), from, to);
  };
  TRY_ASSIGN(const AuxiliaryVector vector, FindAuxiliaryVector(GuestAddr(start.rsp), read));
  TRY_ASSIGN(const GuestAddr instruction, FindSyscallInstruction(vector.vdso, read));
  trapped_ = start;
  trapped_.rip = instruction.Plus(kSyscallSize).value();
  const auto named = SetNames(names, vector.exec_name_entry);
  TRY(tracee_.SetRegisters(start));
  return named;
}

Result<void> TracedSession::SetNames(const ProgramNames& names, GuestAddr exec_name_entry) {
  // One mapping that stays: both strings, with their NULs.
  std::string strings = names.exec_name;
  strings.push_back('\0');
  const size_t comm_at = strings.size();
  strings.append(names.comm, 0, kMaxComm);
  strings.push_back('\0');
  TRY_ASSIGN(const GuestAddr memory, MapScratch(strings.size()));
  TRY(Put(tracee_.tid(), memory, strings.data(), strings.size()));
  if (!names.comm.empty()) {
    TRY(Call(__NR_prctl, {PR_SET_NAME, memory.Plus(comm_at).value()}));
  }
  const uint64_t value = memory.value();
  if (exec_name_entry.null()) return {};
  return Put(tracee_.tid(), exec_name_entry, &value, sizeof(value));
}

Result<GuestAddr> TracedSession::MapScratch(size_t size) {
  TRY_ASSIGN(const uint64_t address,
             Call(__NR_mmap,
                  {0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~uint64_t{0}, 0}));
  return GuestAddr(address);
}

void TracedSession::UnmapScratch(GuestAddr address, size_t size) {
  static_cast<void>(Call(__NR_munmap, {address.value(), size, 0, 0, 0, 0}));
}

void TracedSession::Finish(int64_t value) {
  if (over_) return;
  over_ = true;
  // Everything as the trapped call would leave it. Its number stays in orig_rax, so that one of the
  // ERESTART values runs it again, as meant.
  user_regs_struct registers = trapped_;
  registers.rax = static_cast<uint64_t>(value);
  if (tracee_.SetRegisters(registers).ok()) tracee_.Release();
}

}  // namespace moat::platform::seccomp_notify
