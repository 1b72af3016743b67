// The argument checks of the table: calls of which only some uses are let through.
//
// A check sees registers only, so it decides by values, never by what a pointer leads to.
#ifndef MOAT_SENTRY_SYSCALLS_ARGUMENT_CHECKS_H_
#define MOAT_SENTRY_SYSCALLS_ARGUMENT_CHECKS_H_

#include "absl/types/span.h"
#include "sentry/syscalls/table.h"

namespace moat::sentry::checks {

// Each list says what its calls do when no check holds: see the table's lines.
absl::Span<const Check> Socket();             // otherwise EAFNOSUPPORT
absl::Span<const Check> SocketPair();         // otherwise EAFNOSUPPORT
absl::Span<const Check> SetSocketOption();    // native by level and option, otherwise ENOPROTOOPT
absl::Span<const Check> GetSocketOption();    // refuses some, otherwise native
absl::Span<const Check> SendTo();             // native without an address, otherwise notify
absl::Span<const Check> Clone();              // native without new namespaces, otherwise EPERM
absl::Span<const Check> Unshare();            // the same
absl::Span<const Check> Ioctl();              // native by request number, otherwise ENOTTY
absl::Span<const Check> Prctl();              // native or notify by option, otherwise EINVAL
absl::Span<const Check> ArchPrctl();          // native by option, otherwise EINVAL
absl::Span<const Check> Personality();        // native by persona, otherwise EPERM
absl::Span<const Check> Seek();               // notify a rewind, otherwise native
absl::Span<const Check> StatOfDescriptor();   // newfstatat: native for fstat, otherwise notify
absl::Span<const Check> StatxOfDescriptor();  // statx: the same
absl::Span<const Check> TimesOfDescriptor();  // utimensat, futimesat without a path: native
absl::Span<const Check> Fcntl();              // native by command, otherwise EINVAL
absl::Span<const Check> Madvise();            // native by advice, otherwise EINVAL
absl::Span<const Check> Mremap();             // native with known flags, otherwise EINVAL
absl::Span<const Check> MemfdCreate();        // the same
absl::Span<const Check> Membarrier();         // native by command, otherwise EINVAL
absl::Span<const Check> Fallocate();          // native by mode, otherwise EOPNOTSUPP
absl::Span<const Check> Shmget();             // native with known flags, otherwise EINVAL
absl::Span<const Check> Shmat();              // the same
absl::Span<const Check> TimerCreate();        // native by clock, otherwise EINVAL
absl::Span<const Check> TimerfdCreate();      // the same
absl::Span<const Check> Seccomp();            // native or notify by operation, otherwise EINVAL
absl::Span<const Check> Pipe2();              // native but for watch queues, otherwise ENOPKG
absl::Span<const Check> Ptrace();             // native by request or notify, otherwise EIO

// ipc_checks.cc
absl::Span<const Check> Shmctl();  // native by command, otherwise EINVAL
absl::Span<const Check> Semctl();  // the same
absl::Span<const Check> Msgctl();  // the same
absl::Span<const Check> Semget();  // native for small sets, otherwise EINVAL
absl::Span<const Check> Semop();   // native for few operations, otherwise E2BIG
absl::Span<const Check> Msgrcv();  // refuses copying, otherwise native
absl::Span<const Check> Msgsnd();  // refuses long messages, otherwise native
absl::Span<const Check> MqSend();  // refuses long messages, otherwise native
absl::Span<const Check> MqOpen();  // native with plain flags, otherwise EINVAL

// task_checks.cc
absl::Span<const Check> OneOrGroup();       // native for a process or group, otherwise EPERM
absl::Span<const Check> IoPriority();       // native for a task or group, otherwise EPERM
absl::Span<const Check> SchedulerPolicy();  // native by policy, otherwise EPERM
absl::Span<const Check> Prlimit();          // refuses to set those of others, otherwise native
absl::Span<const Check> Readahead();        // native for little, otherwise EINVAL
absl::Span<const Check> Mlockall();         // native by flags, otherwise EINVAL
absl::Span<const Check> Fadvise();          // skips some advice, otherwise native
absl::Span<const Check> ClockId();          // refuses clocks of devices, otherwise native
absl::Span<const Check> SleepClock();       // the same, and clocks that wake the machine
absl::Span<const Check> Getrandom();        // native with known flags, otherwise EINVAL
absl::Span<const Check> PidfdSendSignal();  // native without flags, otherwise EINVAL
absl::Span<const Check> PidfdOpen();        // native for processes, otherwise EINVAL
absl::Span<const Check> CloseRange();       // native in the own table, otherwise EINVAL

// message_checks.cc
absl::Span<const Check> FlagsOfRecvFrom();  // refuses some, otherwise native
absl::Span<const Check> FlagsOfMessage();   // the same: recvmsg
absl::Span<const Check> FlagsOfMessages();  // the same: recvmmsg
absl::Span<const Check> SendMessage();      // refuses some, native for others, otherwise notify
absl::Span<const Check> SendMessages();     // refuses some, otherwise notify

}  // namespace moat::sentry::checks

#endif  // MOAT_SENTRY_SYSCALLS_ARGUMENT_CHECKS_H_
