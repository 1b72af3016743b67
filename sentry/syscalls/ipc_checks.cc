// System V and POSIX IPC: the uses that programs have. Sizes are bounded so that one call neither
// asks the kernel for much memory nor holds a lock for long.
#include <fcntl.h>
#include <mqueue.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include <cerrno>

#include "sentry/syscalls/argument_checks.h"
#include "sentry/syscalls/check_parts.h"

namespace moat::sentry::checks {
namespace {

// Commands may carry IPC_64, which x86-64 ignores: glibc does not set it there.
// Missing on purpose: SHM_LOCK, SHM_UNLOCK, and the *_STAT_ANY commands, which ask no permission.
constexpr AllowList kShmCommands(1, {IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO, SHM_INFO, SHM_STAT});
constexpr auto kShmctl = NativeWhenListed(kShmCommands);
constexpr AllowList kSemCommands(2, {IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO, GETPID, GETVAL, GETALL,
                                     GETNCNT, GETZCNT, SETVAL, SETALL, SEM_INFO, SEM_STAT});
constexpr auto kSemctl = NativeWhenListed(kSemCommands);
constexpr AllowList kMsgCommands(1, {IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO, MSG_INFO, MSG_STAT});
constexpr auto kMsgctl = NativeWhenListed(kMsgCommands);

constexpr uint32_t kMaxSemaphores = 512;
constexpr Condition kSmallSet[] = {IntBelow(1, kMaxSemaphores + 1)};
constexpr Check kSemget[] = {{kSmallSet, kNative}};
constexpr uint32_t kMaxOperations = 64;
constexpr Condition kFewOperations[] = {IntBelow(2, kMaxOperations + 1)};
constexpr Check kSemop[] = {{kFewOperations, kNative}};

constexpr uint32_t kMsgCopy = 040000;  // MSG_COPY
constexpr Condition kCopies[] = {{4, kMsgCopy, kMsgCopy}};
constexpr Check kMsgrcv[] = {{kCopies, Refuse(ENOSYS)}};
constexpr uint64_t kMaxMessage = 64 * 1024;
constexpr Condition kLongMessage[] = {
    {2, ~uint64_t{0}, kMaxMessage + 1, policies::Compare::kGreaterEqual}};
constexpr Check kMsgsnd[] = {{kLongMessage, Refuse(EINVAL)}};
constexpr Check kMqSend[] = {{kLongMessage, Refuse(EMSGSIZE)}};

constexpr Condition kPlainQueue[] = {
    OnlyFlags(1, O_ACCMODE | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC)};
constexpr Check kMqOpen[] = {{kPlainQueue, kNative}};

}  // namespace

absl::Span<const Check> Shmctl() { return kShmctl; }
absl::Span<const Check> Semctl() { return kSemctl; }
absl::Span<const Check> Msgctl() { return kMsgctl; }
absl::Span<const Check> Semget() { return kSemget; }
absl::Span<const Check> Semop() { return kSemop; }
absl::Span<const Check> Msgrcv() { return kMsgrcv; }
absl::Span<const Check> Msgsnd() { return kMsgsnd; }
absl::Span<const Check> MqSend() { return kMqSend; }
absl::Span<const Check> MqOpen() { return kMqOpen; }

}  // namespace moat::sentry::checks
