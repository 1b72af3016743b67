#include "policies/process/names.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/kcmp.h>
#include <linux/prctl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/linux_abi/seccomp.h"
#include "base/turns.h"

namespace moat::policies {
namespace {

struct Name {
  absl::string_view name;
  uint32_t value;
};

// Younger than libseccomp 2.5.4, or not Linux's.
constexpr Name kYoungCalls[] = {{"fchmodat2", 452}, {"moat_pass_turn", kPassTurnCall}};

// What pthread_create(3) of glibc asks for: a thread, never a process.
constexpr uint32_t kThreadFlags = 0x3d0f00;
constexpr uint32_t kGetPidFromPidns = 0x8004b706;  // NS_GET_PID_FROM_PIDNS, Linux 6.12

constexpr Name kConstants[] = {
    {"PTHREAD_CLONE_FLAGS", kThreadFlags},
    {"PROT_EXEC", PROT_EXEC},
    {"CLONE_FS", CLONE_FS},
    {"F_DUPFD_CLOEXEC", F_DUPFD_CLOEXEC},
    {"F_GETFD", F_GETFD},
    {"F_SETFD", F_SETFD},
    {"F_GETFL", F_GETFL},
    {"F_SETFL", F_SETFL},
    {"F_ADD_SEALS", F_ADD_SEALS},
    {"F_GET_SEALS", F_GET_SEALS},
    {"TCGETS", TCGETS},
    {"NS_GET_PID_FROM_PIDNS", kGetPidFromPidns},
    {"SECCOMP_IOCTL_NOTIF_RECV", static_cast<uint32_t>(SECCOMP_IOCTL_NOTIF_RECV)},
    {"SECCOMP_IOCTL_NOTIF_SEND", static_cast<uint32_t>(SECCOMP_IOCTL_NOTIF_SEND)},
    {"SECCOMP_IOCTL_NOTIF_ID_VALID", static_cast<uint32_t>(SECCOMP_IOCTL_NOTIF_ID_VALID)},
    {"SECCOMP_IOCTL_NOTIF_ADDFD", static_cast<uint32_t>(SECCOMP_IOCTL_NOTIF_ADDFD)},
    {"SECCOMP_IOCTL_NOTIF_SET_FLAGS", static_cast<uint32_t>(SECCOMP_IOCTL_NOTIF_SET_FLAGS)},
    {"SECCOMP_SET_MODE_FILTER", SECCOMP_SET_MODE_FILTER},
    {"SECCOMP_GET_NOTIF_SIZES", SECCOMP_GET_NOTIF_SIZES},
    {"SECCOMP_FILTER_FLAG_NEW_LISTENER", SECCOMP_FILTER_FLAG_NEW_LISTENER},
    {"PTRACE_SEIZE", PTRACE_SEIZE},
    {"PTRACE_INTERRUPT", PTRACE_INTERRUPT},
    {"PTRACE_GETREGS", PTRACE_GETREGS},
    {"PTRACE_SETREGS", PTRACE_SETREGS},
    {"PTRACE_GETSIGMASK", PTRACE_GETSIGMASK},
    {"PTRACE_SETSIGMASK", PTRACE_SETSIGMASK},
    {"PTRACE_GETSIGINFO", PTRACE_GETSIGINFO},
    {"PTRACE_SINGLESTEP", PTRACE_SINGLESTEP},
    {"PTRACE_DETACH", PTRACE_DETACH},
    {"AF_INET", AF_INET},
    {"AF_INET6", AF_INET6},
    {"SOL_SOCKET", SOL_SOCKET},
    {"SO_PROTOCOL", SO_PROTOCOL},
    {"DATAGRAMS", SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK},
    {"STREAMS", SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK},
    {"BPF_MAP_UPDATE_ELEM", BPF_MAP_UPDATE_ELEM},
    {"BPF_MAP_DELETE_ELEM", BPF_MAP_DELETE_ELEM},
    {"PR_SET_VMA", PR_SET_VMA},
    {"NULL", 0},
    {"NO_SIGNAL", 0},
    {"SIGABRT", SIGABRT},
    {"SIGUSR1", SIGUSR1},
    {"SIGKILL", SIGKILL},
    {"SIGSTOP", SIGSTOP},
    {"KCMP_VM", KCMP_VM},
    {"SIGTRAP", SIGTRAP},
    {"SIGXFSZ", SIGXFSZ},
    {"SIGSETXID", 33},  // glibc's own (nptl)
};

constexpr Name kErrors[] = {{"ENOSYS", ENOSYS}, {"EPERM", EPERM}};

template <size_t N>
std::optional<uint32_t> Find(const Name (&names)[N], absl::string_view name) {
  for (const Name& entry : names) {
    if (entry.name == name) return entry.value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> CallNumber(const std::string& name) {
  if (const auto young = Find(kYoungCalls, name)) return static_cast<int>(*young);
  const int number = ::seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, name.c_str());
  if (number < 0) return std::nullopt;
  return number;
}

std::optional<uint32_t> ConstantValue(absl::string_view name) { return Find(kConstants, name); }

std::optional<int> ErrnoNumber(absl::string_view name) {
  const auto error = Find(kErrors, name);
  if (!error) return std::nullopt;
  return static_cast<int>(*error);
}

}  // namespace moat::policies
