// Calls of which the filter lets only the uses through that programs have: by command, by flag, by
// clock. What is left out are the kernel's rarely walked paths.
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <time.h>

#include <cerrno>

#include "sentry/syscalls/argument_checks.h"
#include "sentry/syscalls/check_parts.h"

namespace moat::sentry::checks {
namespace {

// Missing on purpose: F_SETLEASE (holds up whoever opens the file next, the gofer's threads too)
// and write hints.
constexpr AllowList kFcntlCommands(1, {F_DUPFD,
                                       F_GETFD,
                                       F_SETFD,
                                       F_GETFL,
                                       F_SETFL,
                                       F_GETLK,
                                       F_SETLK,
                                       F_SETLKW,
                                       F_SETOWN,
                                       F_GETOWN,
                                       F_SETSIG,
                                       F_GETSIG,
                                       15 /* F_SETOWN_EX */,
                                       16 /* F_GETOWN_EX */,
                                       36 /* F_OFD_GETLK */,
                                       37 /* F_OFD_SETLK */,
                                       38 /* F_OFD_SETLKW */,
                                       F_GETLEASE,
                                       F_NOTIFY,
                                       1027 /* F_DUPFD_QUERY */,
                                       F_DUPFD_CLOEXEC,
                                       F_SETPIPE_SZ,
                                       F_GETPIPE_SZ,
                                       1033 /* F_ADD_SEALS */,
                                       1034 /* F_GET_SEALS */});
constexpr auto kFcntl = NativeWhenListed(kFcntlCommands);

// MADV_NORMAL to DONTNEED; FREE, REMOVE, DONTFORK, DOFORK; HUGEPAGE to COLD; POPULATE_READ to
// DONTNEED_LOCKED. Missing on purpose: MERGEABLE (tells what others have in memory), PAGEOUT,
// COLLAPSE, HWPOISON.
constexpr Condition kCommonAdvice[] = {IntBelow(2, MADV_DONTNEED + 1)};
constexpr Condition kForkAdvice[] = {IntAtLeast(2, MADV_FREE), IntBelow(2, MADV_DOFORK + 1)};
constexpr Condition kPageAdvice[] = {IntAtLeast(2, MADV_HUGEPAGE), IntBelow(2, 20 + 1)};
constexpr Condition kPopulateAdvice[] = {IntAtLeast(2, 22), IntBelow(2, 24 + 1)};
constexpr Check kMadvise[] = {{kCommonAdvice, kNative},
                              {kForkAdvice, kNative},
                              {kPageAdvice, kNative},
                              {kPopulateAdvice, kNative}};

constexpr Condition kPlainMremap[] = {OnlyFlags(3, MREMAP_MAYMOVE | MREMAP_FIXED)};
constexpr Check kMremap[] = {{kPlainMremap, kNative}};

constexpr uint32_t kMfdNoExecSeal = 8, kMfdExec = 16;
constexpr Condition kPlainMemfd[] = {
    OnlyFlags(1, MFD_CLOEXEC | MFD_ALLOW_SEALING | kMfdNoExecSeal | kMfdExec)};
constexpr Check kMemfdCreate[] = {{kPlainMemfd, kNative}};

constexpr AllowList kMembarrierCommands(0, {MEMBARRIER_CMD_QUERY, MEMBARRIER_CMD_PRIVATE_EXPEDITED,
                                            MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
                                            MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
                                            MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
                                            MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
                                            MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
                                            512 /* MEMBARRIER_CMD_GET_REGISTRATIONS */});
constexpr auto kMembarrier = NativeWhenListed(kMembarrierCommands);

constexpr AllowList kFallocateModes(1, {0, FALLOC_FL_KEEP_SIZE,
                                        FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                        FALLOC_FL_ZERO_RANGE,
                                        FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE});
constexpr auto kFallocate = NativeWhenListed(kFallocateModes);

constexpr Condition kNoHugeSegment[] = {BitsClear(2, SHM_HUGETLB)};
constexpr Check kShmget[] = {{kNoHugeSegment, kNative}};
constexpr Condition kPlainAttach[] = {OnlyFlags(2, SHM_RDONLY | SHM_RND)};
constexpr Check kShmat[] = {{kPlainAttach, kNative}};

constexpr AllowList kTimerClocks(0, {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
                                     CLOCK_THREAD_CPUTIME_ID, CLOCK_BOOTTIME, CLOCK_TAI});
constexpr auto kTimerCreate = NativeWhenListed(kTimerClocks);
constexpr AllowList kTimerfdClocks(0, {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME});
constexpr auto kTimerfdCreate = NativeWhenListed(kTimerfdClocks);

// Of one task there can be one listener: the sentry's.
constexpr Condition kOwnListener[] = {
    IntIs(0, SECCOMP_SET_MODE_FILTER),
    {1, SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_FILTER_FLAG_NEW_LISTENER}};
constexpr Condition kOwnFilter[] = {
    IntIs(0, SECCOMP_SET_MODE_FILTER),
    OnlyFlags(1, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
                     SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC_ESRCH)};
constexpr Condition kStrictMode[] = {IntIs(0, SECCOMP_SET_MODE_STRICT)};
constexpr Condition kWhatActions[] = {IntIs(0, SECCOMP_GET_ACTION_AVAIL)};
constexpr Condition kWhatSizes[] = {IntIs(0, SECCOMP_GET_NOTIF_SIZES)};
constexpr Check kSeccomp[] = {{kOwnListener, Refuse(EBUSY)},
                              {kOwnFilter, kNotify},
                              {kStrictMode, kNotify},
                              {kWhatActions, kNative},
                              {kWhatSizes, kNative}};

constexpr uint32_t kNotificationPipe = O_EXCL;
constexpr Condition kPlainPipe[] = {BitsClear(1, kNotificationPipe)};
constexpr Check kPipe2[] = {{kPlainPipe, kNative}};

}  // namespace

absl::Span<const Check> Fcntl() { return kFcntl; }
absl::Span<const Check> Madvise() { return kMadvise; }
absl::Span<const Check> Mremap() { return kMremap; }
absl::Span<const Check> MemfdCreate() { return kMemfdCreate; }
absl::Span<const Check> Membarrier() { return kMembarrier; }
absl::Span<const Check> Fallocate() { return kFallocate; }
absl::Span<const Check> Shmget() { return kShmget; }
absl::Span<const Check> Shmat() { return kShmat; }
absl::Span<const Check> TimerCreate() { return kTimerCreate; }
absl::Span<const Check> TimerfdCreate() { return kTimerfdCreate; }
absl::Span<const Check> Seccomp() { return kSeccomp; }
absl::Span<const Check> Pipe2() { return kPipe2; }

}  // namespace moat::sentry::checks
