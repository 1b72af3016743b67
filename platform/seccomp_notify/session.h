// Session by ptrace: the task re-executes the `syscall` instruction of its trap with our arguments.
#ifndef MOAT_PLATFORM_SECCOMP_NOTIFY_SESSION_H_
#define MOAT_PLATFORM_SECCOMP_NOTIFY_SESSION_H_

#include <sys/user.h>

#include <cstdint>
#include <functional>

#include "platform/platform.h"
#include "platform/seccomp_notify/tracee.h"

namespace moat::platform::seccomp_notify {

class TracedSession final : public Session {
 public:
  // `tracee` stands at the end of its trapped call; `registers` are those it has there.
  TracedSession(Tracee tracee, const user_regs_struct& registers, uint64_t cookie)
      : tracee_(std::move(tracee)), trapped_(registers), cookie_(cookie) {}
  ~TracedSession() override;

  Result<uint64_t> Call(int nr, std::array<uint64_t, 6> args) override;
  ExecOutcome Exec(int fd, GuestAddr empty_path, GuestAddr argv, GuestAddr envp,
                   const std::optional<ProgramNames>& names,
                   const std::function<void(pid_t tgid)>& on_replaced) override;
  Result<GuestAddr> MapScratch(size_t size) override;
  void UnmapScratch(GuestAddr address, size_t size) override;
  void Finish(int64_t value) override;

 private:
  // Puts the task back onto its `syscall` instruction, with this call in its registers.
  Result<void> Prepare(int nr, const std::array<uint64_t, 6>& args);
  // Gives the program that an exec has just started its names, by calls that it makes itself at the
  // vdso's `syscall` instruction.
  Result<void> NameProgram(const ProgramNames& names);
  Result<void> SetNames(const ProgramNames& names, GuestAddr exec_name_entry);

  Tracee tracee_;
  // Where calls are made: the registers behind the trapped `syscall` instruction, or, once the
  // program is replaced, behind the vdso's.
  user_regs_struct trapped_;
  const uint64_t cookie_;
  bool over_ = false;
};

}  // namespace moat::platform::seccomp_notify

#endif  // MOAT_PLATFORM_SECCOMP_NOTIFY_SESSION_H_
