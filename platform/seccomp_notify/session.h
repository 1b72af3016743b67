// Session by ptrace: the task re-executes the `syscall` instruction of its trap with our arguments.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_SESSION_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_SESSION_H_

#include <sys/user.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "platform/platform.h"
#include "platform/seccomp_notify/injected_calls.h"
#include "platform/seccomp_notify/stopped_task.h"

namespace moat::platform::seccomp_notify {

class TracedSession final : public Session {
 public:
  // `task` stands at the end of its trapped call; `registers` are those it has there.
  TracedSession(std::unique_ptr<StoppedTask> task, const user_regs_struct& registers,
                uint64_t cookie, TaskHolds& holds)
      : task_(std::move(task)),
        trapped_(registers),
        calls_(*task_, registers, cookie),
        cookie_(cookie),
        holds_(holds) {}
  ~TracedSession() override;

  Result<uint64_t> Call(int nr, std::array<uint64_t, 6> args) override;
  ExecOutcome Exec(int fd, GuestAddr empty_path, GuestAddr argv, GuestAddr envp,
                   const ProgramStart& start,
                   const std::function<void(pid_t tgid)>& on_replaced) override;
  Result<GuestAddr> MapScratch(size_t size) override;
  void UnmapScratch(GuestAddr address, size_t size) override;
  bool ShouldEnd() override { return over_ || task_->ShouldRunOn(); }
  void Finish(int64_t value) override;

 private:
  // Lets the program run that an exec has just replaced another with.
  void StartProgram(const ProgramStart& start);
  // Makes that program begin as told, by calls that it makes itself at the vdso's `syscall`
  // instruction.
  Result<void> Begin(const ProgramStart& how);
  // Makes its first instruction a fault.
  void Doom();
  Result<void> SetNames(const ProgramNames& names, GuestAddr exec_name_entry);
  Result<void> SetRights(const FileRights& rights, GuestAddr secure_entry);
  // Where the program is to begin so that it is traced before its first instruction at `entry`.
  Result<GuestAddr> PlantTraceMe(GuestAddr entry);

  const std::unique_ptr<StoppedTask> task_;
  const user_regs_struct trapped_;
  // At the trapped `syscall` instruction, or, once the program is replaced, at the vdso's.
  InjectedCalls calls_;
  const uint64_t cookie_;
  TaskHolds& holds_;
  bool over_ = false;
};

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_SESSION_H_
