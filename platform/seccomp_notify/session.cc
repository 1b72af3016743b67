#include "platform/seccomp_notify/session.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <string>
#include <vector>

#include "platform/guest_copy.h"
#include "platform/seccomp_notify/initial_stack.h"
#include "platform/seccomp_notify/trace_me_code.h"

namespace moat::platform::seccomp_notify {
namespace {

constexpr uint64_t kSyscallSize = 2;  // 0f 05
constexpr int64_t kMaxErrno = 4095;
constexpr size_t kMaxComm = 15;  // TASK_COMM_LEN without its NUL

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

Result<uint64_t> TracedSession::Call(int nr, std::array<uint64_t, 6> args) {
  if (over_) return Errno(ESRCH);
  auto result = calls_.Call(nr, args);
  if (!result.ok() && result.error() == Errno(ECANCELED)) {
    // Only Exec may end this way: the caller asked for an exec by Call.
    over_ = true;
    task_->Release();
    return Errno(ESRCH);
  }
  return result;
}

ExecOutcome TracedSession::Exec(int fd, GuestAddr empty_path, GuestAddr argv, GuestAddr envp,
                                const ProgramStart& start,
                                const std::function<void(pid_t tgid)>& on_replaced) {
  if (over_) return {false, Errno(ESRCH)};
  if (start.rights && !task_->StepsAfterExec()) return {false, Errno(EPERM)};
  const std::array<uint64_t, 6> args = {static_cast<uint64_t>(fd),
                                        empty_path.value(),
                                        argv.value(),
                                        envp.value(),
                                        AT_EMPTY_PATH,
                                        cookie_};
  for (int restarts = 0; restarts < kMostRestarts; ++restarts) {
    if (auto prepared = calls_.Prepare(__NR_execveat, args); !prepared.ok())
      return {false, prepared.error()};
    auto end = task_->Step();
    if (!end.ok()) return {false, end.error()};
    if (*end == StoppedTask::StepEnd::kReplaced) {
      on_replaced(task_->tid());
      StartProgram(start);
      return {true, Errno(EIO)};
    }
    auto after = task_->Registers();
    if (!after.ok()) return {false, after.error()};
    const auto result = static_cast<int64_t>(after->rax);
    if (after->rip != trapped_.rip || result >= 0 || result < -kMaxErrno)
      return {false, Errno(EFAULT)};
    // A stop, while it waited for another thread's exec: the kernel makes the call anew.
    if (!WantsRestart(result)) return {false, Errno(static_cast<int>(-result))};
  }
  return {false, Errno(EINTR)};
}

void TracedSession::StartProgram(const ProgramStart& start) {
  const bool wants = start.names || start.trace_me || start.rights;
  if (wants && task_->StepsAfterExec() && !Begin(start).ok() && start.rights) Doom();
  over_ = true;
  if (start.traps_first) {
    task_->ReleaseUntilTrap(holds_);
  } else {
    task_->Release();
  }
}

void TracedSession::Doom() {
  auto registers = task_->Registers();
  if (!registers.ok()) return;
  registers->rip = 0;
  static_cast<void>(task_->SetRegisters(*registers));
}

Result<void> TracedSession::Begin(const ProgramStart& how) {
  // It stands in the middle of its execve; a step takes it out of there and executes nothing yet
  // (syscall_exit_work of kernel/entry, Linux 6.18).
  TRY(task_->Step());
  TRY_ASSIGN(const user_regs_struct start, task_->Registers());
  const auto read = [this](GuestAddr from, absl::Span<std::byte> to) {
    return CopyFromGuest(task_->tid(), from, to);
  };
  TRY_ASSIGN(const AuxiliaryVector vector, FindAuxiliaryVector(GuestAddr(start.rsp), read));
  TRY_ASSIGN(const GuestAddr instruction, FindSyscallInstruction(vector.vdso, read));
  user_regs_struct behind = start;
  behind.rip = instruction.Plus(kSyscallSize).value();
  calls_.MoveTo(behind);
  if (how.names) static_cast<void>(SetNames(*how.names, vector.exec_name_entry));
  if (how.rights) TRY(SetRights(*how.rights, vector.secure_entry));
  user_regs_struct first = start;
  if (how.trace_me) {
    auto planted = PlantTraceMe(GuestAddr(start.rip));
    if (planted.ok()) first.rip = planted->value();
  }
  return task_->SetRegisters(first);
}

Result<GuestAddr> TracedSession::PlantTraceMe(GuestAddr entry) {
  const std::vector<std::byte> code = TraceMeCode(entry);
  TRY_ASSIGN(const GuestAddr memory, calls_.MapScratch(code.size()));
  TRY(Put(task_->tid(), memory, code.data(), code.size()));
  TRY(calls_.Call(__NR_mprotect, {memory.value(), code.size(), PROT_READ | PROT_EXEC}));
  return memory;
}

Result<void> TracedSession::SetNames(const ProgramNames& names, GuestAddr exec_name_entry) {
  // One mapping that stays: both strings, with their NULs.
  std::string strings = names.exec_name;
  strings.push_back('\0');
  const size_t comm_at = strings.size();
  strings.append(names.comm, 0, kMaxComm);
  strings.push_back('\0');
  TRY_ASSIGN(const GuestAddr memory, calls_.MapScratch(strings.size()));
  TRY(Put(task_->tid(), memory, strings.data(), strings.size()));
  if (!names.comm.empty()) {
    TRY(calls_.Call(__NR_prctl, {PR_SET_NAME, memory.Plus(comm_at).value()}));
  }
  const uint64_t value = memory.value();
  if (exec_name_entry.null()) return {};
  return Put(task_->tid(), exec_name_entry, &value, sizeof(value));
}

Result<void> TracedSession::SetRights(const FileRights& rights, GuestAddr secure_entry) {
  struct {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct halves[_LINUX_CAPABILITY_U32S_3] = {};
  } wanted;
  for (int half = 0; half < _LINUX_CAPABILITY_U32S_3; ++half) {
    const auto part = [half](uint64_t set) { return static_cast<uint32_t>(set >> (32 * half)); };
    const CapabilitySets& sets = rights.capabilities;
    wanted.halves[half] = {part(sets.effective), part(sets.permitted), part(sets.inheritable)};
  }
  TRY_ASSIGN(const GuestAddr memory, calls_.MapScratch(sizeof(wanted)));
  TRY(Put(task_->tid(), memory, &wanted, sizeof(wanted)));
  TRY(calls_.Call(__NR_capset, {memory.value(), memory.Plus(sizeof(wanted.header)).value()}));
  TRY(calls_.Call(__NR_prctl, {PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL}));
  if (!rights.dumpable) TRY(calls_.Call(__NR_prctl, {PR_SET_DUMPABLE, 0}));
  calls_.UnmapScratch(memory, sizeof(wanted));
  const uint64_t secure = 1;
  if (secure_entry.null()) return Errno(EFAULT);
  return Put(task_->tid(), secure_entry, &secure, sizeof(secure));
}

Result<GuestAddr> TracedSession::MapScratch(size_t size) {
  if (over_) return Errno(ESRCH);
  return calls_.MapScratch(size);
}

void TracedSession::UnmapScratch(GuestAddr address, size_t size) {
  if (!over_) calls_.UnmapScratch(address, size);
}

void TracedSession::Finish(int64_t value) {
  if (over_) return;
  over_ = true;
  // Everything as the trapped call would leave it. Its number stays in orig_rax, so that one of the
  // ERESTART values runs it again, as meant.
  user_regs_struct registers = trapped_;
  registers.rax = static_cast<uint64_t>(value);
  if (task_->SetRegisters(registers).ok()) task_->Release();
}

}  // namespace moat::platform::seccomp_notify
