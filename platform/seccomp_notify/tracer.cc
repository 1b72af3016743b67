#include "platform/seccomp_notify/tracer.h"

#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/read_file.h"
#include "platform/guest_copy.h"
#include "platform/seccomp_notify/initial_stack.h"

namespace moat::platform::seccomp_notify {
namespace {

constexpr size_t kPage = 4096;
constexpr uint64_t kSyscallSize = 2;
// What lies where in the scratch page.
constexpr uint64_t kRegistersAt = 0, kSignalAt = 1024, kMaskAt = 2048, kReportAt = 3072;

// The last number of a line as "NSpid:\t812\t5".
pid_t LastNumber(absl::string_view line) {
  pid_t number = 0;
  const auto at = line.find_last_of(" \t");
  if (at == line.npos || !absl::SimpleAtoi(line.substr(at + 1), &number)) return 0;
  return number;
}

// The set of a line as "SigPnd:\t0000000000040000".
uint64_t LastSet(absl::string_view line) {
  uint64_t set = 0;
  const auto at = line.find_last_of(" \t");
  if (at == line.npos || !absl::SimpleHexAtoi(line.substr(at + 1), &set)) return 0;
  return set;
}

// Where the vdso of a task lies; null without one.
GuestAddr VdsoOf(pid_t tid) {
  constexpr size_t kLimit = size_t{8} << 20;
  const auto maps = ReadFile(absl::StrCat("/proc/", tid, "/maps"), kLimit);
  if (!maps.ok()) return GuestAddr();
  for (const absl::string_view line : absl::StrSplit(*maps, '\n')) {
    if (!absl::EndsWith(line, "[vdso]")) continue;
    uint64_t address = 0;
    const absl::string_view begin = line.substr(0, line.find('-'));
    return absl::SimpleHexAtoi(begin, &address) ? GuestAddr(address) : GuestAddr();
  }
  return GuestAddr();
}

}  // namespace

Result<TracedBy> WhoTraces(pid_t tid) {
  const auto status = ReadFile(absl::StrCat("/proc/", tid, "/status"), kPage * 4);
  if (!status.ok()) return Errno(ESRCH);
  TracedBy result;
  for (const absl::string_view line : absl::StrSplit(*status, '\n')) {
    if (absl::StartsWith(line, "TracerPid:")) result.tracer = LastNumber(line);
    if (absl::StartsWith(line, "Tgid:")) result.tgid = LastNumber(line);
    if (absl::StartsWith(line, "NStgid:")) result.inner_tgid = LastNumber(line);
    if (absl::StartsWith(line, "NSpid:")) result.inner_tid = LastNumber(line);
    const bool pending = absl::StartsWith(line, "SigPnd:") || absl::StartsWith(line, "ShdPnd:");
    if (pending) result.pending |= LastSet(line);
  }
  if (result.inner_tid <= 0 || result.inner_tgid <= 0) return Errno(ESRCH);
  return result;
}

bool IsOwnThread(pid_t tid) {
  struct stat attributes;
  return ::stat(absl::StrCat("/proc/self/task/", tid).c_str(), &attributes) == 0;
}

Result<std::unique_ptr<Tracer>> Tracer::Borrow(pid_t tracer, uint64_t cookie) {
  TaskCpu free;
  TRY_ASSIGN(Tracee tracee, Tracee::Stop(tracer, free, [] { return Result<void>(Unit()); }));
  TRY_ASSIGN(const user_regs_struct before, tracee.Registers());
  const auto read = [&](GuestAddr from, absl::Span<std::byte> to) {
    return CopyFromGuest(tracee.tid(), from, to);
  };
  const auto instruction = FindSyscallInstruction(VdsoOf(tracer), read);
  if (!instruction.ok()) return Errno(EPERM);
  user_regs_struct at_vdso = before;
  at_vdso.rip = instruction->Plus(kSyscallSize).value();
  std::unique_ptr<Tracer> borrowed(new Tracer(std::move(tracee), before, at_vdso, cookie));
  TRY_ASSIGN(borrowed->scratch_, borrowed->calls_.MapScratch(kPage));
  return borrowed;
}

Tracer::~Tracer() {
  if (!scratch_.null()) calls_.UnmapScratch(scratch_, kPage);
  // With the number of the call that it was interrupted in: the kernel restarts it.
  static_cast<void>(tracee_.SetRegisters(before_));
  tracee_.Release();
}

template <typename T>
Result<T> Tracer::Load(uint64_t offset) {
  T object;
  void* const bytes = &object;
  TRY_ASSIGN(const size_t size,
             CopyFromGuest(tracee_.tid(), scratch_.Plus(offset),
                           absl::MakeSpan(static_cast<std::byte*>(bytes), sizeof(object))));
  if (size != sizeof(object)) return Errno(EFAULT);
  return object;
}

template <typename T>
Result<void> Tracer::Store(uint64_t offset, const T& object) {
  const void* const bytes = &object;
  TRY_ASSIGN(
      const size_t size,
      CopyToGuest(tracee_.tid(), scratch_.Plus(offset),
                  absl::MakeConstSpan(static_cast<const std::byte*>(bytes), sizeof(object))));
  if (size != sizeof(object)) return Errno(EFAULT);
  return {};
}

Result<void> Tracer::Request(int request, pid_t inner_tid, uint64_t address, uint64_t data) {
  TRY(calls_.Call(__NR_ptrace, {static_cast<uint64_t>(request), static_cast<uint64_t>(inner_tid),
                                address, data}));
  return {};
}

Result<void> Tracer::WaitId(pid_t inner_tid, int options) {
  TRY(Store(kReportAt, siginfo_t{}));
  const auto flags =
      static_cast<uint64_t>(options | WSTOPPED | WEXITED | WNOHANG) | static_cast<uint32_t>(__WALL);
  TRY(calls_.Call(__NR_waitid, {P_PID, static_cast<uint64_t>(inner_tid),
                                scratch_.Plus(kReportAt).value(), flags}));
  return {};
}

Result<Tracer::Report> Tracer::Peek(pid_t inner_tid) {
  TRY(WaitId(inner_tid, WNOWAIT));
  TRY_ASSIGN(const siginfo_t info, Load<siginfo_t>(kReportAt));
  if (info.si_signo == 0) return Report{};
  return Report{info.si_code, info.si_status};
}

Result<void> Tracer::Take(pid_t inner_tid) { return WaitId(inner_tid, 0); }

Result<user_regs_struct> Tracer::Registers(pid_t inner_tid) {
  TRY(Request(PTRACE_GETREGS, inner_tid, 0, scratch_.Plus(kRegistersAt).value()));
  return Load<user_regs_struct>(kRegistersAt);
}

Result<void> Tracer::SetRegisters(pid_t inner_tid, const user_regs_struct& registers) {
  TRY(Store(kRegistersAt, registers));
  return Request(PTRACE_SETREGS, inner_tid, 0, scratch_.Plus(kRegistersAt).value());
}

Result<uint64_t> Tracer::SignalMask(pid_t inner_tid) {
  TRY(Request(PTRACE_GETSIGMASK, inner_tid, sizeof(uint64_t), scratch_.Plus(kMaskAt).value()));
  return Load<uint64_t>(kMaskAt);
}

Result<void> Tracer::SetSignalMask(pid_t inner_tid, uint64_t mask) {
  TRY(Store(kMaskAt, mask));
  return Request(PTRACE_SETSIGMASK, inner_tid, sizeof(mask), scratch_.Plus(kMaskAt).value());
}

Result<int> Tracer::SignalCode(pid_t inner_tid) {
  TRY(Request(PTRACE_GETSIGINFO, inner_tid, 0, scratch_.Plus(kSignalAt).value()));
  TRY_ASSIGN(const siginfo_t info, Load<siginfo_t>(kSignalAt));
  return info.si_code;
}

void Tracer::SendSignal(pid_t inner_tgid, pid_t inner_tid, int signal) {
  static_cast<void>(
      calls_.Call(__NR_tgkill, {static_cast<uint64_t>(inner_tgid), static_cast<uint64_t>(inner_tid),
                                static_cast<uint64_t>(signal)}));
}

}  // namespace moat::platform::seccomp_notify
