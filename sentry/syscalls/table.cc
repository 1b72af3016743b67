#include "sentry/syscalls/table.h"

#include <algorithm>
#include <cerrno>

#include "platform/loader/plan.h"
#include "sentry/exec/exec.h"
#include "sentry/exec/tracing.h"
#include "sentry/syscalls/argument_checks.h"
#include "sentry/syscalls/handlers.h"
#include "sentry/task/sys_credentials.h"

namespace moat::sentry {
namespace {

using K = ArgKind;
using Args = std::array<ArgKind, 6>;

// Runs natively.
constexpr Entry Native(int nr, absl::string_view name, Group group, absl::string_view note) {
  return {nr, name, group, {}, {Verdict::Kind::kNative}, nullptr, {}, note, {}};
}
// Never runs.
constexpr Entry Refuse(int nr, absl::string_view name, Group group, int error,
                       absl::string_view note) {
  return {nr, name, group, {}, {Verdict::Kind::kErrno, error}, nullptr, {}, note, {}};
}
// The sentry answers.
constexpr Entry Notify(int nr, absl::string_view name, Group group, Handler handler, Args args,
                       absl::string_view note, absl::string_view continue_reason = {}) {
  return {nr, name, group, {}, {Verdict::Kind::kNotify}, handler, args, note, continue_reason};
}
// Some uses run, by the checks; the others fail with `error`.
constexpr Entry Only(int nr, absl::string_view name, Group group, absl::Span<const Check> checks,
                     int error, absl::string_view note) {
  return {nr, name, group, checks, {Verdict::Kind::kErrno, error}, nullptr, {}, note, {}};
}

// Runs natively but for the uses that the checks refuse.
constexpr Entry NativeBut(int nr, absl::string_view name, Group group,
                          absl::Span<const Check> checks, absl::string_view note) {
  return {nr, name, group, checks, {Verdict::Kind::kNative}, nullptr, {}, note, {}};
}

// What stands between native calls and the host, where one sentence serves many lines.
constexpr absl::string_view kByFd =
    "acts on a descriptor; those come from the gofer, the sentry, or are anonymous objects";
constexpr absl::string_view kNewFd = "a new descriptor of an anonymous kernel object";
constexpr absl::string_view kWait = "waits on the caller's own descriptors";
constexpr absl::string_view kMemory =
    "the caller's own address space; memory is charged to its cgroup";
constexpr absl::string_view kOwnTask = "tells or changes only the caller itself";
constexpr absl::string_view kPidNs =
    "reaches only tasks of the container's pid namespace, with the kernel's checks";
constexpr absl::string_view kSignal =
    "signals of the caller, or of tasks of the container's pid namespace";
constexpr absl::string_view kCredsChange =
    "the kernel keeps credentials; the sentry forgets what it knew of the caller and lets the call "
    "go on";
constexpr absl::string_view kFilterContinue =
    "a filter can only take calls away, whatever the memory behind the pointer says by then";
constexpr absl::string_view kCredsContinue =
    "the kernel judges it by the caller's own credentials in the container's user namespace, "
    "whatever the arguments are by then, and the sentry reads the result";
constexpr absl::string_view kClock = "reads a clock or sleeps";
constexpr absl::string_view kTimer =
    "timers of the caller's own process, limited by RLIMIT_SIGPENDING";
constexpr absl::string_view kSched =
    "tasks of the container's pid namespace; more than the own share needs a capability over the "
    "host";
constexpr absl::string_view kNoNuma =
    "placement of memory is the cgroup's matter; as a kernel without CONFIG_NUMA";
constexpr absl::string_view kIpcNs = "the container's own IPC namespace";
constexpr absl::string_view kSocket =
    "acts on a socket that socket() let through; the network is the container's namespace";
constexpr absl::string_view kNoAio =
    "as a kernel without CONFIG_AIO; databases and servers then write from threads";
constexpr absl::string_view kYoung = "young; programs fall back to what it is to replace";
constexpr absl::string_view kYoungRead = "libc falls back to preadv and pwritev";
constexpr absl::string_view kPath =
    "the gofer makes the call under the caller's credentials; /proc and /sys answer from the "
    "sentry's tree";
constexpr absl::string_view kByHostRoot =
    "needs a capability over the host, which nothing in the container has";
constexpr absl::string_view kMountNs =
    "the container's mounts are made before it starts and stay as they are";
constexpr absl::string_view kReach =
    "between tasks of the container, with the kernel's checks, once the container's program runs";
constexpr absl::string_view kReachContinue =
    "the kernel judges it by the caller's own credentials, and it reaches only tasks of the "
    "container's pid namespace; no path is among its arguments";
constexpr absl::string_view kRemoved = "no longer, or never, part of Linux";

// One line a call, by number; longer than the column limit so that it stays one.
// clang-format off
const Entry kTable[] = {
    Native(0, "read", Group::kInputOutput, kByFd),
    Native(1, "write", Group::kInputOutput, kByFd),
    Notify(2, "open", Group::kPaths, SysOpen, {K::kPath, K::kOpenFlags, K::kMode}, kPath),
    Native(3, "close", Group::kInputOutput, kByFd),
    Notify(4, "stat", Group::kPaths, SysStat, {K::kPath, K::kPointer}, kPath),
    Native(5, "fstat", Group::kFiles, kByFd),
    Notify(6, "lstat", Group::kPaths, SysLstat, {K::kPath, K::kPointer}, kPath),
    Native(7, "poll", Group::kInputOutput, kWait),
    {8, "lseek", Group::kFiles, checks::Seek(), {Verdict::Kind::kNative}, SysLseek, {K::kFd, K::kOffset, K::kInt}, "a rewind of a file of /proc or /sys puts a fresh snapshot under the number; all else is native", "lseek takes no pointers and acts on the caller's own descriptor"},
    Native(9, "mmap", Group::kMemory, kMemory),
    Native(10, "mprotect", Group::kMemory, kMemory),
    Native(11, "munmap", Group::kMemory, kMemory),
    Native(12, "brk", Group::kMemory, kMemory),
    Native(13, "rt_sigaction", Group::kProcesses, kOwnTask),
    Native(14, "rt_sigprocmask", Group::kProcesses, kOwnTask),
    Native(15, "rt_sigreturn", Group::kProcesses, kOwnTask),
    Only(16, "ioctl", Group::kFiles, checks::Ioctl(), ENOTTY, "requests by allow list: terminals, FIO*, reading interfaces, reflinks, file flags; TIOCSTI, TIOCLINUX and device requests are not among them; freezing a file system is EPERM"),
    Native(17, "pread64", Group::kInputOutput, kByFd),
    Native(18, "pwrite64", Group::kInputOutput, kByFd),
    Native(19, "readv", Group::kInputOutput, kByFd),
    Native(20, "writev", Group::kInputOutput, kByFd),
    Notify(21, "access", Group::kPaths, SysAccess, {K::kPath, K::kMode}, kPath),
    Native(22, "pipe", Group::kInputOutput, kNewFd),
    Native(23, "select", Group::kInputOutput, kWait),
    Native(24, "sched_yield", Group::kProcesses, kOwnTask),
    Only(25, "mremap", Group::kMemory, checks::Mremap(), EINVAL, "no MREMAP_DONTUNMAP, which serves userfaultfd"),
    Native(26, "msync", Group::kMemory, kMemory),
    Refuse(27, "mincore", Group::kMemory, ENOSYS, "tells what others keep in the page cache"),
    Only(28, "madvise", Group::kMemory, checks::Madvise(), EINVAL, "advice by allow list; merging of equal pages, paging out, poisoning and collapsing are not among it"),
    Only(29, "shmget", Group::kIpc, checks::Shmget(), EINVAL, "the container's own IPC namespace; no huge pages"),
    Only(30, "shmat", Group::kIpc, checks::Shmat(), EINVAL, "the container's own IPC namespace; neither remapping nor executable"),
    Only(31, "shmctl", Group::kIpc, checks::Shmctl(), EINVAL, "the container's own IPC namespace; no locking into memory, no SHM_STAT_ANY"),
    Native(32, "dup", Group::kInputOutput, kByFd),
    Native(33, "dup2", Group::kInputOutput, kByFd),
    Native(34, "pause", Group::kProcesses, kOwnTask),
    Native(35, "nanosleep", Group::kTime, kClock),
    Native(36, "getitimer", Group::kTime, kTimer),
    Native(37, "alarm", Group::kTime, kTimer),
    Native(38, "setitimer", Group::kTime, kTimer),
    Native(39, "getpid", Group::kProcesses, kOwnTask),
    Native(40, "sendfile", Group::kInputOutput, kByFd),
    Only(41, "socket", Group::kSockets, checks::Socket(), EAFNOSUPPORT, "AF_UNIX, TCP, UDP and ping over AF_INET and AF_INET6, NETLINK_ROUTE; raw and packet sockets and every other family are refused"),
    Notify(42, "connect", Group::kSockets, SysConnect, {K::kFd, K::kSockaddr, K::kInt}, "a path is connected by the caller itself, in a session, by a name that leads there from its working directory, so that the peer sees it in SO_PEERCRED; by the gofer on a duplicate of the socket for datagram sockets and where no such name fits (then the peer sees pid 0); other addresses are continued", "a path swapped in is walked from the empty root, or from a directory of the container's own tree under the caller's own credentials; where packets may go is the network namespace's matter, not the copy's"),
    Native(43, "accept", Group::kSockets, kSocket),
    {44, "sendto", Group::kSockets, checks::SendTo(), {Verdict::Kind::kNotify}, SysSendTo, {K::kFd, K::kPointer, K::kSize, K::kHex, K::kSockaddr, K::kInt}, "native without an address; a datagram to a path is sent by the caller itself as connect does it, to other addresses continued", "a path swapped in is walked from the empty root, or from a directory of the container's own tree under the caller's own credentials"},
    NativeBut(45, "recvfrom", Group::kSockets, checks::FlagsOfRecvFrom(), "acts on a socket that socket() let through; no urgent data (MSG_OOB): of unix sockets it was a way out of other sandboxes"),
    {46, "sendmsg", Group::kSockets, checks::SendMessage(), {Verdict::Kind::kNotify}, SysSendmsg, {K::kFd, K::kPointer, K::kHex}, "acts on a socket that socket() let through; no urgent data, no MSG_ZEROCOPY; a datagram to a path is sent by the caller itself as connect does it; native with no flag or MSG_DONTWAIT alone, where a path in msg_name is walked from the empty root: ENOENT if it is absolute (a difference from Linux)", "a path swapped in is walked from the empty root, or from a directory of the container's own tree under the caller's own credentials; flags and descriptor are registers"},
    NativeBut(47, "recvmsg", Group::kSockets, checks::FlagsOfMessage(), "as recvfrom"),
    Native(48, "shutdown", Group::kSockets, kSocket),
    Notify(49, "bind", Group::kSockets, SysBind, {K::kFd, K::kSockaddr, K::kInt}, "a path is bound by the gofer on a duplicate of the socket; other addresses are continued", "a path swapped in is created in the empty, read-only root, or in a directory of the container's own tree under the caller's own credentials"),
    Native(50, "listen", Group::kSockets, kSocket),
    Native(51, "getsockname", Group::kSockets, "the address that bind gave, as the caller spelled it"),
    Native(52, "getpeername", Group::kSockets, kSocket),
    Only(53, "socketpair", Group::kSockets, checks::SocketPair(), EAFNOSUPPORT, "AF_UNIX only"),
    Only(54, "setsockopt", Group::kSockets, checks::SetSocketOption(), ENOPROTOOPT, "options by allow list; netfilter tables, IPsec policies, TCP_ULP, BPF programs, zero copy and socket repair are not among them"),
    NativeBut(55, "getsockopt", Group::kSockets, checks::GetSocketOption(), "reads; not the tables of netfilter, and no TCP_ZEROCOPY_RECEIVE"),
    {56, "clone", Group::kProcesses, checks::Clone(), {Verdict::Kind::kErrno, EPERM}, SysCloneSharingFiles, {K::kHex, K::kPointer}, "new tasks, but no new namespaces; processes that will share a umask are noted first", "the flags are a register, not a pointer, and name no new namespace"},
    Native(57, "fork", Group::kProcesses, "the child stays under the same filter, namespaces and cgroup"),
    Native(58, "vfork", Group::kProcesses, "the child stays under the same filter, namespaces and cgroup"),
    Notify(59, "execve", Group::kProcesses, SysExecve, {K::kPath, K::kPointer, K::kPointer}, "the gofer opens the program, the caller executes the descriptor in its own context, the stub loads the interpreter"),
    Native(60, "exit", Group::kProcesses, kOwnTask),
    Native(61, "wait4", Group::kProcesses, "the caller's own children"),
    Native(62, "kill", Group::kProcesses, kSignal),
    Native(63, "uname", Group::kKernel, "the container's own UTS namespace; release and version are the host's"),
    Only(64, "semget", Group::kIpc, checks::Semget(), EINVAL, "the container's own IPC namespace; at most 512 semaphores in a set"),
    Only(65, "semop", Group::kIpc, checks::Semop(), E2BIG, "the container's own IPC namespace; at most 64 operations at once"),
    Only(66, "semctl", Group::kIpc, checks::Semctl(), EINVAL, "the container's own IPC namespace; no SEM_STAT_ANY"),
    Native(67, "shmdt", Group::kIpc, kIpcNs),
    Native(68, "msgget", Group::kIpc, kIpcNs),
    NativeBut(69, "msgsnd", Group::kIpc, checks::Msgsnd(), "the container's own IPC namespace; messages of at most 64 KiB"),
    NativeBut(70, "msgrcv", Group::kIpc, checks::Msgrcv(), "the container's own IPC namespace; no MSG_COPY, as a kernel without CONFIG_CHECKPOINT_RESTORE"),
    Only(71, "msgctl", Group::kIpc, checks::Msgctl(), EINVAL, "the container's own IPC namespace; no MSG_STAT_ANY"),
    Only(72, "fcntl", Group::kFiles, checks::Fcntl(), EINVAL, "commands by allow list: duplicates, flags, locks, owners of signals, notification, pipe sizes, seals; leases and write hints are not among them"),
    Native(73, "flock", Group::kFiles, kByFd),
    Native(74, "fsync", Group::kFiles, kByFd),
    Native(75, "fdatasync", Group::kFiles, kByFd),
    Notify(76, "truncate", Group::kPaths, SysTruncate, {K::kPath, K::kOffset}, "as other paths; the sentry looks at the caller's RLIMIT_FSIZE"),
    Native(77, "ftruncate", Group::kFiles, kByFd),
    Refuse(78, "getdents", Group::kFiles, ENOSYS, "libc uses getdents64"),
    Notify(79, "getcwd", Group::kPaths, SysGetcwd, {K::kPointer, K::kSize}, "the kernel would say (unreachable): the sentry reads the link and knows the directories of /proc and /sys"),
    Notify(80, "chdir", Group::kPaths, SysChdir, {K::kPath}, "the gofer opens the directory, the caller does fchdir in its own context"),
    Notify(81, "fchdir", Group::kFiles, SysFchdir, {K::kFd}, "to a directory that the caller holds; the sentry notes that it changes and looks it up when it is needed", "it takes no pointers, and every directory that the caller can hold may be its working directory"),
    Notify(82, "rename", Group::kPaths, SysRename, {K::kPath, K::kPath}, kPath),
    Notify(83, "mkdir", Group::kPaths, SysMkdir, {K::kPath, K::kMode}, kPath),
    Notify(84, "rmdir", Group::kPaths, SysRmdir, {K::kPath}, kPath),
    Notify(85, "creat", Group::kPaths, SysCreat, {K::kPath, K::kMode}, kPath),
    Notify(86, "link", Group::kPaths, SysLink, {K::kPath, K::kPath}, kPath),
    Notify(87, "unlink", Group::kPaths, SysUnlink, {K::kPath}, kPath),
    Notify(88, "symlink", Group::kPaths, SysSymlink, {K::kString, K::kPath}, kPath),
    Notify(89, "readlink", Group::kPaths, SysReadlink, {K::kPath, K::kPointer, K::kSize}, kPath),
    Notify(90, "chmod", Group::kPaths, SysChmod, {K::kPath, K::kMode}, kPath),
    Native(91, "fchmod", Group::kFiles, kByFd),
    Notify(92, "chown", Group::kPaths, SysChown, {K::kPath, K::kInt, K::kInt}, kPath),
    Native(93, "fchown", Group::kFiles, kByFd),
    Notify(94, "lchown", Group::kPaths, SysLchown, {K::kPath, K::kInt, K::kInt}, kPath),
    Notify(95, "umask", Group::kCredentials, SysUmask, {K::kMode}, "the kernel keeps it; the sentry notes that it changes and reads it when it is needed", "it takes no pointers and changes only the caller itself"),
    Notify(96, "gettimeofday", Group::kTime, SysGettimeofday, {K::kPointer, K::kPointer}, "the sentry's clock is the caller's; libc asks the vdso"),
    Notify(97, "getrlimit", Group::kProcesses, SysGetrlimit, {K::kInt, K::kPointer}, "the sentry reads the caller's limit; libc uses prlimit64"),
    Native(98, "getrusage", Group::kProcesses, kOwnTask),
    Notify(99, "sysinfo", Group::kKernel, SysSysinfo, {K::kPointer}, "the sentry answers: the container's memory, load and uptime, as /proc has them"),
    Notify(100, "times", Group::kTime, SysTimes, {K::kPointer}, "the sentry reads the caller's times from its /proc"),
    {101, "ptrace", Group::kProcesses, checks::Ptrace(), {Verdict::Kind::kErrno, EIO}, SysPtrace, {K::kHex, K::kInt, K::kHex, K::kHex}, "between tasks of the container, with the kernel's checks; requests by allow list. The sentry hears of those that begin a trace; it reaches a traced task through its tracer. Reading and suspending seccomp filters is not among the requests", "the kernel judges it by the caller's own credentials, and it reaches only tasks of the container's pid namespace"},
    Native(102, "getuid", Group::kCredentials, kOwnTask),
    Refuse(103, "syslog", Group::kKernel, EPERM, "the host's kernel log"),
    Native(104, "getgid", Group::kCredentials, kOwnTask),
    Notify(105, "setuid", Group::kCredentials, SysChangeCredentials, {K::kInt}, kCredsChange, kCredsContinue),
    Notify(106, "setgid", Group::kCredentials, SysChangeCredentials, {K::kInt}, kCredsChange, kCredsContinue),
    Native(107, "geteuid", Group::kCredentials, kOwnTask),
    Native(108, "getegid", Group::kCredentials, kOwnTask),
    Native(109, "setpgid", Group::kProcesses, kPidNs),
    Native(110, "getppid", Group::kProcesses, kOwnTask),
    Native(111, "getpgrp", Group::kProcesses, kOwnTask),
    Native(112, "setsid", Group::kProcesses, kOwnTask),
    Notify(113, "setreuid", Group::kCredentials, SysChangeCredentials, {K::kInt, K::kInt}, kCredsChange, kCredsContinue),
    Notify(114, "setregid", Group::kCredentials, SysChangeCredentials, {K::kInt, K::kInt}, kCredsChange, kCredsContinue),
    Native(115, "getgroups", Group::kCredentials, kOwnTask),
    Notify(116, "setgroups", Group::kCredentials, SysChangeCredentials, {K::kSize, K::kPointer}, kCredsChange, kCredsContinue),
    Notify(117, "setresuid", Group::kCredentials, SysChangeCredentials, {K::kInt, K::kInt, K::kInt}, kCredsChange, kCredsContinue),
    Notify(118, "getresuid", Group::kCredentials, SysGetresuid, {K::kPointer, K::kPointer, K::kPointer}, "the sentry knows the caller's ids"),
    Notify(119, "setresgid", Group::kCredentials, SysChangeCredentials, {K::kInt, K::kInt, K::kInt}, kCredsChange, kCredsContinue),
    Notify(120, "getresgid", Group::kCredentials, SysGetresgid, {K::kPointer, K::kPointer, K::kPointer}, "the sentry knows the caller's ids"),
    Native(121, "getpgid", Group::kProcesses, kPidNs),
    Notify(122, "setfsuid", Group::kCredentials, SysChangeCredentials, {K::kInt}, kCredsChange, kCredsContinue),
    Notify(123, "setfsgid", Group::kCredentials, SysChangeCredentials, {K::kInt}, kCredsChange, kCredsContinue),
    Native(124, "getsid", Group::kProcesses, kPidNs),
    Native(125, "capget", Group::kCredentials, kPidNs),
    Notify(126, "capset", Group::kCredentials, SysChangeCredentials, {K::kPointer, K::kPointer}, kCredsChange, kCredsContinue),
    Native(127, "rt_sigpending", Group::kProcesses, kSignal),
    Native(128, "rt_sigtimedwait", Group::kProcesses, kSignal),
    Native(129, "rt_sigqueueinfo", Group::kProcesses, kSignal),
    Native(130, "rt_sigsuspend", Group::kProcesses, kSignal),
    Native(131, "sigaltstack", Group::kProcesses, kOwnTask),
    Notify(132, "utime", Group::kPaths, SysUtime, {K::kPath, K::kPointer}, kPath),
    Notify(133, "mknod", Group::kPaths, SysMknod, {K::kPath, K::kMode, K::kHex}, "as other paths; device nodes are refused by the kernel, as in every user namespace"),
    Refuse(134, "uselib", Group::kObsolete, ENOSYS, kRemoved),
    Only(135, "personality", Group::kProcesses, checks::Personality(), EPERM, "the query, Linux, 32-bit and 2.6 names, no address randomisation; nothing that maps memory executable behind the caller"),
    Refuse(136, "ustat", Group::kKernel, ENOSYS, "asks for host file systems by device number; statfs replaced it"),
    Notify(137, "statfs", Group::kPaths, SysStatfs, {K::kPath, K::kPointer}, kPath),
    Notify(138, "fstatfs", Group::kFiles, SysFstatfs, {K::kFd, K::kPointer}, "files of /proc and /sys answer with their own magic; all others are continued", "the only pointer is where the kernel writes the answer to; the descriptor is the caller's own"),
    Refuse(139, "sysfs", Group::kKernel, ENOSYS, "lists the host's file system types; /proc/filesystems tells the container's"),
    Only(140, "getpriority", Group::kProcesses, checks::OneOrGroup(), EPERM, "a task or a process group of the container; not all processes of a user, for which the kernel looks through those of the host"),
    Only(141, "setpriority", Group::kProcesses, checks::OneOrGroup(), EPERM, "as getpriority; more than the own share needs a capability over the host"),
    Refuse(142, "sched_setparam", Group::kProcesses, EPERM, "changes nothing but real-time priorities, which are the host's"),
    Native(143, "sched_getparam", Group::kProcesses, kSched),
    Only(144, "sched_setscheduler", Group::kProcesses, checks::SchedulerPolicy(), EPERM, "the policies of ordinary programs; real-time ones are the host's"),
    Native(145, "sched_getscheduler", Group::kProcesses, kSched),
    Notify(146, "sched_get_priority_max", Group::kProcesses, SysSchedGetPriorityMax, {K::kInt}, "a constant"),
    Notify(147, "sched_get_priority_min", Group::kProcesses, SysSchedGetPriorityMin, {K::kInt}, "a constant"),
    Refuse(148, "sched_rr_get_interval", Group::kProcesses, ENOSYS, "the time slice of real-time tasks, of which there are none"),
    Native(149, "mlock", Group::kMemory, "limited by RLIMIT_MEMLOCK and the cgroup"),
    Native(150, "munlock", Group::kMemory, kMemory),
    Only(151, "mlockall", Group::kMemory, checks::Mlockall(), EINVAL, "limited by RLIMIT_MEMLOCK and the cgroup; no MCL_ONFAULT"),
    Native(152, "munlockall", Group::kMemory, kMemory),
    Refuse(153, "vhangup", Group::kKernel, EPERM, kByHostRoot),
    Refuse(154, "modify_ldt", Group::kMemory, ENOSYS, "segments serve 16- and 32-bit code, which cannot make calls here; as a kernel without CONFIG_MODIFY_LDT_SYSCALL"),
    Refuse(155, "pivot_root", Group::kMounts, EPERM, kMountNs),
    Refuse(156, "_sysctl", Group::kObsolete, ENOSYS, kRemoved),
    {157, "prctl", Group::kProcesses, checks::Prctl(), {Verdict::Kind::kErrno, EINVAL}, SysAddFilter, {K::kInt, K::kHex, K::kHex, K::kHex, K::kHex}, "options by allow list, each about the caller itself; the sentry hears of a new filter", kFilterContinue},
    Only(158, "arch_prctl", Group::kProcesses, checks::ArchPrctl(), EINVAL, "segment bases, CPUID faulting, AMX permission, shadow stacks of the caller"),
    Refuse(159, "adjtimex", Group::kTime, EPERM, "the host's clock"),
    Native(160, "setrlimit", Group::kProcesses, "raising a hard limit needs a capability over the host"),
    Notify(161, "chroot", Group::kPaths, SysChroot, {K::kPath}, "the caller's root becomes another empty directory, which stands for the one that it named; each path is walked from there"),
    Notify(162, "sync", Group::kFiles, SysSync, {}, "writes back the file system of the container's root, not those of the host"),
    Refuse(163, "acct", Group::kKernel, EPERM, kByHostRoot),
    Refuse(164, "settimeofday", Group::kTime, EPERM, "the host's clock"),
    Refuse(165, "mount", Group::kMounts, EPERM, kMountNs),
    Refuse(166, "umount2", Group::kMounts, EPERM, kMountNs),
    Refuse(167, "swapon", Group::kKernel, EPERM, kByHostRoot),
    Refuse(168, "swapoff", Group::kKernel, EPERM, kByHostRoot),
    Refuse(169, "reboot", Group::kKernel, EPERM, kByHostRoot),
    Refuse(170, "sethostname", Group::kKernel, EPERM, "the name is the configuration's; /proc and uname must agree"),
    Refuse(171, "setdomainname", Group::kKernel, EPERM, "the name is the configuration's; /proc and uname must agree"),
    Refuse(172, "iopl", Group::kKernel, EPERM, kByHostRoot),
    Refuse(173, "ioperm", Group::kKernel, EPERM, kByHostRoot),
    Refuse(174, "create_module", Group::kObsolete, ENOSYS, kRemoved),
    Refuse(175, "init_module", Group::kKernel, EPERM, kByHostRoot),
    Refuse(176, "delete_module", Group::kKernel, EPERM, kByHostRoot),
    Refuse(177, "get_kernel_syms", Group::kObsolete, ENOSYS, kRemoved),
    Refuse(178, "query_module", Group::kObsolete, ENOSYS, kRemoved),
    Refuse(179, "quotactl", Group::kMounts, EPERM, kByHostRoot),
    Refuse(180, "nfsservctl", Group::kObsolete, ENOSYS, kRemoved),
    Refuse(181, "getpmsg", Group::kObsolete, ENOSYS, kRemoved),
    Refuse(182, "putpmsg", Group::kObsolete, ENOSYS, kRemoved),
    Refuse(183, "afs_syscall", Group::kObsolete, ENOSYS, kRemoved),
    Refuse(184, "tuxcall", Group::kObsolete, ENOSYS, kRemoved),
    Refuse(185, "security", Group::kObsolete, ENOSYS, kRemoved),
    Native(186, "gettid", Group::kProcesses, kOwnTask),
    Only(187, "readahead", Group::kFiles, checks::Readahead(), EINVAL, "a hint for at most 64 MiB at once"),
    Notify(188, "setxattr", Group::kPaths, SysSetxattr, {K::kPath, K::kString, K::kPointer, K::kSize, K::kHex}, kPath),
    Notify(189, "lsetxattr", Group::kPaths, SysLsetxattr, {K::kPath, K::kString, K::kPointer, K::kSize, K::kHex}, kPath),
    Native(190, "fsetxattr", Group::kFiles, kByFd),
    Notify(191, "getxattr", Group::kPaths, SysGetxattr, {K::kPath, K::kString, K::kPointer, K::kSize}, kPath),
    Notify(192, "lgetxattr", Group::kPaths, SysLgetxattr, {K::kPath, K::kString, K::kPointer, K::kSize}, kPath),
    Native(193, "fgetxattr", Group::kFiles, kByFd),
    Notify(194, "listxattr", Group::kPaths, SysListxattr, {K::kPath, K::kPointer, K::kSize}, kPath),
    Notify(195, "llistxattr", Group::kPaths, SysLlistxattr, {K::kPath, K::kPointer, K::kSize}, kPath),
    Notify(196, "flistxattr", Group::kFiles, SysFlistxattr, {K::kFd, K::kPointer, K::kSize}, "as listxattr, for the file behind the descriptor"),
    Notify(197, "removexattr", Group::kPaths, SysRemovexattr, {K::kPath, K::kString}, kPath),
    Notify(198, "lremovexattr", Group::kPaths, SysLremovexattr, {K::kPath, K::kString}, kPath),
    Notify(199, "fremovexattr", Group::kFiles, SysFremovexattr, {K::kFd, K::kString}, "as removexattr, for the file behind the descriptor"),
    Native(200, "tkill", Group::kProcesses, kSignal),
    Notify(201, "time", Group::kTime, SysTime, {K::kPointer}, "the sentry's clock is the caller's; libc asks the vdso"),
    Native(202, "futex", Group::kMemory, kMemory),
    Native(203, "sched_setaffinity", Group::kProcesses, kSched),
    Native(204, "sched_getaffinity", Group::kProcesses, kSched),
    Refuse(205, "set_thread_area", Group::kObsolete, ENOSYS, "a call of 32-bit programs"),
    Refuse(206, "io_setup", Group::kInputOutput, ENOSYS, kNoAio),
    Refuse(207, "io_destroy", Group::kInputOutput, ENOSYS, kNoAio),
    Refuse(208, "io_getevents", Group::kInputOutput, ENOSYS, kNoAio),
    Refuse(209, "io_submit", Group::kInputOutput, ENOSYS, kNoAio),
    Refuse(210, "io_cancel", Group::kInputOutput, ENOSYS, kNoAio),
    Refuse(211, "get_thread_area", Group::kObsolete, ENOSYS, "a call of 32-bit programs"),
    Refuse(212, "lookup_dcookie", Group::kObsolete, ENOSYS, kRemoved),
    Notify(213, "epoll_create", Group::kInputOutput, SysEpollCreate, {K::kInt}, "the sentry makes it and gives it away"),
    Refuse(214, "epoll_ctl_old", Group::kObsolete, ENOSYS, kRemoved),
    Refuse(215, "epoll_wait_old", Group::kObsolete, ENOSYS, kRemoved),
    Refuse(216, "remap_file_pages", Group::kMemory, ENOSYS, "emulated and deprecated since Linux 4.0"),
    Native(217, "getdents64", Group::kFiles, "lists a directory by descriptor; directories of /proc and /sys are real ones of the sentry's tmpfs"),
    Native(218, "set_tid_address", Group::kProcesses, kOwnTask),
    Native(219, "restart_syscall", Group::kProcesses, "the kernel's own continuation of an interrupted native call"),
    Only(220, "semtimedop", Group::kIpc, checks::Semop(), E2BIG, "the container's own IPC namespace; at most 64 operations at once"),
    NativeBut(221, "fadvise64", Group::kFiles, checks::Fadvise(), "patterns of reading; dropping pages that others read too is skipped, and succeeds"),
    Only(222, "timer_create", Group::kTime, checks::TimerCreate(), EINVAL, "timers on the wall, monotonic and own CPU clocks, limited by RLIMIT_SIGPENDING; none that wakes the machine"),
    Native(223, "timer_settime", Group::kTime, kTimer),
    Native(224, "timer_gettime", Group::kTime, kTimer),
    Native(225, "timer_getoverrun", Group::kTime, kTimer),
    Native(226, "timer_delete", Group::kTime, kTimer),
    Refuse(227, "clock_settime", Group::kTime, EPERM, "the host's clock"),
    NativeBut(228, "clock_gettime", Group::kTime, checks::ClockId(), "the system's clocks and CPU times; no clock of a device behind a descriptor"),
    NativeBut(229, "clock_getres", Group::kTime, checks::ClockId(), "as clock_gettime"),
    NativeBut(230, "clock_nanosleep", Group::kTime, checks::SleepClock(), "as clock_gettime; no clock that wakes the machine"),
    Native(231, "exit_group", Group::kProcesses, kOwnTask),
    Native(232, "epoll_wait", Group::kInputOutput, kWait),
    Native(233, "epoll_ctl", Group::kInputOutput, kWait),
    Native(234, "tgkill", Group::kProcesses, kSignal),
    Notify(235, "utimes", Group::kPaths, SysUtimes, {K::kPath, K::kPointer}, kPath),
    Refuse(236, "vserver", Group::kObsolete, ENOSYS, kRemoved),
    Refuse(237, "mbind", Group::kMemory, ENOSYS, kNoNuma),
    Refuse(238, "set_mempolicy", Group::kMemory, ENOSYS, kNoNuma),
    Refuse(239, "get_mempolicy", Group::kMemory, ENOSYS, kNoNuma),
    Only(240, "mq_open", Group::kIpc, checks::MqOpen(), EINVAL, "names live in the container's own IPC namespace, not in its file system; plain flags"),
    Native(241, "mq_unlink", Group::kIpc, "names live in the container's own IPC namespace, not in its file system"),
    NativeBut(242, "mq_timedsend", Group::kIpc, checks::MqSend(), "acts on a descriptor of mq_open; messages of at most 64 KiB"),
    Native(243, "mq_timedreceive", Group::kIpc, kByFd),
    Native(244, "mq_notify", Group::kIpc, kByFd),
    Native(245, "mq_getsetattr", Group::kIpc, kByFd),
    Refuse(246, "kexec_load", Group::kKernel, EPERM, kByHostRoot),
    Native(247, "waitid", Group::kProcesses, "the caller's own children"),
    Refuse(248, "add_key", Group::kKernel, ENOSYS, "key rings are not namespaced; as a kernel without CONFIG_KEYS"),
    Refuse(249, "request_key", Group::kKernel, ENOSYS, "key rings are not namespaced; as a kernel without CONFIG_KEYS"),
    Refuse(250, "keyctl", Group::kKernel, ENOSYS, "key rings are not namespaced; as a kernel without CONFIG_KEYS"),
    Only(251, "ioprio_set", Group::kProcesses, checks::IoPriority(), EPERM, "of single tasks and process groups"),
    Only(252, "ioprio_get", Group::kProcesses, checks::IoPriority(), EPERM, "of single tasks and process groups"),
    Notify(253, "inotify_init", Group::kFiles, SysInotifyInit, {}, "the sentry makes it and gives it away"),
    Notify(254, "inotify_add_watch", Group::kPaths, SysInotifyAddWatch, {K::kFd, K::kPath, K::kHex}, "the gofer adds the watch to a duplicate of the descriptor; files of /proc and /sys send no events, and what is no directory and has no name cannot be watched through /proc/self/fd: ENOENT"),
    Notify(255, "inotify_rm_watch", Group::kFiles, SysInotifyRmWatch, {K::kFd, K::kInt}, "the sentry takes the watch away, on a duplicate of the descriptor"),
    Refuse(256, "migrate_pages", Group::kMemory, EPERM, "moves other tasks' memory between nodes; placement is the cgroup's matter"),
    Notify(257, "openat", Group::kPaths, SysOpenat, {K::kDirFd, K::kPath, K::kOpenFlags, K::kMode}, kPath),
    Notify(258, "mkdirat", Group::kPaths, SysMkdirat, {K::kDirFd, K::kPath, K::kMode}, kPath),
    Notify(259, "mknodat", Group::kPaths, SysMknodat, {K::kDirFd, K::kPath, K::kMode, K::kHex}, "as other paths; device nodes are refused by the kernel, as in every user namespace"),
    Notify(260, "fchownat", Group::kPaths, SysFchownat, {K::kDirFd, K::kPath, K::kInt, K::kInt, K::kAtFlags}, kPath),
    {261, "futimesat", Group::kPaths, checks::TimesOfDescriptor(), {Verdict::Kind::kNotify}, SysFutimesat, {K::kDirFd, K::kPath, K::kPointer}, "native without a path: then the descriptor itself is meant", {}},
    {262, "newfstatat", Group::kPaths, checks::StatOfDescriptor(), {Verdict::Kind::kNotify}, SysNewfstatat, {K::kDirFd, K::kPath, K::kPointer, K::kAtFlags}, "native with a descriptor and exactly AT_EMPTY_PATH (glibc's fstat); a path given with that flag is then walked by the kernel within the container's tree", {}},
    Notify(263, "unlinkat", Group::kPaths, SysUnlinkat, {K::kDirFd, K::kPath, K::kAtFlags}, kPath),
    Notify(264, "renameat", Group::kPaths, SysRenameat, {K::kDirFd, K::kPath, K::kDirFd, K::kPath}, kPath),
    Notify(265, "linkat", Group::kPaths, SysLinkat, {K::kDirFd, K::kPath, K::kDirFd, K::kPath, K::kAtFlags}, kPath),
    Notify(266, "symlinkat", Group::kPaths, SysSymlinkat, {K::kString, K::kDirFd, K::kPath}, kPath),
    Notify(267, "readlinkat", Group::kPaths, SysReadlinkat, {K::kDirFd, K::kPath, K::kPointer, K::kSize}, kPath),
    Notify(268, "fchmodat", Group::kPaths, SysFchmodat, {K::kDirFd, K::kPath, K::kMode}, kPath),
    Notify(269, "faccessat", Group::kPaths, SysFaccessat, {K::kDirFd, K::kPath, K::kMode}, kPath),
    Native(270, "pselect6", Group::kInputOutput, kWait),
    Native(271, "ppoll", Group::kInputOutput, kWait),
    Only(272, "unshare", Group::kProcesses, checks::Unshare(), EPERM, "own tables of descriptors, file system state or semaphore undos, but no new namespaces"),
    Native(273, "set_robust_list", Group::kProcesses, kOwnTask),
    Native(274, "get_robust_list", Group::kProcesses, "an address in the caller, or in a task of the container that it could trace"),
    Native(275, "splice", Group::kInputOutput, kByFd),
    Refuse(276, "tee", Group::kInputOutput, EINVAL, "pipes that share pages with other files and processes, a history of holes; as for descriptors that do not support it, and programs copy"),
    Refuse(277, "sync_file_range", Group::kFiles, ENOSYS, "a hint for write-back; programs do without"),
    Refuse(278, "vmsplice", Group::kInputOutput, EINVAL, "pipes that share pages with other files and processes, a history of holes; as for descriptors that do not support it, and programs copy"),
    Refuse(279, "move_pages", Group::kMemory, ENOSYS, kNoNuma),
    {280, "utimensat", Group::kPaths, checks::TimesOfDescriptor(), {Verdict::Kind::kNotify}, SysUtimensat, {K::kDirFd, K::kPath, K::kPointer, K::kAtFlags}, "native without a path: then the descriptor itself is meant (futimens)", {}},
    Native(281, "epoll_pwait", Group::kInputOutput, kWait),
    Refuse(282, "signalfd", Group::kProcesses, ENOSYS, "libc uses signalfd4"),
    Only(283, "timerfd_create", Group::kTime, checks::TimerfdCreate(), EINVAL, "on the wall and monotonic clocks; none that wakes the machine"),
    Refuse(284, "eventfd", Group::kInputOutput, ENOSYS, "libc uses eventfd2"),
    Only(285, "fallocate", Group::kFiles, checks::Fallocate(), EOPNOTSUPP, "growing, punching and zeroing; no collapsing or inserting of ranges"),
    Native(286, "timerfd_settime", Group::kTime, kByFd),
    Native(287, "timerfd_gettime", Group::kTime, kByFd),
    Native(288, "accept4", Group::kSockets, kSocket),
    Notify(289, "signalfd4", Group::kProcesses, SysSignalfd4, {K::kFd, K::kPointer, K::kSize, K::kHex}, "the sentry makes it, or changes the mask of the caller's; a reader gets its own signals"),
    Notify(290, "eventfd2", Group::kInputOutput, SysEventfd2, {K::kInt, K::kHex}, "the sentry makes it and gives it away"),
    Notify(291, "epoll_create1", Group::kInputOutput, SysEpollCreate1, {K::kHex}, "the sentry makes it and gives it away"),
    Native(292, "dup3", Group::kInputOutput, kByFd),
    Only(293, "pipe2", Group::kInputOutput, checks::Pipe2(), ENOPKG, "no O_NOTIFICATION_PIPE (watch queues), as a kernel without CONFIG_WATCH_QUEUE"),
    Notify(294, "inotify_init1", Group::kFiles, SysInotifyInit1, {K::kHex}, "the sentry makes it and gives it away"),
    Native(295, "preadv", Group::kInputOutput, kByFd),
    Native(296, "pwritev", Group::kInputOutput, kByFd),
    Refuse(297, "rt_tgsigqueueinfo", Group::kProcesses, ENOSYS, "pthread_sigqueue(3) alone uses it; sigqueue(3) and pthread_kill(3) work"),
    Refuse(298, "perf_event_open", Group::kKernel, EPERM, "the host's performance counters, a wide attack surface"),
    NativeBut(299, "recvmmsg", Group::kSockets, checks::FlagsOfMessages(), "as recvfrom"),
    Refuse(300, "fanotify_init", Group::kFiles, EPERM, "its events carry descriptors and handles; inotify serves"),
    Refuse(301, "fanotify_mark", Group::kFiles, EPERM, "its events carry descriptors and handles; inotify serves"),
    NativeBut(302, "prlimit64", Group::kProcesses, checks::Prlimit(), "limits of the container's tasks are told, the caller's own changed; raising a hard limit needs a capability over the host"),
    Refuse(303, "name_to_handle_at", Group::kPaths, EOPNOTSUPP, "handles go round the walk; as a file system that has none"),
    Refuse(304, "open_by_handle_at", Group::kPaths, EPERM, kByHostRoot),
    Refuse(305, "clock_adjtime", Group::kTime, EPERM, "the host's clock"),
    Notify(306, "syncfs", Group::kFiles, SysSyncfs, {K::kFd}, "the sentry writes back the file system of the caller's descriptor"),
    {307, "sendmmsg", Group::kSockets, checks::SendMessages(), {Verdict::Kind::kNotify}, SysSendmmsg, {K::kFd, K::kPointer, K::kInt, K::kHex}, "as sendmsg, with any flags: datagrams to paths are sent by the caller itself, one by one; others are continued", "a path swapped in is walked from the empty root, or from a directory of the container's own tree under the caller's own credentials; flags and descriptor are registers"},
    Refuse(308, "setns", Group::kMounts, EPERM, "the container's namespaces are set before it starts"),
    Refuse(309, "getcpu", Group::kProcesses, ENOSYS, "libc asks the vdso"),
    Notify(310, "process_vm_readv", Group::kProcesses, SysReachIntoTask, {K::kInt, K::kPointer, K::kSize, K::kPointer, K::kSize, K::kHex}, kReach, kReachContinue),
    Notify(311, "process_vm_writev", Group::kProcesses, SysReachIntoTask, {K::kInt, K::kPointer, K::kSize, K::kPointer, K::kSize, K::kHex}, kReach, kReachContinue),
    Refuse(312, "kcmp", Group::kKernel, ENOSYS, "compares kernel objects by address; as a kernel without CONFIG_KCMP"),
    Refuse(313, "finit_module", Group::kKernel, EPERM, kByHostRoot),
    Refuse(314, "sched_setattr", Group::kProcesses, ENOSYS, "deadlines and utilisation clamps are the host's matter; programs fall back to sched_setscheduler"),
    Refuse(315, "sched_getattr", Group::kProcesses, ENOSYS, "deadlines and utilisation clamps are the host's matter; programs fall back to sched_setscheduler"),
    Notify(316, "renameat2", Group::kPaths, SysRenameat2, {K::kDirFd, K::kPath, K::kDirFd, K::kPath, K::kHex}, kPath),
    {317, "seccomp", Group::kProcesses, checks::Seccomp(), {Verdict::Kind::kErrno, EINVAL}, SysAddFilter, {K::kInt, K::kHex, K::kPointer}, "filters of the workload come on top: they can only take more away, and the sentry hears of them; a second listener is EBUSY", kFilterContinue},
    Only(318, "getrandom", Group::kKernel, checks::Getrandom(), EINVAL, "random bytes, never from a pool that is not ready"),
    Only(319, "memfd_create", Group::kMemory, checks::MemfdCreate(), EINVAL, "a new file in anonymous memory, charged to the cgroup; no huge pages"),
    Refuse(320, "kexec_file_load", Group::kKernel, EPERM, kByHostRoot),
    Refuse(321, "bpf", Group::kKernel, EPERM, "a wide attack surface; as kernel.unprivileged_bpf_disabled"),
    Notify(322, "execveat", Group::kProcesses, SysExecveat, {K::kDirFd, K::kPath, K::kPointer, K::kPointer, K::kAtFlags}, "as execve; the platform's own re-issued call passes the filter by its cookie"),
    Refuse(323, "userfaultfd", Group::kMemory, EPERM, "stops the kernel in the middle of a copy, the tool of many exploits; as vm.unprivileged_userfaultfd=0"),
    Only(324, "membarrier", Group::kMemory, checks::Membarrier(), EINVAL, "the barriers within the own process; those that interrupt every CPU of the host are refused"),
    Refuse(325, "mlock2", Group::kMemory, ENOSYS, "libc falls back to mlock"),
    Native(326, "copy_file_range", Group::kInputOutput, kByFd),
    Refuse(327, "preadv2", Group::kInputOutput, ENOSYS, kYoungRead),
    Refuse(328, "pwritev2", Group::kInputOutput, ENOSYS, kYoungRead),
    Refuse(329, "pkey_mprotect", Group::kMemory, ENOSYS, "as a kernel without protection keys; programs do without"),
    Refuse(330, "pkey_alloc", Group::kMemory, ENOSYS, "as a kernel without protection keys; programs do without"),
    Refuse(331, "pkey_free", Group::kMemory, ENOSYS, "as a kernel without protection keys; programs do without"),
    {332, "statx", Group::kPaths, checks::StatxOfDescriptor(), {Verdict::Kind::kNotify}, SysStatx, {K::kDirFd, K::kPath, K::kAtFlags, K::kHex, K::kPointer}, "native with a descriptor and exactly AT_EMPTY_PATH; a path given with that flag is then walked by the kernel within the container's tree", {}},
    Refuse(333, "io_pgetevents", Group::kInputOutput, ENOSYS, kNoAio),
    Native(334, "rseq", Group::kProcesses, kOwnTask),
    Refuse(335, "uretprobe", Group::kKernel, ENOSYS, "only the kernel's own trampoline makes it; the kernel does not ask the filter and kills other callers"),
    Refuse(336, "uprobe", Group::kKernel, ENOSYS, "only the kernel's own trampoline makes it"),
    Only(424, "pidfd_send_signal", Group::kProcesses, checks::PidfdSendSignal(), EINVAL, "processes of the container's pid namespace; not threads or groups"),
    Refuse(425, "io_uring_setup", Group::kInputOutput, ENOSYS, "its operations pass no filter"),
    Refuse(426, "io_uring_enter", Group::kInputOutput, ENOSYS, "its operations pass no filter"),
    Refuse(427, "io_uring_register", Group::kInputOutput, ENOSYS, "its operations pass no filter"),
    Refuse(428, "open_tree", Group::kMounts, EPERM, kMountNs),
    Refuse(429, "move_mount", Group::kMounts, EPERM, kMountNs),
    Refuse(430, "fsopen", Group::kMounts, EPERM, kMountNs),
    Refuse(431, "fsconfig", Group::kMounts, EPERM, kMountNs),
    Refuse(432, "fsmount", Group::kMounts, EPERM, kMountNs),
    Refuse(433, "fspick", Group::kMounts, EPERM, kMountNs),
    Only(434, "pidfd_open", Group::kProcesses, checks::PidfdOpen(), EINVAL, "processes of the container's pid namespace, not threads; the descriptor's ioctls are refused"),
    Refuse(435, "clone3", Group::kProcesses, ENOSYS, "its flags lie behind a pointer, out of the filter's sight; libc falls back to clone"),
    Only(436, "close_range", Group::kInputOutput, checks::CloseRange(), EINVAL, "closes, or marks for closing; no new table of descriptors on the way"),
    Notify(437, "openat2", Group::kPaths, SysOpenat2, {K::kDirFd, K::kPath, K::kPointer, K::kSize}, "as openat; RESOLVE_NO_XDEV and RESOLVE_NO_MAGICLINKS do not see the border between the container's tree and /proc"),
    Notify(438, "pidfd_getfd", Group::kProcesses, SysReachIntoTask, {K::kFd, K::kInt, K::kHex}, kReach, kReachContinue),
    Notify(439, "faccessat2", Group::kPaths, SysFaccessat2, {K::kDirFd, K::kPath, K::kMode, K::kAtFlags}, kPath),
    Refuse(440, "process_madvise", Group::kMemory, EPERM, "advice about the memory of others; for managers of whole machines"),
    Refuse(441, "epoll_pwait2", Group::kInputOutput, ENOSYS, kYoung),
    Refuse(442, "mount_setattr", Group::kMounts, EPERM, kMountNs),
    Refuse(443, "quotactl_fd", Group::kMounts, EPERM, kByHostRoot),
    Refuse(444, "landlock_create_ruleset", Group::kProcesses, ENOSYS, "the gofer opens the files, so a rule on the caller would promise what it does not keep"),
    Refuse(445, "landlock_add_rule", Group::kProcesses, ENOSYS, "the gofer opens the files, so a rule on the caller would promise what it does not keep"),
    Refuse(446, "landlock_restrict_self", Group::kProcesses, ENOSYS, "the gofer opens the files, so a rule on the caller would promise what it does not keep"),
    Refuse(447, "memfd_secret", Group::kMemory, ENOSYS, "memory that the sentry could not read paths from; off in most kernels"),
    Refuse(448, "process_mrelease", Group::kMemory, EPERM, "advice about the memory of others; for managers of whole machines"),
    Refuse(449, "futex_waitv", Group::kMemory, ENOSYS, kYoung),
    Refuse(450, "set_mempolicy_home_node", Group::kMemory, ENOSYS, kNoNuma),
    Refuse(451, "cachestat", Group::kFiles, ENOSYS, kYoung),
    Notify(452, "fchmodat2", Group::kPaths, SysFchmodat2, {K::kDirFd, K::kPath, K::kMode, K::kAtFlags}, kPath),
    Refuse(453, "map_shadow_stack", Group::kMemory, ENOSYS, kYoung),
    Refuse(454, "futex_wake", Group::kMemory, ENOSYS, kYoung),
    Refuse(455, "futex_wait", Group::kMemory, ENOSYS, kYoung),
    Refuse(456, "futex_requeue", Group::kMemory, ENOSYS, kYoung),
    Refuse(457, "statmount", Group::kMounts, ENOSYS, "would tell of the empty root; programs fall back to /proc/self/mountinfo"),
    Refuse(458, "listmount", Group::kMounts, ENOSYS, "would tell of the empty root; programs fall back to /proc/self/mountinfo"),
    Refuse(459, "lsm_get_self_attr", Group::kKernel, ENOSYS, "the host's security modules are not the container's"),
    Refuse(460, "lsm_set_self_attr", Group::kKernel, ENOSYS, "the host's security modules are not the container's"),
    Refuse(461, "lsm_list_modules", Group::kKernel, ENOSYS, "the host's security modules are not the container's"),
    Refuse(462, "mseal", Group::kMemory, ENOSYS, kYoung),
    Notify(463, "setxattrat", Group::kPaths, SysSetxattrat, {K::kDirFd, K::kPath, K::kAtFlags, K::kString, K::kPointer, K::kSize}, kPath),
    Notify(464, "getxattrat", Group::kPaths, SysGetxattrat, {K::kDirFd, K::kPath, K::kAtFlags, K::kString, K::kPointer, K::kSize}, kPath),
    Notify(465, "listxattrat", Group::kPaths, SysListxattrat, {K::kDirFd, K::kPath, K::kAtFlags, K::kPointer, K::kSize}, kPath),
    Notify(466, "removexattrat", Group::kPaths, SysRemovexattrat, {K::kDirFd, K::kPath, K::kAtFlags, K::kString}, kPath),
    Refuse(467, "open_tree_attr", Group::kMounts, EPERM, kMountNs),
    Refuse(468, "file_getattr", Group::kPaths, ENOSYS, "new in 6.17; programs fall back to FS_IOC_GETFLAGS on a descriptor"),
    Refuse(469, "file_setattr", Group::kPaths, ENOSYS, "new in 6.17; programs fall back to FS_IOC_SETFLAGS on a descriptor"),
    Notify(loader::kPlanCall, "moat_plan", Group::kProcesses, SysLoaderPlan, {K::kPointer, K::kSize}, "not a call of Linux: the stub asks for its plan, once after an exec; ENOSYS for everybody else"),
};
// clang-format on

}  // namespace

absl::string_view GroupTitle(Group group) {
  switch (group) {
    case Group::kInputOutput:
      return "Reading, writing, waiting";
    case Group::kPaths:
      return "Paths";
    case Group::kFiles:
      return "Open files";
    case Group::kMemory:
      return "Memory";
    case Group::kProcesses:
      return "Processes, signals, scheduling";
    case Group::kCredentials:
      return "Credentials";
    case Group::kTime:
      return "Time";
    case Group::kIpc:
      return "System V and POSIX IPC";
    case Group::kSockets:
      return "Sockets";
    case Group::kMounts:
      return "Mounts and namespaces";
    case Group::kKernel:
      return "The machine";
    case Group::kObsolete:
      return "Obsolete";
  }
  return "";
}

bool Entry::Notifies() const {
  return otherwise.kind == Verdict::Kind::kNotify ||
         std::any_of(checks.begin(), checks.end(), [](const Check& check) {
           return check.verdict.kind == Verdict::Kind::kNotify;
         });
}

absl::Span<const Entry> SyscallTable() { return kTable; }

const Entry* FindSyscall(int nr) {
  const Entry* entry =
      std::lower_bound(std::begin(kTable), std::end(kTable), nr,
                       [](const Entry& line, int number) { return line.nr < number; });
  return entry != std::end(kTable) && entry->nr == nr ? entry : nullptr;
}

}  // namespace moat::sentry
